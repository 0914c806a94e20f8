"What tests share: the photographs where they are, the rendered sample, and one tiny model, trained once"
import os, shutil, subprocess
from pathlib import Path
from sysconfig import get_path

import pytest
from fastcore.script import anno_parser
from filelock import FileLock

repo = Path(__file__).resolve().parent.parent
shared = repo.parent/'shared'
weights_file = shared/'weights'/'resnet18_pqf_fp16.pth.xz'

def script(command): return Path(get_path('scripts'))/command

def asl(command, *args, check=True, **env):
    "Runs one of our commands as a user does, and gives the finished process"
    r = subprocess.run([script(command), *map(str, args)], capture_output=True, text=True, cwd=repo, env={**os.environ, **env})
    assert not check or r.returncode==0, f'{command} {args}: {r.returncode}\n{r.stdout}\n{r.stderr}'
    return r

def in_process(command, *args):
    "Runs a command in this process, where fastai is loaded already, and gives its status"
    kwargs = vars(anno_parser(command.__wrapped__).parse_args([str(o) for o in args]))
    return command(**{k: v for k,v in kwargs.items() if k not in ('pdb', 'xtra')})

@pytest.fixture(scope='session')
def photos():
    "The folder of real photographs; skips where they are not"
    if not (shared/'data').is_dir(): pytest.skip('the real photographs (../shared/data) are not on this machine')
    return shared/'data'

@pytest.fixture(scope='session')
def imagenet():
    "A file of ImageNet weights for resnet18; skips where it is not"
    if not weights_file.exists(): pytest.skip(f'{weights_file.name} (../shared/weights) is not on this machine')
    return weights_file

@pytest.fixture(scope='session')
def sample():
    "The folder of the rendered sample"
    from asl_fastai.sets import get_data
    return get_data('sample')

def made_once(tmp_path_factory, name, make):
    "The folder that `make(folder)` fills, one for all of xdist's workers"
    root = tmp_path_factory.getbasetemp()
    if 'PYTEST_XDIST_WORKER' in os.environ: root = root.parent
    with FileLock(root/f'{name}.lock'):
        if not (root/f'{name}.made').exists():
            make(root/name)
            (root/f'{name}.made').touch()
    return root/name

@pytest.fixture(scope='session')
def some(sample, tmp_path_factory):
    "A few classes of the sample's training part, 60 frames each, as a plain folder"
    from asl_fastai.sets import parts_of
    def copy(folder):
        for c in ('B', 'Y', 'del', 'nothing', 'space'): shutil.copytree(parts_of(sample)['train']/c, folder/c)
    return made_once(tmp_path_factory, 'some', copy)

@pytest.fixture(scope='session')
def tiny(some, tmp_path_factory):
    "A run of six epochs on the few classes, whole: the one model that all tests share"
    args = '--data', some, '--test', 'sample', '--epochs', 6, '--lr', 3e-3, '--size', 48, '--bs', 16, '--weights', 'none'
    return made_once(tmp_path_factory, 'tiny', lambda out: asl('asl_train', *args, '--out', out))

# The files that take longest, which come first, so that no worker is left alone with one of them (`--no-loadscope-reorder` keeps the order)
longest = 'test_tune test_stranger test_cli test_distributed test_photos test_resume test_predict test_project test_app'.split()

def pytest_collection_modifyitems(items): items.sort(key=lambda o: [*longest, o.path.stem].index(o.path.stem))
