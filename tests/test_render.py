"asl_render: sheets, clips and sets, broken off and gone on with, and what it refuses"
import hashlib, shutil, subprocess, time

import pandas as pd, pytest
from conftest import asl, script
from PIL import Image

def test_a_sheet_has_a_picture_of_each(tmp_path):
    assert 'abc.png' in asl('asl_render', 'abc', '--out', tmp_path/'abc.png', '--size', 64).stdout
    assert Image.open(tmp_path/'abc.png').size==(3*64, 64)
    asl('asl_render', 'A,7,space', '--out', tmp_path/'two.png', '--size', 32, '--n', 2, '--skin', 9, '--hand', 'left')
    assert Image.open(tmp_path/'two.png').size==(3*32, 2*32)

def test_a_seed_is_a_promise(tmp_path):
    for name,seed in (('a', 1), ('b', 1), ('c', 2)): asl('asl_render', 'K', '--out', tmp_path/f'{name}.png', '--size', 32, '--seed', seed)
    a, b, c = ((tmp_path/f'{o}.png').read_bytes() for o in 'abc')
    assert a==b!=c

def test_a_clip_spells_the_word(tmp_path):
    import av
    asl('asl_render', 'HI', '--out', tmp_path/'hi.mp4', '--size', 64)
    with av.open(tmp_path/'hi.mp4') as film: frames = [o.to_ndarray(format='rgb24') for o in film.decode(video=0)]
    assert 40 < len(frames) < 90 and frames[0].shape==(64, 64, 3)

def files(folder): return {str(p.relative_to(folder)): hashlib.blake2b(p.read_bytes()).hexdigest() for p in folder.rglob('*.jpg')}

def test_a_set_that_was_killed_goes_on(tmp_path):
    whole, killed = ('asl_render', 'ABA', '--n', 80, '--size', 32, '--out'), tmp_path/'killed'
    r = subprocess.Popen([script('asl_render'), *map(str, whole[1:]), str(killed)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while r.poll() is None and not (killed/'joints.csv').exists(): time.sleep(.02)
    r.kill()
    r.wait()
    assert len(files(killed)) < 160, 'it was done before it was killed: give it more to do'
    asl(*whole, killed)
    (tmp_path/'begun').mkdir()
    shutil.copy(killed/'render.json', tmp_path/'begun')
    (tmp_path/'begun'/'joints.csv').touch()
    asl(*whole, tmp_path/'begun')
    asl(*whole, tmp_path/'whole')
    assert files(tmp_path/'begun')==files(tmp_path/'whole')
    assert files(killed)==files(tmp_path/'whole') and len(files(killed))==160
    table = pd.read_csv(killed/'joints.csv')
    assert sorted(table.file)==sorted(files(killed)) and set(table.label)=={'A', 'B'}
    assert table[['wrist_u', 'little_tip_v']].apply(lambda o: o.between(0, 32)).all().all()

@pytest.mark.parametrize('args,says', [
    (['A?'], "no sign '?'"), ([''], 'required'), (['A', '--size', 9999], '16 to 1024'), (['A', '--skin', 0], 'Monk'), (['A', '--hand', 'both'], "'left' or 'right'"),
    (['A', '--n', 0], 'at least 1'), (['AB', '--n', 5000, '--size', 1024], 'memory'), (['A', '--out', 'nowhere/a.png'], 'no folder'), (['A', '--out', 'a.gif'], '.png or .mp4'),
    (['HI', '--out', 'hi.mp4', '--n', 3], 'leave --n out'), (['HI', '--out', 'hi.mp4', '--size', 63], 'even'), (['A,space', '--out', 'a.mp4'], 'cannot be spelled'),
    (['A', '--out', 'setup.py/set'], 'setup.py'), (['A', '--out', 'tests'], 'other things')])
def test_what_cannot_be_is_one_sentence(args, says):
    r = asl('asl_render', *args, check=False)
    last = r.stderr.strip().splitlines()[-1]
    assert r.returncode==2 and last.startswith('asl_render: ') and says in last and 'Traceback' not in r.stderr, r.stderr
