"Letters in CSV files: the real rows (skips where they are not), and the commands on rows made here"
import json, lzma

import numpy as np, pytest
from asl_fastai.cli import asl_doctor, asl_train
from conftest import asl, in_process

@pytest.fixture(scope='session')
def letters(sample, tmp_path_factory):
    "A folder with a training and a test CSV, made from rendered hands"
    from asl_fastai.rows import write_rows
    from asl_fastai.sets import grey_square, label_of, parts_of, picture_files, vocabs
    folder = tmp_path_factory.mktemp('letters')
    files = [o for o in picture_files(parts_of(sample)['train']) if label_of(o) in vocabs[24]]
    for part, some in dict(train=files[::2], test=files[1::6]).items():
        write_rows(folder/f'sign_mnist_{part}.csv.xz', map(label_of, some), np.stack([grey_square(o)[..., 0] for o in some]))
    return folder

@pytest.fixture(scope='session')
def run(letters, tmp_path_factory):
    "A small network trained on the rows, judged on the folder's test part"
    out = tmp_path_factory.mktemp('runs')/'rows'
    asl('asl_train', '--data', letters/'sign_mnist_train.csv.xz', '--test', letters, '--out', out, '--arch', 'small(depth=2)', '--size', 28, '--epochs', 4,
        '--lr', 5e-3, '--bs', 32)
    return out

def test_rows_train_and_are_judged(run, letters):
    config = json.loads((run/'config.json').read_text())
    card = json.loads((run/'bundle'/'card.json').read_text())
    ev = json.loads((run/f'evaluation-{letters.name}.json').read_text())
    assert config['found']['split']=='random' and len(card['classes'])==24 and card['preprocessing']['opened'].startswith('grey_square')
    assert ev['n']==240 and ev['accuracy'] > 3/24 and not ev['n_seen']

def test_a_bundle_of_rows_reads_rows_and_photographs(run, letters, sample):
    from asl_fastai.sets import parts_of
    said = asl('asl_evaluate', '--model', run/'bundle', '--images', letters/'sign_mnist_train.csv.xz').stdout
    assert 'in the training data' in said
    out = asl('asl_predict', '--model', run/'bundle', parts_of(sample)['test'], letters/'sign_mnist_test.csv.xz').stdout.splitlines()
    assert len(out)==1+28+240+('pictures/s' in out[-1])

@pytest.mark.parametrize('command,args', [(asl_train, ('--out', '{out}', '--data')), (asl_doctor, ())])
def test_a_bad_csv_is_one_sentence(letters, tmp_path, capsys, command, args):
    lines = lzma.open(letters/'sign_mnist_test.csv.xz', 'rt').read().splitlines()
    (tmp_path/'bad.csv').write_text('\n'.join([*lines[:5], '9,'+lines[5].split(',', 1)[1]]))
    assert in_process(command, *(o.format(out=tmp_path/'run') for o in args), tmp_path/'bad.csv')==2
    err = capsys.readouterr().err
    said = err.strip().splitlines()[-1]
    assert said.startswith(command.__name__) and 'bad.csv' in said and 'Traceback' not in err and not (tmp_path/'run').exists(), err
    assert command is asl_doctor or 'row 4 (line 6) has the label 9' in said

def test_the_real_rows_are_photographs_copied_about_twenty_times(photos):
    from asl_fastai.data import alike
    from asl_fastai.sets import content_hash, find_set, labeller, parts_of, picture_files
    parts = parts_of(find_set(photos/'sign-mnist'))
    train, test = (picture_files(parts[o]) for o in ('train', 'test'))
    label = labeller(train)
    y = [o for o in train if label(o)=='Y']
    assert (len(train), len(test), len({*map(label, train)}))==(27_455, 7_172, 24)
    assert np.median(np.bincount(alike(y)))==21
    assert not {*map(content_hash, train)} & {*map(content_hash, test)}

def test_the_named_set_is_the_real_rows(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('ASL_DATA', str(tmp_path))
    (tmp_path/'sign_mnist').symlink_to(photos/'sign-mnist')
    assert not in_process(asl_train, '--data', 'sign_mnist', '--size', 28, '--fraction', .05, '--epochs', 0, '--out', tmp_path/'x')
    leaks, of = (int(o) for o in capsys.readouterr().out.splitlines()[-1].split() if o.isdigit())
    assert 270<of<278 and leaks > of/3
