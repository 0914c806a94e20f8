"Stores under bad luck: a builder that is killed, two builders at once, a disk that fills up while one builds"
import os, resource, shutil, subprocess, sys, time

import pytest
from conftest import in_process, repo

build = 'import sys; from asl_fastai.store import store_of; store_of(sys.argv[1], int(sys.argv[2]))'

def builder(folder, size, root, code=build, **kwargs):
    "A process that builds a store"
    env = {**os.environ, 'ASL_DATA': str(root)}
    return subprocess.Popen([sys.executable, '-c', code, folder, str(size)], env=env, cwd=repo, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **kwargs)

def stores(root): return [o for o in (root/'.stores').iterdir() if not o.name.startswith('.')] if (root/'.stores').exists() else []

def test_a_killed_builder_leaves_nothing_that_is_taken_for_whole(some, tmp_path):
    from asl_fastai.store import store_of
    p = builder(some, 512, tmp_path)
    while not list(tmp_path.glob('.stores/.*.unfinished/pictures.npy')): time.sleep(.005)
    p.kill()
    p.wait()
    assert not stores(tmp_path)
    assert len(store_of(some, 512, tmp_path, progress=False))==300

def test_two_builders_make_one_store(some, tmp_path):
    both = [builder(some, 256, tmp_path) for _ in 'ab']
    said = [p.communicate()[1] for p in both]
    assert [p.returncode for p in both]==[0, 0], said
    assert len(stores(tmp_path))==1 and sum('waiting for it' in o for o in said)<=1
    assert sum('decoding' in o for o in said)==1, said

def test_a_full_disk_leaves_nothing(some, tmp_path):
    "A limit on the length of a file stands in for the disk"
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
    p = builder(some, 256, tmp_path, code='import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); '+build, preexec_fn=limit)
    said = p.communicate()[1]
    assert p.returncode and 'OSError' in said.splitlines()[-1] and 'make room there' in said.splitlines()[-1]
    assert not stores(tmp_path) and not list(tmp_path.glob('.stores/.*.unfinished'))

@pytest.mark.parametrize('bad, says', [(b'', 'is not a picture'), (b'\xff\xd8\xff', 'is not a picture')])
def test_training_on_a_damaged_picture_is_one_sentence(some, tmp_path, monkeypatch, capsys, bad, says):
    from asl_fastai.cli import asl_train
    monkeypatch.setenv('ASL_DATA', str(tmp_path))
    folder = shutil.copytree(some, tmp_path/'set')
    (folder/'B'/'B9999.jpg').write_bytes(bad)
    assert in_process(asl_train, '--data', folder, '--split', 'random', '--out', tmp_path/'run', '--size', 32)==2
    err = capsys.readouterr().err
    assert says in err and 'B9999.jpg' in err and 'Traceback' not in err
    assert not (tmp_path/'run').exists()
