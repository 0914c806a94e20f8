"""Studies at the fullest size that the photographs at hand allow, into nbs/studies/results.

python nbs/studies/full_size.py [STUDY]      all studies, or one; what is measured already is kept, what was broken off goes on

Kaggle's set is used when it is in the data folder, else its 4,640 frames in the folder of photographs ($ASL_PHOTOS, or
../shared/data of this checkout). Weights are ImageNet's when they can be downloaded, else ../shared/weights."""
import json, os, platform, subprocess, sys, time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pandas as pd, torch
from asl_fastai.data import leak_report
from asl_fastai.evaluate import compare
from asl_fastai.learner import find_weights
from asl_fastai.runs import RunConfig, run_dls, train_run
from asl_fastai.sets import data_root

here = Path(__file__).resolve().parent
repo = here.parent.parent
photos = Path(os.environ.get('ASL_PHOTOS', repo.parent/'shared'/'data'))
weights_file = photos.parent/'weights'/'resnet18_pqf_fp16.pth.xz'

def processor():
    "The processor's name, as far as the system tells"
    info = Path('/proc/cpuinfo')
    names = [l.split(':')[1].strip() for l in info.read_text().splitlines() if l.startswith('model name')] if info.exists() else []
    return f'{names[0] if names else platform.processor()}, {os.cpu_count()} cores'

def commit(): return subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], cwd=repo, capture_output=True, text=True).stdout.strip()

def facts(**kwargs):
    "What must stand beside a figure so that it can be measured again"
    return dict(kwargs, processor=processor(), commit=commit(), date=time.strftime('%Y-%m-%d'),
        versions={o: version(o) for o in ('torch', 'torchvision', 'fastai')})

def imagenet(arch='resnet18'):
    "Weights to start from: ImageNet's, from the net or from the file"
    return 'imagenet' if find_weights(arch, 'auto')[0] is not None else str(weights_file)

def alphabet_resnet18():
    "The transfer learning study: random split against block split, pretrained against scratch, judged on other people"
    kaggle = data_root()/'asl_alphabet'
    people = [photos/'people'/o for o in ('p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'p8', 'judge1', 'judge2')]
    cfg = RunConfig(data=['asl_alphabet' if kaggle.is_dir() else str(photos/'asl-alphabet')], test=[str(o) for o in [*people, photos/'massey'] if o.is_dir()],
        size=200 if torch.cuda.is_available() else 128)
    pretrained = imagenet()
    for run,split,weights in (('random split', 'random', pretrained), ('block split', 'block', pretrained), ('block split, from scratch', 'block', None)):
        measure('alphabet_resnet18', run, replace(cfg, split=split, weights=weights))

def kept(evs):
    "What results keep of evaluations"
    keys = 'accuracy interval accuracy_in_set n ece macro_f1 per_class coverage lacking marks n_seen'.split()
    return {name: {k: e[k] for k in keys} for name,e in evs.items()}

def read_evaluations(out):
    "The evaluations of a run, validation first"
    files = [out/'evaluation.json', *sorted(out.glob('evaluation-*.json'))]
    return {e['name']: e for e in (json.loads(f.read_text()) for f in files)}

def measure(study, run, cfg):
    "One training run of a study, kept in results; nothing when it is there"
    file = here/'results'/f'{study}-{run.replace(", ", "-").replace(" ", "_")}.json'
    if file.exists(): return print(f'{file.name} is there already; remove it to measure again')
    print(f'{study}: {run}')
    start,out = time.time(),repo/'runs'/'studies'/file.stem
    train_run(cfg, out, resume=True)
    evs,leaks = read_evaluations(out),leak_report(run_dls(cfg), progress=False)
    people = compare({run: {k: e for k,e in evs.items() if k[0]=='p' and k[1:].isdigit()}}).means.iloc[0]
    o = facts(study=study, run=run, figures=kept(evs), leaks=leaks.leaks, n_valid=leaks.n, mean_over_people=dict(accuracy=people.accuracy,
        interval=[people.lo, people.hi], people=int(people.people)), log=pd.read_csv(out/'log.csv').to_dict('records'),
        data=[Path(o).name for o in cfg.data], source='frames of Kaggle grassknoted/asl-alphabet; the people are photographs that are not public',
        command=f'make studies STUDY={study}', choices={k: getattr(cfg, k) for k in 'split size epochs lr bs seed arch'.split()},
        weights=Path(cfg.weights).name if cfg.weights else 'none', minutes=round((time.time()-start)/60, 1))
    tmp = file.with_suffix('.tmp')
    tmp.write_text(json.dumps(o, indent=1)+'\n')
    tmp.replace(file)

studies = dict(alphabet_resnet18=alphabet_resnet18)

if __name__=='__main__':
    names = sys.argv[1:] or list(studies)
    if unknown := [o for o in names if o not in studies]: sys.exit(f'There is no study {unknown[0]}: choose {", ".join(studies)}')
    if not photos.is_dir(): sys.exit(f'The photographs that studies measure on are not at {photos}: put them there, or name their folder in ASL_PHOTOS')
    for o in names: studies[o]()
