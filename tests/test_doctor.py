"The doctor on real photographs: what it says of them, and that near-duplicates are what its notebook says they are"
import json, os, pytest, sys, numpy as np
from subprocess import run

sets = ['asl-alphabet', 'massey', 'sign-language-digits', *(f'people/{o}' for o in ('p1','p2','p3','p4','p5','p6','p7','p8','judge1','judge2'))]

@pytest.mark.parametrize('name', sets)
def test_real_sets_have_no_errors(photos, name):
    "A photograph set that people train on has remarks at most, and every file in it is counted"
    from asl_fastai.doctor import examine
    from asl_fastai.sets import picture_files
    r = examine(photos/name, progress=False)
    assert r.ok, str(r)
    assert r.to_dict()['n']==len(picture_files(photos/name))
    assert json.loads(r.to_json())['status']==0

@pytest.fixture(scope='module')
def clips(photos):
    "Signatures, labels and frame numbers of the alphabet's photographs"
    from asl_fastai.doctor import signatures
    from asl_fastai.sets import frame_of, label_of, picture_files
    files = picture_files(photos/'asl-alphabet/asl_alphabet_train')
    return signatures(files, progress=False), np.array([label_of(o) for o in files]), np.array([frame_of(o) for o in files])

def share(clips, valid, train):
    "Of the `valid` part, how many have a near-duplicate in the `train` part"
    from asl_fastai.doctor import near_duplicate, nearest
    x,y,_ = clips
    return (nearest(x[valid], x[train], (y[valid],y[train]))[1] <= near_duplicate).mean()

@pytest.mark.parametrize('seed', range(3))
def test_random_split_leaks(clips, seed):
    "Most pictures of a random fifth have a near-duplicate in the rest"
    valid = np.random.default_rng(seed).random(len(clips[0])) < .2
    assert share(clips, valid, ~valid) > .55

@pytest.mark.parametrize('first', [1, 1201, 2401])
def test_block_split_hardly_leaks(clips, first):
    "Few pictures of a block of frames have one in frames more than 50 away"
    n = clips[2]
    assert share(clips, (n>=first)&(n<first+600), (n<first-50)|(n>=first+650)) < .1

def test_other_people_are_not_near(photos, clips):
    "No frame of the alphabet has a near-duplicate among other people's photographs, whatever the sign"
    from asl_fastai.doctor import near_duplicate, nearest, signatures
    from asl_fastai.sets import picture_files
    others = signatures([o for p in ('p2','p8') for o in picture_files(photos/'people'/p)], progress=False)
    assert nearest(clips[0], others)[1].min() > 1.5*near_duplicate

def test_no_torch(photos):
    "Examining a folder loads neither torch nor fastai"
    code = f"import sys; from asl_fastai.doctor import examine; examine({str(photos/'people/p1')!r}); assert not {{'torch','fastai'}} & set(sys.modules)"
    assert run([sys.executable, '-c', code], env={**os.environ, 'OMP_NUM_THREADS': '1'}).returncode==0
