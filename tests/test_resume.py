"A run that is killed, several times and anywhere, ends with the figures of a run that was left alone"
import csv, json, shutil, signal, subprocess, time

from conftest import asl, repo, script

def table(out):
    "The training table without its last column, the time"
    return [r[:-1] for r in csv.reader(open(out/'log.csv'))]

def start(*args):
    "`asl_train` as a process of its own"
    return subprocess.Popen([script('asl_train'), *map(str, args)], cwd=repo, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def kill_when(p, condition, after=0.):
    "SIGKILL, some time after the condition holds; False when the process was done before"
    while not condition():
        if p.poll() is not None: return False
        time.sleep(.02)
    time.sleep(after)
    p.send_signal(signal.SIGKILL)
    return p.wait()==-signal.SIGKILL

def test_killed_several_times(some, tmp_path):
    import torch
    from torchvision.models import resnet18
    torch.manual_seed(0)
    torch.save(resnet18(weights=None).state_dict(), tmp_path/'w.pth')
    args = ['--data', some, '--epochs', 3, '--size', 32, '--bs', 16, '--weights', tmp_path/'w.pth', '--lr', 'find']
    asl('asl_train', *args, '--out', tmp_path/'whole')
    out, kills = tmp_path/'killed', 0
    rows = lambda n: lambda: (out/'log.csv').exists() and len(table(out))>n
    for condition, after in [((out/'config.json').exists, .3), (rows(1), .05), (rows(2), .6), (rows(3), 0.), ((out/'evaluation.json').exists, 0.)]:
        kills += kill_when(start(*args, '--out', out, '--resume'), condition, after)
    assert kills>=3
    asl('asl_train', *args, '--out', out, '--resume')
    assert table(out)==table(tmp_path/'whole')
    assert len(table(out))==5
    a, b = [json.loads((o/'evaluation.json').read_text()) for o in (out, tmp_path/'whole')]
    assert a['per_class']==b['per_class'] and a['ece']==b['ece']
    assert not list(out.rglob('*tmp'))
    assert 'param_groups' in torch.load(out/'last.pth')['opt'], 'the optimiser was not `fused_adam`'

def test_a_run_goes_on_as_it_was_begun(tiny, some, tmp_path):
    "A run that another kind of processor began keeps that one's arithmetic, whatever is fastest here"
    out = shutil.copytree(tiny, tmp_path/'run')
    (out/'report.html').unlink()
    config = json.loads((out/'config.json').read_text())
    other = 'bf16' if config['found']['fast']=='store' else 'store'
    assert config['fast']=='auto' and config['found']['fast']!='plain'
    config['found']['fast'] = other
    (out/'config.json').write_text(json.dumps(config))
    said = asl('asl_train', '--data', some, '--test', 'sample', '--out', out, '--epochs', 6, '--lr', 3e-3, '--size', 48, '--bs', 16, '--weights', 'none', '--resume').stdout
    assert f'fast: {other}' in said and table(out)==table(tiny)
    assert json.loads((out/'config.json').read_text())['found']['fast']==other
