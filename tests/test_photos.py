"The real photographs: the whole study on a slice of them, with real transfer. Skips where they are not"
import json

import pytest
from asl_fastai.cli import asl_train
from conftest import asl, in_process

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

def test_one_architecture_s_weights_are_not_another_s(photos, imagenet, tmp_path, capsys):
    args = '--arch', 'resnet34', '--weights', imagenet, '--fraction', .05
    assert in_process(asl_train, '--data', photos/'asl-alphabet', *args, '--out', tmp_path/'x')==2
    assert 'resnet34' in capsys.readouterr().err

def test_random_split_leaks_and_blocks_hardly(photos, tmp_path, capsys):
    leaks = {}
    for split in ('random', 'block'):
        assert not in_process(asl_train, '--data', photos/'asl-alphabet', '--split', split, '--epochs', 0, '--out', tmp_path/'x')
        line = next(l for l in capsys.readouterr().out.splitlines() if l.startswith('leak: '))
        leaks[split] = int(line.split()[1])/int(line.split()[3])
    assert leaks['random'] > .5 > 3*leaks['block']

@pytest.mark.parametrize('people', ['judge1', 'judge2'])
def test_judges_are_not_for_training(photos, tmp_path, capsys, people):
    assert in_process(asl_train, '--data', photos/'people'/people, '--split', 'random', '--out', tmp_path/'x')==2
    assert 'kept for judging' in capsys.readouterr().err

def test_signers_are_found_in_names(photos, tmp_path, capsys):
    assert not in_process(asl_train, '--data', photos/'massey', '--epochs', 0, '--out', tmp_path/'x')
    assert capsys.readouterr().out.startswith('leak: ')
