"Searches and tracked runs under real conditions: two processes, a kill, a server, the client of W&B, the dashboard"
import json, os, shutil, signal, socket, struct, subprocess, sys, time, urllib.request
from pathlib import Path

import pytest
from conftest import repo, script

impatient = '''import asl_fastai.track as track
track.heartbeat, track.patience = 1, 4
from asl_fastai.cli import asl_tune
raise SystemExit(asl_tune())'''

@pytest.fixture(scope='session')
def tune(tmp_path_factory):
    "Starts `asl_tune` as a process of its own, to which a run without a sign of life is dead after four seconds"
    file = tmp_path_factory.mktemp('command')/'asl_tune.py'
    file.write_text(impatient)
    env = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(repo)}
    return lambda *args: subprocess.Popen([sys.executable, file, *map(str, args)], cwd=repo, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)

def done(*processes):
    "What processes printed, when all have ended well"
    said = [p.communicate(timeout=500) for p in processes]
    assert all(p.returncode==0 for p in processes), said
    return [o for o,_ in said]

@pytest.fixture
def store(tmp_path): return tmp_path/'runs.db'

@pytest.fixture
def args(some, store, tmp_path):
    "A search of very small runs on the few classes"
    return ['--data', some, '--epochs', 2, '--sizes', 16, '--bs', 16, '--study', 'few', '--storage', store, '--out', tmp_path/'best.json']

def trials(storage, states='COMPLETE PRUNED'):
    "The runs of the study that are in these states"
    from asl_fastai.track import open_study
    return [t for t in open_study('few', storage).get_trials(deepcopy=False) if t.state.name in states.split()]

def wait_for(condition, p):
    "Waits while a process works"
    while not condition():
        assert p.poll() is None, p.communicate()
        time.sleep(.1)

def test_two_processes_share_one_search(tune, args, store, tmp_path):
    both = [tune(*args, '--trials', 8) for _ in 'ab']
    out = done(*both)
    found = trials(store)
    assert 8 <= len(found) <= 9
    assert len({t.user_attrs['system']['pid'] for t in found})==2
    assert len({json.dumps(t.params) for t in found})==len(found)
    best = json.loads((tmp_path/'best.json').read_text())
    assert best['accuracy']==max(t.value for t in found if t.state.name=='COMPLETE') and best['command'] in ''.join(out)

def test_a_killed_search_goes_on(tune, args, store):
    p = tune(*args, '--trials', 6, '--epochs', 4)
    wait_for(store.exists, p)
    wait_for(lambda: len(trials(store))>=2 and trials(store, 'RUNNING') and 'log' in trials(store, 'RUNNING')[0].user_attrs, p)
    p.send_signal(signal.SIGKILL)
    p.wait()
    before, (lost,) = trials(store), trials(store, 'RUNNING')
    done(tune(*args, '--trials', 6, '--epochs', 4))
    after = trials(store)
    assert len(after)==6
    assert [(t.number, t.params, t.value) for t in after][:len(before)]==[(t.number, t.params, t.value) for t in before]
    assert lost.params in [t.params for t in after] and lost.number in [t.number for t in trials(store, 'FAIL')]

def test_what_stands_in_the_way_is_one_sentence(tune, args, store, tmp_path):
    done(tune(*args, '--trials', 1))
    ways = [(['--sizes', '16,32'], 'size of the space'), (['--epochs', 3], 'epochs=2, not 3'), (['--storage', 'postgresql://me:secret@127.0.0.1:9/runs'], 'start its server')]
    for p, says in [(tune(*args, '--trials', 2, *more), says) for more, says in ways]:
        err = p.communicate()[1]
        last = err.strip().splitlines()[-1]
        assert p.returncode==2 and last.startswith('asl_tune: ') and says in last and 'secret' not in err and 'Traceback' not in err, err
    assert len(trials(store))==1

def test_the_dashboard_shows_the_runs(tune, args, store):
    done(tune(*args, '--trials', 2))
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    p = subprocess.Popen([script('optuna-dashboard'), f'sqlite:///{store}', '--port', str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        for _ in range(1000):
            assert p.poll() is None, p.communicate()
            try: return _shown(f'http://127.0.0.1:{port}/api/studies')
            except OSError: time.sleep(.2)
        raise AssertionError('optuna-dashboard did not answer')
    finally: p.terminate()

def _shown(url):
    (study,) = json.load(urllib.request.urlopen(url))['study_summaries']
    assert study['study_name']=='few'
    shown = json.load(urllib.request.urlopen(f'{url}/{study["study_id"]}?after=0'))
    assert len(shown['trials'])==2 and all('log' in json.dumps(t['user_attrs']) for t in shown['trials'])

def unprivileged():
    "The arguments of a process that is not root's, for PostgreSQL refuses root; nothing when we are not root"
    return {} if os.getuid() else dict(user='nobody', extra_groups=[])

@pytest.fixture
def postgres():
    "The URL of a PostgreSQL server of our own"
    initdb = max(Path('/usr/lib/postgresql').glob('*/bin/initdb'), default=shutil.which('initdb'))
    if not initdb: pytest.skip('PostgreSQL is not installed here (apt-get install postgresql)')
    import tempfile
    folder = Path(tempfile.mkdtemp(prefix='pg', dir='/tmp'))
    if unprivileged(): shutil.chown(folder, 'nobody')
    def run(name, *args):
        subprocess.run([Path(initdb).with_name(name), *args], check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **unprivileged())
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    run('initdb', '-D', folder/'data', '-A', 'trust', '-U', 'asl')
    run('pg_ctl', 'start', '-w', '-D', folder/'data', '-l', folder/'log', '-o', f'-p {port} -k {folder} -c listen_addresses=127.0.0.1')
    stop = lambda: run('pg_ctl', 'stop', '-m', 'immediate', '-D', folder/'data')
    yield f'postgresql://asl@127.0.0.1:{port}/postgres', stop
    if (folder/'data'/'postmaster.pid').exists(): stop()
    shutil.rmtree(folder)

def test_the_same_search_on_postgresql(tune, args, postgres):
    url, stop = postgres
    args[args.index('--storage')+1] = url
    done(*[tune(*args, '--trials', 4) for _ in 'ab'])
    assert 4 <= len(trials(url)) <= 5
    stop()
    p = tune(*args, '--trials', 9)
    assert 'start its server' in p.communicate()[1] and p.returncode==2

tracked = '''
from asl_fastai.track import tracked
from asl_fastai.data import asl_dls
from fastai.vision.all import *
dls = asl_dls(sys.argv[1], 'block', size=16, bs=32)
net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(4), nn.Flatten(), nn.Linear(128, dls.c))
learn = Learner(dls, net, metrics=accuracy, loss_func=CrossEntropyLossFlat())
choices = dict(lr=1e-3, width=8, arch='tiny', grey=False, epochs=2)
with learn.no_bar(): learn.fit_one_cycle(2, 1e-3, cbs=tracked(choices, 'digits', 'wandb'))
'''

def records(file):
    "The records of a run folder's .wandb file, which is a LevelDB log of protocol buffers"
    from wandb.proto.wandb_internal_pb2 import Record
    data, at, part = file.read_bytes(), 7, b''
    while at+7 <= len(data):
        if (left := 32768-at%32768) < 7: at += left
        _, n, kind = struct.unpack('<IHB', data[at:at+7])
        part, at = part+data[at+7:at+7+n], at+7+n
        if kind not in (1, 4): continue
        yield Record.FromString(part)
        part = b''

def test_a_run_folder_of_wandb_read_back(some, tmp_path):
    env = {**os.environ, 'PYTHONPATH': str(repo), 'WANDB_MODE': 'offline', 'WANDB_DATA_DIR': str(tmp_path), 'WANDB_CACHE_DIR': str(tmp_path), 'OMP_NUM_THREADS': '1'}
    subprocess.run([sys.executable, '-c', 'import sys\n'+tracked, some], cwd=tmp_path, check=True, env=env, capture_output=True)
    (file,) = tmp_path.glob('runs/wandb/offline-run-*/*.wandb')
    config, summary, entries = {}, {}, {}
    for r in records(file):
        kind = r.WhichOneof('record_type')
        if kind=='run': config |= {o.key: json.loads(o.value_json) for o in r.run.config.update}
        if kind=='config': config |= {o.key: json.loads(o.value_json) for o in r.config.update}
        if kind=='summary': summary |= {o.key or o.nested_key[0]: json.loads(o.value_json) for o in r.summary.update}
        if kind=='artifact': entries |= {o.path: o.local_path for o in r.artifact.manifest.contents}
    assert config.items() >= dict(lr=1e-3, width=8, arch='tiny', grey=False, epochs=2).items() and config['batch size']==32 and 'processor' in config
    assert 0 < summary['seconds'] < 600 and summary['epoch']==2 and 0 <= summary['accuracy'] <= 1
    (name,) = [o for o in entries if o.endswith('.table.json')]
    table = json.loads(Path(entries[name]).read_text())
    assert table['columns']==['Input image', 'Ground_Truth', 'Predictions'] and len(table['data'])==36
    from asl_fastai.sets import vocabs
    for picture, true, predicted in table['data']:
        assert true in ('B', 'Y', 'del', 'nothing', 'space') and predicted in vocabs[29] and Path(entries[picture['path']]).stat().st_size>0
