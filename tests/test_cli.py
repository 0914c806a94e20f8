"The contract of the commands: what they leave, what they print, how they refuse"
import csv, json, shutil
from pathlib import Path

import pytest
from asl_fastai.cli import asl_train
from conftest import asl, in_process

def refused(command, *args, says):
    "The command ends with status 2 and one sentence"
    r = asl(command, *args, check=False)
    assert r.returncode==2, (r.returncode, r.stdout, r.stderr)
    last = r.stderr.strip().splitlines()[-1]
    assert last.startswith(command) and says in last and 'Traceback' not in r.stderr, r.stderr
    return r

def test_a_run_leaves_what_it_should(tiny):
    assert {o.name for o in tiny.iterdir()} >= {'bundle', 'config.json', 'log.csv', 'report.html', 'evaluation.json', 'evaluation-sample.json'}
    assert {o.name for o in (tiny/'bundle').iterdir()}-{'model.int8.onnx'}=={'card.json', 'model.onnx', 'weights.safetensors', 'seen.npy'}
    rows = list(csv.reader(open(tiny/'log.csv')))
    assert rows[0]=='epoch train_loss valid_loss error_rate accuracy time'.split()
    assert [r[0] for r in rows[1:]]==list('012345')
    config = json.loads((tiny/'config.json').read_text())
    assert config['size']==48 and config['found']['split']=='block' and config['seed']==42

def test_a_run_learns_something(tiny, some, tmp_path):
    log = list(csv.DictReader(open(tiny/'log.csv')))
    assert float(log[-1]['train_loss']) < .8*float(log[0]['train_loss'])
    asl('asl_evaluate', '--model', tiny/'bundle', '--images', some, '--json', tmp_path/'e.json')
    assert json.loads((tmp_path/'e.json').read_text())['accuracy'] > 1/2

def test_a_folder_that_holds_a_run_is_refused(tiny, some): refused('asl_train', '--data', some, '--out', tiny, says='holds a run')

def test_resuming_what_is_complete_returns_at_once(tiny, some):
    before = {p: p.stat().st_mtime_ns for p in tiny.rglob('*')}
    r = asl('asl_train', '--data', some, '--test', 'sample', '--out', tiny, '--epochs', 6, '--lr', 3e-3, '--size', 48, '--bs', 16, '--weights', 'none', '--resume')
    assert 'complete' in r.stdout
    assert before=={p: p.stat().st_mtime_ns for p in tiny.rglob('*')}

def test_resuming_with_other_choices_is_refused(tiny, some):
    refused('asl_train', '--data', some, '--test', 'sample', '--out', tiny, '--epochs', 3, '--lr', 3e-3, '--size', 48, '--bs', 16, '--weights', 'none',
        '--resume', says='epochs')

@pytest.mark.parametrize('split', ['random', 'block', 'fractions'])
def test_every_split_says_how_it_leaks(some, tmp_path, capsys, split):
    assert not in_process(asl_train, '--data', some, '--out', tmp_path/'x', '--epochs', 0, '--split', split)
    out = capsys.readouterr().out
    assert 'leak: ' in out and 'validation pictures have a near-duplicate in training' in out
    assert not (tmp_path/'x'/'bundle').exists()

@pytest.mark.parametrize('args,says', [
    (['--split', 'magic'], 'magic'), (['--split', 'group', '--group', r'hand(\d)'], 'hand'), (['--lr', 'fast'], 'fast'), (['--arch', 'resnet1'], 'resnet1'),
    (['--parts', '1,x'], '--parts'), (['--fraction', '0'], 'fraction'), (['--classes', 'B,Q9'], 'Q9'), (['--weights', 'none.pth'], 'none.pth'),
    (['--split', 'counts', '--parts', '5000,10,rest'], '5000'), (['--test', 'nowhere'], 'nowhere'), (['--split', 'fractions', '--parts', '0.9,0.3'], '0.9')])
def test_bad_choices_are_one_sentence(some, tmp_path, capsys, args, says):
    assert in_process(asl_train, '--data', some, '--out', tmp_path/'x', *args)==2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith('asl_train') and says in last
    assert not (tmp_path/'x').exists()

def test_debug_shows_the_traceback(tmp_path):
    r = asl('asl_train', '--data', 'nowhere', '--out', tmp_path/'x', '--debug', check=False)
    assert r.returncode==2 and 'Traceback' in r.stderr

def test_evaluate_writes_the_contract(tiny, some, tmp_path):
    asl('asl_evaluate', '--model', tiny/'bundle', '--images', 'sample', '--json', tmp_path/'e.json', '--html', tmp_path/'e.html')
    ev = json.loads((tmp_path/'e.json').read_text())
    keys = 'accuracy accuracy_in_set n interval per_class rates macro_f1 ece coverage duplicates images_per_s model seen n_seen'.split()
    assert set(keys) <= set(ev)
    assert len(ev['interval'])==2 and ev['interval'][0] <= ev['accuracy'] <= ev['interval'][1]
    assert [c for c,_ in ev['coverage']]==[round(.05*i, 2) for i in range(1, 21)]
    assert sum(k for k,_ in ev['per_class'].values())==round(ev['accuracy']*ev['n'])
    assert ev['seen'] is False and ev['n_seen']==0 and 'threshold' not in ev
    page = (tmp_path/'e.html').read_text()
    assert '<img' in page and 'src="http' not in page and 'people' in page

def test_evaluate_knows_what_was_seen(tiny, some, tmp_path):
    asl('asl_evaluate', '--model', tiny/'bundle', '--images', some, '--json', tmp_path/'e.json')
    ev = json.loads((tmp_path/'e.json').read_text())
    assert ev['seen'] is True and 0 < ev['n_seen'] < ev['n']

def test_learner_and_bundle_agree_on_a_set(tiny, tmp_path):
    asl('asl_evaluate', '--model', tiny/'bundle', '--images', 'sample', '--json', tmp_path/'e.json')
    a, b = json.loads((tmp_path/'e.json').read_text()), json.loads((tiny/'evaluation-sample.json').read_text())
    assert a['per_class']==b['per_class'] and a['n']==b['n']

def test_predict_goes_on_past_what_is_no_picture(tiny, some, tmp_path):
    (tmp_path/'no.jpg').write_text('not a picture')
    pic = next(some.rglob('*.jpg'))
    asl('asl_predict', '--model', tiny/'bundle', tmp_path/'no.jpg', tmp_path/'gone.jpg', pic, '--out', tmp_path/'p.csv')
    rows = list(csv.DictReader(open(tmp_path/'p.csv')))
    assert list(rows[0])=='path label confidence top5 note'.split()
    assert rows[0]['note'] and not rows[0]['label'] and rows[1]['note']
    assert rows[2]['label'] and 0 < float(rows[2]['confidence']) <= 1 and not rows[2]['note']

def test_predict_prints_without_out(tiny, some):
    r = asl('asl_predict', '--model', tiny/'bundle', some/'B')
    assert r.stdout.startswith('path,label,confidence,top5,note') and len(r.stdout.splitlines())==61

@pytest.mark.parametrize('command,args,says', [
    ('asl_evaluate', ['--model', 'nowhere', '--images', 'sample'], 'nowhere'), ('asl_predict', ['--model', 'nowhere', 'x.jpg'], 'nowhere'),
    ('asl_doctor', ['nowhere'], 'nowhere'), ('asl_predict', [], 'No pictures')])
def test_other_commands_refuse_in_one_sentence(command, args, says): refused(command, *args, says=says)

def test_outputs_are_checked_before_the_work(tiny, some, tmp_path):
    refused('asl_evaluate', '--model', tiny/'bundle', '--images', some, '--json', tmp_path/'no'/'e.json', says='no folder')
    refused('asl_predict', '--model', tiny/'bundle', some, '--out', tmp_path, says='is a folder')

def test_doctor_has_its_statuses(some, tmp_path):
    r = asl('asl_doctor', some, '--json', tmp_path/'d.json')
    assert r.returncode==0 and json.loads((tmp_path/'d.json').read_text())
    sick = Path(shutil.copytree(some, tmp_path/'sick'))
    shutil.copy(sick/'Y'/'Y1.jpg', sick/'B'/'B99.jpg')
    r = asl('asl_doctor', sick, '--json', tmp_path/'d.json', check=False)
    assert r.returncode==1 and 'B99.jpg' in (tmp_path/'d.json').read_text()

def test_what_is_for_judging_is_refused(sample, tmp_path):
    from asl_fastai.sets import parts_of
    refused('asl_train', '--data', parts_of(sample)['ood'], '--out', tmp_path/'x', '--split', 'random', says='kept for judging')

def test_nothing_assumes_29_classes(tmp_path):
    import numpy as np
    from PIL import Image
    rng = np.random.default_rng(0)
    for i in range(100):
        (tmp_path/'words'/f'word{i:02}').mkdir(parents=True)
        for j in range(4): Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(tmp_path/'words'/f'word{i:02}'/f'{j}.png')
    asl('asl_train', '--data', tmp_path/'words', '--out', tmp_path/'x', '--split', 'random', '--epochs', 1, '--size', 32, '--weights', 'none')
    assert len(json.loads((tmp_path/'x'/'bundle'/'card.json').read_text())['classes'])==100
    asl('asl_evaluate', '--model', tmp_path/'x'/'bundle', '--images', tmp_path/'words', '--json', tmp_path/'e.json')
    assert len(json.loads((tmp_path/'e.json').read_text())['per_class'])==100
    asl('asl_predict', '--model', tmp_path/'x'/'bundle', tmp_path/'words'/'word00', '--out', tmp_path/'p.csv')
    assert all(r['label'].startswith('word') for r in csv.DictReader(open(tmp_path/'p.csv')))

def test_datasets_are_listed():
    out = asl('asl_datasets').stdout
    for name in ('asl_alphabet', 'asl_alphabet_test', 'sign_mnist', 'asl_digits', 'massey', 'asl_hg', 'sample', 'sample_digits'): assert name in out

@pytest.mark.parametrize('command', ['asl_run', 'asl_train', 'asl_evaluate', 'asl_predict', 'asl_doctor', 'asl_datasets', 'asl_render'])
def test_help_is_there(command): assert '--debug' in asl(command, '--help').stdout
