"What all studies at full size share: where the photographs are, and what must stand beside a figure"
import json, os, subprocess, time
from importlib.metadata import version
from pathlib import Path

import pandas as pd, torch
from asl_fastai.data import leak_report
from asl_fastai.evaluate import compare
from asl_fastai.learner import find_weights
from asl_fastai.machine import processor, write_json
from asl_fastai.runs import run_dls, train_run
from asl_fastai.sets import data_root

here = Path(__file__).resolve().parent
repo = here.parent.parent
photos = Path(os.environ.get('ASL_PHOTOS', repo.parent/'shared'/'data'))
weights_file = photos.parent/'weights'/'resnet18_pqf_fp16.pth.xz'
strangers = [*(photos/'people'/f'p{i}' for i in range(1, 9)), photos/'massey'] # Whom studies judge on

def commit(): return subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], cwd=repo, capture_output=True, text=True).stdout.strip()

def facts(**kwargs):
    "What must stand beside a figure so that it can be measured again"
    return dict(kwargs, processor=processor(), threads=torch.get_num_threads(), commit=begun, date=time.strftime('%Y-%m-%d'), versions={o: version(o) for o in ('torch', 'torchvision', 'fastai')})

begun = commit() # When the code was loaded, not when the measuring ends

def whole_or(name, folder):
    "A set by its name where it is in the data folder, else the copy among the photographs"
    return name if (data_root()/name).is_dir() else str(photos/folder)

def imagenet(arch='resnet18'):
    "Weights to start from: ImageNet's, from the net or from the file"
    return 'imagenet' if find_weights(arch, 'auto')[0] is not None else str(weights_file)

def kept(evs):
    "What results keep of evaluations"
    keys = 'accuracy interval accuracy_in_set n ece macro_f1 per_class coverage lacking marks n_seen'.split()
    return {name: {k: e[k] for k in keys} for name,e in evs.items()}

def minutes_in(out):
    "How long the epochs in the log of a run took, as many times the one in the middle: a pause, or other work beside it, is none of theirs"
    took = pd.to_timedelta('00:'+pd.read_csv(out/'log.csv').time)
    return len(took)*took.median().total_seconds()/60

def read_evaluations(out):
    "The evaluations of a run, validation first"
    files = [out/'evaluation.json', *sorted(out.glob('evaluation-*.json'))]
    return {e['name']: e for e in (json.loads(f.read_text()) for f in files)}

def result(study, run): return here/'results'/f'{study}-{run.replace(", ", "-").replace(" ", "_")}.json'

def to_do(study, run):
    "Where a run's figures go; None, with a word, when they are there"
    file = result(study, run)
    if file.exists(): return print(f'{file.name} is there already; remove it to measure again')
    print(f'{study}: {run}')
    return file

def over_people(run, evs):
    "The mean over people p1, p2 and so on, with a bootstrap over people; None where there are none"
    if not (some := {k: e for k,e in evs.items() if k[0]=='p' and k[1:].isdigit()}): return
    people = compare({run: some}).means.iloc[0]
    return dict(accuracy=people.accuracy, interval=[people.lo, people.hi], people=int(people.people))

def keep(file, study, run, start, out, evs, data, weights, by=None, **more):
    "Writes what every run of a study says of itself, and what this one says `more`; `by` is the study whose script does it, where that is another"
    write_json(file, facts(study=study, run=run, figures=kept(evs), log=pd.read_csv(out/'log.csv').to_dict('records'), data=[Path(o).name for o in data],
        command=f'make studies STUDY={by or study}', weights=Path(weights).name if weights else 'none', minutes=round((time.time()-start)/60, 1), **more))

def measure(study, run, cfg, by=None):
    "One training run of a study, kept in results; nothing when it is there. `by` as `keep` takes it"
    if not (file := to_do(study, run)): return
    start,out = time.time(),repo/'runs'/'studies'/file.stem
    train_run(cfg, out, resume=True)
    evs,leaks = read_evaluations(out),leak_report(run_dls(cfg), progress=False)
    keep(file, study, run, start, out, evs, cfg.data, cfg.weights, by, leaks=leaks.leaks, n_valid=leaks.n, mean_over_people=over_people(run, evs),
        source='frames of Kaggle grassknoted/asl-alphabet; the people are photographs that are not public',
        choices={k: getattr(cfg, k) for k in 'split size epochs lr bs seed arch'.split()})
