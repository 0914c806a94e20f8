"The starter bundle, the recipes on the command line, and what must not become a letter"
import json, shutil

import pytest
from conftest import asl, in_process
from asl_fastai.bundle import Predictor, load_bundle
from asl_fastai.cli import asl_train
from asl_fastai.confidence import letters_shown
from asl_fastai.negatives import backgrounds, negatives
from asl_fastai.sets import picture_files
from asl_fastai.synth import render_set

people = [*(f'p{i}' for i in range(1, 7)), 'judge1', 'judge2'] # Nobody among them was learned from

@pytest.fixture(scope='module')
def starter(): return Predictor('starter')

@pytest.fixture(scope='module')
def sets(tmp_path_factory):
    "Two sets to learn from and one to judge on, rendered"
    folder = tmp_path_factory.mktemp('sets')
    for i,o in enumerate(('one', 'two', 'judge')): render_set(folder/o, ['A', 'B', 'V', 'nothing'], 8, size=48, seed=90+i)
    (folder/'judge'/'TEST_ONLY').touch()
    return folder

def test_the_starter_is_small_and_whole():
    bundle = load_bundle('starter')
    assert sum(o.stat().st_size for o in bundle.path.iterdir()) <= 12*2**20
    assert {'attribution', 'meant_for', 'not_for'} <= set(bundle.card) and bundle.card['threshold'] > 0
    named = ' '.join(bundle.card['attribution'])
    for o in ('Google', 'Massey', 'Mavi', 'Rahman', 'keptsecret'): assert o in named, o
    assert not {'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'judge1', 'judge2', 'asl-alphabet'} & {o.split('/')[-1] for o in bundle.card['trained_on']}

def test_it_answers_when_no_model_is_named(some, tmp_path):
    r = asl('asl_predict', next((some/'B').iterdir()))
    assert len(r.stdout.splitlines())==2
    said = asl('asl_evaluate', '--images', some, '--json', tmp_path/'some.json').stdout
    ev = json.loads((tmp_path/'some.json').read_text())
    assert ev['n'] > 0 and ev['threshold']==load_bundle('starter').card['threshold']
    for o in ('answered', 'right_of_answered', 'ece'): assert f'{100*ev[o]:.1f} %' in said.splitlines()[-1]

def test_nothing_becomes_a_letter_where_nobody_signs(starter):
    probs = starter.probs(list(negatives(300, 128, seed=99)[0]))
    assert not letters_shown(probs, starter.vocab, starter.card['threshold']).any()

def test_rooms_of_photographs_become_no_letters(starter, photos):
    files = [f for p in people for f in sorted((photos/'people'/p).rglob('*.jpg'))]
    probs = starter.probs(list(backgrounds(files, 400, starter.size)))
    assert not letters_shown(probs, starter.vocab, starter.card['threshold']).any()

@pytest.mark.parametrize('name', people)
def test_the_card_tells_what_the_starter_does(starter, photos, name):
    from asl_fastai.evaluate import evaluate
    ev = evaluate(Predictor('starter', 'fp32'), picture_files(photos/'people'/name)[::4], progress=False)
    assert ev.interval[0] <= starter.card['scores'][name]['accuracy'] <= ev.interval[1] and not ev.n_seen

@pytest.mark.parametrize('args,sentence', [
    (['--recipe', 'best'], 'There is no recipe'), (['--recipe', 'starter', '--lr', '1e-3'], 'fixes lr'), (['--recipe', 'stranger', '--size', '128'], 'fixes size'), ([], 'nothing to train on'),
    (['--recipe', 'starter', '--data', 'judge'], 'may only be judged on'), (['--recipe', 'starter', '--data', 'empty'], 'holds no set'),
    (['--recipe', 'starter', '--data', 'odd'], "'Vee', which is no sign"), (['--recipe', 'starter', '--data', 'one', '--weights', 'nowhere.pth'], 'no weights file'),
    (['--recipe', 'stranger', '--data', 'one', '--weights', 'none'], 'from scratch'), (['--recipe', 'stranger', '--data', 'one', '--weights', 'imagenet'], 'Nobody offers'),
    (['--recipe', 'stranger', '--data', 'one', '--weights', 'net.pth'], 'do not fit'), (['--recipe', 'stranger', '--data', 'one', '--bs', '1000000'], 'choose bs='),
    (['--recipe', 'stranger', '--data', 'asl_alphabet_test'], 'may only be judged on'), (['--recipe', 'stranger', '--data', 'sign_mnist'], 'too small to find')])
def test_what_a_recipe_cannot_do_is_one_sentence(sets, tmp_path, capsys, monkeypatch, args, sentence):
    import torch
    monkeypatch.setenv('ASL_DATA', str(tmp_path/'data'))
    (sets/'empty').mkdir(exist_ok=True)
    torch.save(torch.nn.Linear(2, 2).state_dict(), sets/'net.pth')
    if not (sets/'odd').exists(): shutil.copytree(sets/'one'/'V', shutil.copytree(sets/'one', sets/'odd')/'Vee')
    named = [sets/o if o in ('judge', 'empty', 'odd', 'one', 'net.pth') else o for o in args]
    assert in_process(asl_train, '--out', tmp_path/'run', *named)==2
    assert sentence in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path/'run').exists() and not (tmp_path/'data').exists(), 'something was begun or rendered'

def test_a_recipe_may_look_at_the_split_only(sets, tmp_path, monkeypatch, capsys):
    from dataclasses import replace
    from asl_fastai.recipes import recipes
    monkeypatch.setenv('ASL_DATA', str(tmp_path/'data'))
    monkeypatch.setitem(recipes, 'stranger', replace(recipes['stranger'], size=32, rendered=0, negatives=0, bank=0))
    assert not in_process(asl_train, '--recipe', 'stranger', '--data', sets/'one', '--epochs', '0', '--out', tmp_path/'run')
    assert 'leak: ' in capsys.readouterr().out and not (tmp_path/'run').exists()

def test_nothing_is_printed_before_the_sentence(tmp_path):
    r = asl('asl_train', '--recipe', 'best', '--out', tmp_path/'run', check=False)
    assert r.stderr.splitlines()==['asl_train: There is no recipe \'best\': choose stranger or starter']

def test_a_disk_without_room_for_looks_is_said_before_anything_is_rendered(sets, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('ASL_DATA', str(tmp_path/'data'))
    monkeypatch.setattr(shutil, 'disk_usage', lambda o: shutil._ntuple_diskusage(2*10**9, 10**9, 10**9))
    assert in_process(asl_train, '--recipe', 'stranger', '--data', sets/'one', '--out', tmp_path/'run')==2
    assert 'takes 7.4 GB' in capsys.readouterr().err and not (tmp_path/'data').exists()

def test_who_is_left_out_of_a_reader_is_no_csv(sets, tmp_path):
    import numpy as np
    from asl_fastai.generalise import leave_out
    from asl_fastai.rows import write_rows
    shutil.copytree(sets/'one', tmp_path/'both'/'one')
    write_rows(tmp_path/'both'/'rows'/'letters_train.csv', 'AB', np.zeros((2, 28, 28), np.uint8))
    with pytest.raises(ValueError, match='not among the sets'): leave_out('stranger', tmp_path/'both', [tmp_path/'both'/'rows'], tmp_path/'run')

def test_a_folder_of_sets_is_trained_on_but_for_the_judge(sets, tmp_path, monkeypatch, capsys):
    from dataclasses import replace
    from asl_fastai.recipes import recipes
    monkeypatch.setenv('ASL_DATA', str(sets.parent/'data'))
    small = replace(recipes['stranger'], arch='small(depth=2, width=4)', size=32, epochs=2, per_epoch=32, rendered=2, negatives=5, bank=4)
    monkeypatch.setitem(recipes, 'stranger', small)
    both = tmp_path/'both'
    for o in ('one', 'two', 'judge'): shutil.copytree(sets/o, both/o)
    args = '--recipe', 'stranger', '--data', both, '--out', tmp_path/'run', '--bs', 16, '--weights', 'none'
    assert not in_process(asl_train, *args)
    assert f'left out, because it may only be judged on: {both/"judge"}' in capsys.readouterr().out
    bundle = load_bundle(tmp_path/'run'/'bundle')
    assert bundle.card['threshold']==small.threshold and len(bundle.vocab)==29
    assert {'meant_for', 'not_for', 'confidence'} <= set(bundle.card) and 'one: licence not known' in bundle.card['attribution'][0]
    assert not in_process(asl_train, *args, '--resume') and 'complete' in capsys.readouterr().out
