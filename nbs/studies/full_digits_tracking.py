"The digits study: the published network at two sizes, a tracked search, and students never seen"
import json, time
from statistics import mean

import torch
from asl_fastai.data import BlockFold, asl_dls
from asl_fastai.evaluate import evaluate
from asl_fastai.learner import EpochSeed, asl_learner
from asl_fastai.machine import write_json
from asl_fastai.runs import RunConfig
from asl_fastai.sets import digits
from asl_fastai.track import need_optuna
from asl_fastai.tune import best_config, search, space_of
from fastai.vision.all import *
from measuring import facts, kept, repo, to_do, whole_or

work = repo/'runs'/'studies'/'digits_tracking'
data = whole_or('asl_digits', 'sign-language-digits')
last = 4 # The block of students, of five, on which nothing is chosen

def turned():
    "Hands of another student: turned, nearer, further, elsewhere in the picture, in other light; never mirrored"
    return aug_transforms(do_flip=False, max_rotate=20., min_zoom=.5, max_zoom=1.2, max_warp=.15, max_lighting=.6, p_affine=.9, p_lighting=.75,
        pad_mode=PadMode.Border)

def published(learn, epochs): learn.fit(epochs, 1e-3, cbs=EpochSeed(42))
def ours(learn, epochs): learn.fit_one_cycle(epochs, 5e-3, wd=.01, cbs=EpochSeed(42))

def train(arch, split, size, epochs, fit=published):
    "One training, and what a table wants to know of it"
    dls = asl_dls(data, split, classes=list(digits), size=size, store=True, batch_tfms=turned() if fit is ours else None)
    learn = asl_learner(dls, arch, None, LabelSmoothingCrossEntropyFlat() if fit is ours else CrossEntropyLossFlat(), seed=42)
    start = time.perf_counter()
    with learn.no_bar(), learn.no_logging(): fit(learn, epochs)
    seconds = time.perf_counter()-start
    epochwise = [float(o[-1]) for o in learn.recorder.values]
    ev = evaluate(learn, dls.valid, name='validation', progress=False)
    return dict(figures=kept({'validation': ev.to_dict()})['validation'], accuracy=ev.accuracy, best_epoch=max(epochwise), epochwise=epochwise, seconds=seconds,
        seconds_an_epoch=seconds/epochs, train=len(dls.train_ds), threads=torch.get_num_threads(), confused=ev.confused_pairs())

def once(name, *args):
    "A training that is done once, whenever this script is killed"
    file = work/f'{name}.json'
    if not file.exists(): write_json(file, train(*args))
    return json.loads(file.read_text())

def keep(file, run, rows, choices, **more):
    "Writes the figures of one part of the study"
    minutes = sum(o.get('seconds') or 0 for o in rows.values())/60
    write_json(file, facts(study='digits_tracking', run=run, figures=rows, data=['sign-language-digits'], choices=choices, minutes=round(minutes, 1), weights='none',
        command='make studies STUDY=digits_tracking', source='2,062 photographs by Arda Mavi and Zeynep Dikle, on Kaggle; the copy measured here is not public', **more))

def sizes():
    "The published network at 64 and 32, grey and colour, judged as published and on other students"
    if not (file := to_do('digits_tracking', 'sizes')): return
    rows = {}
    for size in (64, 32):
        for grey in (False, True):
            for split in ('random', 'students'):
                name = f'{size} {"grey" if grey else "colour"} {split}'
                by = BlockFold(0, 5, without=(last,)) if split=='students' else 'random'
                rows[name] = once(f'sizes-{name.replace(" ", "-")}', f'small(grey={grey}, batch_norm=False)', by, size, 15)
    keep(file, 'sizes', rows, dict(arch='small(batch_norm=False)', epochs=15, lr=1e-3, optimiser='adam', bs=64, seed=42, splits='random 20 %, or block 0 of 5'))

def searched(trials=24):
    "A search over the small network, on three blocks of students and judged on the fourth; the last is not looked at"
    if not (file := to_do('digits_tracking', 'search')): return
    space = {k: o for k,o in space_of('small').items() if k in ('lr', 'opt', 'augment', 'size', 'depth', 'width', 'kernel', 'dropout', 'batch_norm')}
    cfg = RunConfig([data], classes=list(digits), arch='small', split='block', parts=[.6, .2, .2], epochs=8, weights=None)
    study = search(cfg, trials, 'digits', work/'runs.db', space)
    rows = {f'run {t.number}': dict(state=t.state.name.lower(), accuracy=t.value, seconds=t.user_attrs.get('seconds'), params=t.params,
        valid_loss=[o['valid_loss'] for o in t.user_attrs.get('log', [])]) for t in study.trials}
    importance = need_optuna().importance.get_param_importances(study)
    keep(file, 'search', rows, dict(space=space, epochs=8, split='block', parts=cfg.parts, seed=cfg.seed, trials=trials), best=best_config(study).arch, importance=importance)

candidates = {'32 pixels': ('small(depth=3, width=32)', 32, 40), '64 pixels': ('small(depth=4, width=16)', 64, 24)}

def students():
    "Chosen by cross-validation over four blocks of students, judged on the fifth; then every block in turn"
    if not (file := to_do('digits_tracking', 'students')): return
    chosen = {k: [once(f'choose-{k.replace(" ", "-")}-{i}', a, BlockFold(i, 5, without=(last,)), s, e, ours) for i in range(last)] for k,(a,s,e) in candidates.items()}
    means = {k: mean(o['accuracy'] for o in rows) for k,rows in chosen.items()}
    name = max(means, key=means.get)
    arch,size,epochs = candidates[name]
    rows = {f'block {i}': once(f'ours-{name.replace(" ", "-")}-{i}', arch, BlockFold(i, 5), size, epochs, ours) for i in range(5)}
    keep(file, 'students', rows, dict(arch=arch, size=size, epochs=epochs, lr=5e-3, wd=.01, bs=64, seed=42, augment='turned(), label smoothing, one cycle', blocks=5),
        candidates=means, held_out=rows[f'block {last}']['accuracy'], mean_over_blocks=mean(o['accuracy'] for o in rows.values()))

def main():
    "Three parts, each kept by itself"
    work.mkdir(parents=True, exist_ok=True)
    sizes()
    searched()
    students()
