"Stores under bad luck: a builder that is killed, two builders at once, a disk that fills up while one builds, files that are damaged"
import json, os, resource, shutil, subprocess, sys, time

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

def put(name, data): return lambda path: (path/name).write_bytes(data)

def swap(name, old, new):
    "Damage: some bytes of a file are others"
    def damage(path):
        was = (path/name).read_bytes()
        assert old in was
        (path/name).write_bytes(was.replace(old, new, 1))
    return damage

def other_hash(path):
    "Damage: the last digit of the table"
    was = (path/'pictures.csv').read_text().strip()
    (path/'pictures.csv').write_text(f'{was[:-1]}{(int(was[-1])+1)%2}\n')

damages = {'no store.json': lambda path: (path/'store.json').unlink(), 'an empty folder': lambda path: [o.unlink() for o in path.iterdir()],
    'a file in its place': lambda path: [shutil.rmtree(path), path.write_text('')], 'no pictures': put('pictures.npy', b''),
    'an archive': put('pictures.npy', b'PK\x03\x04 and more'), 'other numbers': swap('pictures.npy', b'|u1', b'|i1'), 'a list': put('store.json', b'[]'),
    'no folder': swap('store.json', b'"folder": "', b'"folder": null, "was": "'), 'no number': swap('pictures.csv', b'Y1.png,', b'Y1.png,many'),
    'no column': swap('pictures.csv', b'bytes', b'bites'), 'another hash': other_hash, 'another label': swap('pictures.csv', b',B,', b',Y,')}

def store_in(folder):
    "The store of two pictures, made when they are not there"
    from asl_fastai.store import store_of
    from PIL import Image
    for o in 'BY':
        if (folder/'set'/o).exists(): continue
        (folder/'set'/o).mkdir(parents=True)
        Image.new('RGB', (16, 16), (ord(o), 0, 99)).save(folder/'set'/o/f'{o}1.png')
    return store_of(folder/'set', 16, folder, progress=False)

@pytest.mark.parametrize('damage', damages.values(), ids=damages)
def test_a_damaged_store_is_built_anew(tmp_path, capsys, damage):
    old = store_in(tmp_path)
    damage(old.path)
    new = store_in(tmp_path)
    assert capsys.readouterr().out==f'The store {old.path} is damaged; it is built anew\n'
    assert new.table.equals(old.table) and new.pictures[:, 0, 0].tolist()==[[66, 0, 99], [89, 0, 99]]

def test_a_store_of_before_is_as_good(tmp_path, capsys):
    "Its store.json has no checksum of the table"
    path = store_in(tmp_path).path
    about = json.loads((path/'store.json').read_text())
    (path/'store.json').write_text(json.dumps({k: v for k,v in about.items() if k!='table_crc'}))
    store_in(tmp_path)
    assert not capsys.readouterr().out

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
