"What `Predictor` and `asl_predict` promise about processes: memory, start, kills, workers that die"
import csv, os, signal, subprocess, sys, time
from pathlib import Path

import numpy as np, pytest
from conftest import asl, repo, script

def rows(out): return list(csv.DictReader(open(out, newline='')))

@pytest.fixture(scope='module')
def many(some, tmp_path_factory):
    "A folder of 6,000 pictures, all hard links to a few hundred"
    folder, pictures = tmp_path_factory.mktemp('many')/'pictures', sorted(some.rglob('*.jpg'))
    for i in range(6000):
        file = folder/f'{i//1000}'/f'{i}.jpg'
        file.parent.mkdir(parents=True, exist_ok=True)
        os.link(pictures[i%len(pictures)], file)
    return folder

def start(*args, **env):
    "`asl_predict` as a process of its own"
    return subprocess.Popen([script('asl_predict'), *map(str, args)], cwd=repo, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **env})

def wait_for(condition, p):
    "Waits until something holds or the process ends"
    while not condition() and p.poll() is None: time.sleep(.01)
    assert p.poll() is None, 'it ended before it could be disturbed'

def same_answers(out, whole, many):
    "Every picture once, and with the label that a job left alone gives it"
    table = rows(out)
    assert [o['path'] for o in table]==[o['path'] for o in whole] and len({o['path'] for o in table})==6000
    assert [(o['label'], o['note']) for o in table]==[(o['label'], o['note']) for o in whole]

@pytest.fixture(scope='module')
def whole(tiny, many, tmp_path_factory):
    "What a job says that is left alone"
    out = tmp_path_factory.mktemp('whole')/'labels.csv'
    said = asl('asl_predict', '--model', tiny/'bundle', many, '--out', out).stdout.splitlines()[-1]
    assert said.startswith('6,000 pictures, ') and ' pictures/s, ' in said and said.endswith(' s to start')
    return rows(out)

def test_a_killed_job_goes_on(tiny, many, whole, tmp_path):
    out, job, kills = tmp_path/'labels.csv', tmp_path/'labels.csv.parts', 0
    for n in (1, 3):
        p = start('--model', tiny/'bundle', many, '--out', out)
        wait_for(lambda: len(list(job.glob('*.csv')))>=n, p)
        p.send_signal(signal.SIGKILL)
        kills += p.wait()==-signal.SIGKILL
    assert kills==2 and not out.exists()
    kept = {o: o.stat().st_mtime_ns for o in job.glob('*.csv')}
    assert len(kept)>=3
    p = start('--model', tiny/'bundle', many, '--out', out)
    wait_for(lambda: len(list(job.glob('*.csv')))>len(kept), p)
    assert kept=={o: o.stat().st_mtime_ns for o in kept}
    assert p.wait()==0
    same_answers(out, whole, many)
    assert {o.name for o in tmp_path.iterdir() if not o.name.endswith('.lock')}=={'labels.csv'}

def test_another_model_does_not_finish_the_job(tiny, many, tmp_path):
    out = tmp_path/'labels.csv'
    p = start('--model', tiny/'bundle', many, '--out', out)
    wait_for(lambda: list(tmp_path.glob('labels.csv.parts/*.csv')), p)
    p.kill()
    p.wait()
    r = asl('asl_predict', '--model', tiny/'bundle', many/'0', '--out', out, check=False)
    assert r.returncode==2 and 'unfinished job' in r.stderr and list(tmp_path.glob('labels.csv.parts/*.csv'))

def test_a_folder_without_pictures_is_one_sentence(tiny, tmp_path):
    (tmp_path/'empty').mkdir()
    r = asl('asl_predict', '--model', tiny/'bundle', tmp_path/'empty', '--out', tmp_path/'labels.csv', check=False)
    assert r.returncode==2 and len(r.stderr.splitlines())==1 and 'no pictures' in r.stderr
    assert not (tmp_path/'labels.csv').exists() and not (tmp_path/'labels.csv.parts').exists()

def test_rows_go_to_stdout_and_the_summary_does_not(tiny, some):
    r = asl('asl_predict', '--model', tiny/'bundle', some/'B')
    assert 'pictures/s' not in r.stdout and r.stderr.splitlines()[-1].startswith('60 pictures, ')

def test_memory_is_flat_and_bounded(tiny, many, tmp_path):
    code = '''
import sys
from itertools import islice
from asl_fastai.bundle import Predictor
from asl_fastai.sets import walk_pictures
p = Predictor(sys.argv[1])
peaks = []
for n in (1000, 6000):
    assert sum(1 for _ in p.rows(islice(walk_pictures(sys.argv[2]), n)))==n
    peaks.append(next(int(l.split()[1])//1024 for l in open('/proc/self/status') if l.startswith('VmHWM')))
assert not {'torch', 'fastai'} & set(sys.modules)
print(*peaks)'''
    out = subprocess.run([sys.executable, '-c', code, tiny/'bundle', many], capture_output=True, text=True, check=True, cwd=repo).stdout
    first, last = map(int, out.split())
    assert last<400 and last-first<20, out

@pytest.mark.parametrize('runtime', ['onnxruntime', 'openvino'])
def test_int8_answers_as_fp32_does(tiny, some, tmp_path, runtime):
    pytest.importorskip(runtime)
    from asl_fastai.bundle import Predictor
    from asl_fastai.engines import open_graph
    from asl_fastai.sets import open_picture, picture_files
    from asl_fastai.variants import quantised
    files = picture_files(some)[::3]
    x = np.stack([open_picture(o, 48) for o in files])
    (tmp_path/'int8.onnx').write_bytes(quantised(tiny/'bundle'/'model.onnx', x))
    said = open_graph(tmp_path/'int8.onnx', runtime)(x)
    assert (said.argmax(1)==Predictor(tiny/'bundle', 'fp32').probs(files).argmax(1)).mean() > .95

def workers():
    "The processes of Ray that label shards"
    for o in Path('/proc').glob('[0-9]*/cmdline'):
        try: name = o.read_bytes()
        except OSError: continue
        if name.startswith(b'ray::') and b'ShardLabeller' in name: yield int(o.parent.name)

def test_ray_finishes_although_a_worker_is_killed(tiny, many, whole, tmp_path):
    pytest.importorskip('ray')
    out, job = tmp_path/'labels.csv', tmp_path/'labels.csv.parts'
    p = start('--model', tiny/'bundle', many, '--out', out, '--engine', 'ray')
    wait_for(lambda: list(job.glob('*.csv')), p)
    victim = next(workers())
    os.kill(victim, signal.SIGKILL)
    assert p.wait(timeout=180)==0
    same_answers(out, whole, many)
    assert not job.exists()

def test_what_ray_needs_is_said(tiny, some, tmp_path):
    r = asl('asl_predict', '--model', tiny/'bundle', some, '--engine', 'ray', check=False)
    assert r.returncode==2 and '--out' in r.stderr
    r = asl('asl_predict', '--model', tiny/'bundle', some, '--out', tmp_path/'x.csv', '--engine', 'spark', check=False)
    assert r.returncode==2 and 'local or ray' in r.stderr
