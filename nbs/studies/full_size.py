"""Studies at the fullest size that the photographs at hand allow, into nbs/studies/results.

python nbs/studies/full_size.py [STUDY]      all studies, or one; what is measured already is kept, what was broken off goes on

Kaggle's set is used when it is in the data folder, else its 4,640 frames in the folder of photographs ($ASL_PHOTOS, or
../shared/data of this checkout). Weights are ImageNet's when they can be downloaded, else ../shared/weights."""
import json, os, subprocess, sys, time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pandas as pd, torch
from asl_fastai.data import asl_dls, leak_report
from asl_fastai.evaluate import compare, evaluate
from asl_fastai.learner import Checkpoints, EpochLog, EpochSeed, asl_learner, find_weights
from asl_fastai.machine import processor, write_json
from asl_fastai.runs import RunConfig, run_dls, train_run
from asl_fastai.sets import data_root, letters
from asl_fastai.synth import draw, portrait, render_set
from fastai.vision.all import *

here = Path(__file__).resolve().parent
repo = here.parent.parent
photos = Path(os.environ.get('ASL_PHOTOS', repo.parent/'shared'/'data'))
weights_file = photos.parent/'weights'/'resnet18_pqf_fp16.pth.xz'

def commit(): return subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], cwd=repo, capture_output=True, text=True).stdout.strip()

def facts(**kwargs):
    "What must stand beside a figure so that it can be measured again"
    return dict(kwargs, processor=processor(), commit=begun, date=time.strftime('%Y-%m-%d'), versions={o: version(o) for o in ('torch', 'torchvision', 'fastai')})

begun = commit() # When the code was loaded, not when the measuring ends

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

def result(study, run): return here/'results'/f'{study}-{run.replace(", ", "-").replace(" ", "_")}.json'

def to_do(study, run):
    "Where a run's figures go; None, with a word, when they are there"
    file = result(study, run)
    if file.exists(): return print(f'{file.name} is there already; remove it to measure again')
    print(f'{study}: {run}')
    return file

def over_people(run, evs):
    "The mean over people p1, p2 and so on, with a bootstrap over people"
    people = compare({run: {k: e for k,e in evs.items() if k[0]=='p' and k[1:].isdigit()}}).means.iloc[0]
    return dict(accuracy=people.accuracy, interval=[people.lo, people.hi], people=int(people.people))

def keep(file, study, run, start, out, evs, data, weights, **more):
    "Writes what every run of a study says of itself, and what this one says `more`"
    write_json(file, facts(study=study, run=run, figures=kept(evs), log=pd.read_csv(out/'log.csv').to_dict('records'), data=[Path(o).name for o in data],
        command=f'make studies STUDY={study}', weights=Path(weights).name if weights else 'none', minutes=round((time.time()-start)/60, 1), **more))

def measure(study, run, cfg):
    "One training run of a study, kept in results; nothing when it is there"
    if not (file := to_do(study, run)): return
    start,out = time.time(),repo/'runs'/'studies'/file.stem
    train_run(cfg, out, resume=True)
    evs,leaks = read_evaluations(out),leak_report(run_dls(cfg), progress=False)
    keep(file, study, run, start, out, evs, cfg.data, cfg.weights, leaks=leaks.leaks, n_valid=leaks.n, mean_over_people=over_people(run, evs),
        source='frames of Kaggle grassknoted/asl-alphabet; the people are photographs that are not public',
        choices={k: getattr(cfg, k) for k in 'split size epochs lr bs seed arch'.split()})

class Webcam(RandTransform):
    "Softness and noise of its own for each picture of a batch"
    order = 50
    def encodes(self, x:TensorImage):
        w = torch.rand(len(x), 1, 1, 1, device=x.device)
        soft = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(x, (1,)*4, mode='replicate'), 3, 1)
        return (torch.lerp(x, soft, (2*w-.7).clamp(0, 1)) + torch.randn_like(x)*.06*torch.rand_like(w)).clamp(0, 1)

def strong():
    "fastai's own augmentation, much of it: a hand must not be known by its framing, its colours or its sharpness"
    return aug_transforms(max_rotate=25, min_zoom=.7, max_zoom=1.4, max_warp=.15, max_lighting=.4, p_affine=.9, p_lighting=.9,
        xtra_tfms=[Hue(.08), Saturation(.6), RandomErasing(.3, sh=.2), Webcam()])

def letters_learner(data, out, sizes):
    "Trains on the letters of some sets with strong augmentation, at one picture size after another; goes on from `out`"
    def dls_at(size):
        tfms = [*strong(), Normalize.from_stats(*imagenet_stats)]
        return asl_dls(data, 'random', (.95, .05), classes=list(letters), size=size, batch_tfms=tfms, store=True)
    set_seed(42)
    learn = asl_learner(dls_at(min(sizes)), 'resnet18', imagenet(), seed=42, loss_func=LabelSmoothingCrossEntropyFlat(), path=out, model_dir='.').to_fast()
    learn.unfreeze()
    cbs = [EpochSeed(42), EpochLog(out/'log.csv'), Checkpoints(out)]
    for size,(epochs,lr) in sizes.items():
        learn.dls = dls_at(size)
        learn.fit_one_cycle(epochs, [lr, lr, 3*lr], wd=.05, cbs=cbs)
    return learn

def portraits(folder, people):
    "The alphabet as the README shows it, by several people: the handshape alone, before a plain wall"
    for i in range(people):
        pics = draw([portrait(l, who=i, skin=i%10+1) for l in letters], size=128)
        for l,p in zip(letters, pics): Image.fromarray(p).save(mkdir(folder/l, exist_ok=True, parents=True)/f'{l}{i+1}.jpg')
    return folder

def synth():
    "Are rendered hands like hands? Learned from the one, judged on the other, both ways"
    folder = repo/'runs'/'studies'
    rendered, unseen = (render_set(folder/f'rendered-{n}', list(letters), n, size=128, seed=s) for n,s in ((400, 1), (40, 2)))
    shown = portraits(folder/'portraits', 20)
    people = {o.name: o for o in [*(photos/'people'/f'p{i}' for i in range(1, 9)), photos/'massey']}
    both = {'rendered to photographs': ([rendered], people),
        'photographs to rendered': ([*people.values(), photos/'asl-alphabet'], dict(rendered=unseen, portraits=shown))}
    sizes = {96: (8, 1e-3), 128: (2, 4e-4)} # Pixels: epochs and learning rate
    for run,(data,tests) in both.items():
        if not (file := to_do('synth', run)): continue
        start,out = time.time(),folder/file.stem
        out.mkdir(parents=True, exist_ok=True)
        learn = letters_learner([str(o) for o in data], out, sizes)
        evs = {k: evaluate(learn, o, name=k).to_dict() for k,o in tests.items()}
        means = {'mean_over_people': over_people(run, evs)} if 'p1' in evs else {}
        keep(file, 'synth', run, start, out, evs, data, str(learn.weights), confused={k: e['confused_pairs'][:12] for k,e in evs.items()}, **means,
            source='rendered hands are made by the command; the photographs are not public',
            choices=dict(sizes=sizes, seed=42, fast=learn.fast, arch='resnet18', train=len(learn.dls.train_ds)))

studies = dict(alphabet_resnet18=alphabet_resnet18, synth=synth)

if __name__=='__main__':
    names = sys.argv[1:] or list(studies)
    if unknown := [o for o in names if o not in studies]: sys.exit(f'There is no study {unknown[0]}: choose {", ".join(studies)}')
    if not photos.is_dir(): sys.exit(f'The photographs that studies measure on are not at {photos}: put them there, or name their folder in ASL_PHOTOS')
    for o in names: studies[o]()
