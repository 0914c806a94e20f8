"The real photographs: the whole study on a slice of them, with real transfer. Skips where they are not"
import json

import pytest
from conftest import asl

@pytest.fixture(scope='session')
def slice_run(photos, imagenet, tmp_path_factory):
    "resnet18 with ImageNet weights on a sixth of the alphabet, judged on massey and two people"
    out = tmp_path_factory.mktemp('photos')/'slice'
    asl('asl_train', '--data', photos/'asl-alphabet', '--test', photos/'massey', photos/'people'/'p2', photos/'people'/'p8', '--fraction', .17,
        '--epochs', 2, '--size', 64, '--bs', 32, '--weights', imagenet, '--out', out)
    return out

def read(out, name): return json.loads((out/name).read_text())

def test_the_alphabet_is_read_as_kaggle_ships_it(photos):
    from asl_fastai.data import training_files
    files = training_files(str(photos/'asl-alphabet'))
    assert len(files)==4640

def test_transfer_learns_the_room(slice_run):
    ev = read(slice_run, 'evaluation.json')
    assert ev['accuracy'] > 3/29 and len(ev['per_class'])==29

def test_strangers_are_harder(slice_run):
    own = read(slice_run, 'evaluation.json')['accuracy']
    for name in ('massey', 'p2', 'p8'):
        ev = read(slice_run, f'evaluation-{name}.json')
        assert 1/29 < ev['accuracy'] < own and ev['accuracy_in_set']>=ev['accuracy']-1e-9
    assert not read(slice_run, 'evaluation-p2.json')['n_seen']

def test_what_the_model_lacks_is_reported(slice_run):
    ev = read(slice_run, 'evaluation-massey.json')
    assert set(ev['lacking'])==set('0123456789') and len(ev['per_class'])==26

def test_weights_are_the_file_s(slice_run): assert 'resnet18_pqf_fp16' in read(slice_run, 'config.json')['found']['weights']

def test_one_architecture_s_weights_are_not_another_s(photos, imagenet, tmp_path):
    r = asl('asl_train', '--data', photos/'asl-alphabet', '--arch', 'resnet34', '--weights', imagenet, '--out', tmp_path/'x', '--fraction', .05, check=False)
    assert r.returncode==2 and 'resnet34' in r.stderr

def test_random_split_leaks_and_blocks_hardly(photos, tmp_path):
    leaks = {}
    for split in ('random', 'block'):
        line = next(l for l in asl('asl_train', '--data', photos/'asl-alphabet', '--split', split, '--epochs', 0, '--out', tmp_path/'x').stdout.splitlines()
            if l.startswith('leak: '))
        leaks[split] = int(line.split()[1])/int(line.split()[3])
    assert leaks['random'] > .5 > 3*leaks['block']

@pytest.mark.parametrize('people', ['judge1', 'judge2'])
def test_judges_are_not_for_training(photos, tmp_path, people):
    r = asl('asl_train', '--data', photos/'people'/people, '--split', 'random', '--out', tmp_path/'x', check=False)
    assert r.returncode==2 and 'kept for judging' in r.stderr

@pytest.mark.parametrize('folder', ['massey', 'people/p1', 'people/p8', 'sign-language-digits', 'asl-alphabet'])
def test_the_doctor_finds_them_sound(photos, folder): asl('asl_doctor', photos/folder)

def test_signers_are_found_in_names(photos, tmp_path):
    r = asl('asl_train', '--data', photos/'massey', '--epochs', 0, '--out', tmp_path/'x')
    assert r.stdout.startswith('leak: ')
