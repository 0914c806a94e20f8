"What makes a model work for a stranger: people left out, one ingredient changed at a time, and the two recipes as they are"
import os, shutil, time
from dataclasses import asdict, replace

import numpy as np, torch
from asl_fastai.bundle import Predictor
from asl_fastai.confidence import answered, cross_tempered, fit_temperature, letters_shown, reject_threshold, tempered
from asl_fastai.evaluate import evaluate
from asl_fastai.generalise import leave_each_out, leave_out, looks_outside
from asl_fastai.learner import EpochSeed
from asl_fastai.looks import quickly
from asl_fastai.machine import write_json
from asl_fastai.negatives import backgrounds, negatives
from asl_fastai.reader import Reading
from asl_fastai.recipes import Recipe, recipes
from asl_fastai.runs import RunConfig, follow_recipe, run_dls, run_learner, train_run
from asl_fastai.scores import Evaluation
from asl_fastai.sets import label_of, picture_files
from fastai.vision.all import DataLoaders, Learner, TfmdDL, accuracy, set_seed
from measuring import facts, here, imagenet, kept, minutes_in, over_people, photos, repo, to_do

people = {i: photos/'people'/f'p{i}' for i in range(1, 9)}
judges = [photos/'people'/'judge1', photos/'people'/'judge2']
folds = [[people[i] for i in o] for o in ((1, 4, 8), (2, 5, 7), (3, 6))]
sets = [photos/'asl-alphabet', photos/'massey', photos/'sign-language-digits']
everybody = [*sets, *people.values()]
work = repo/'runs'/'studies'
pixels = Recipe((), arch='resnet18', size=96, opened='open_picture', epochs=20, per_epoch=12000, rendered=400, views=(1, 1.25)) # How it was done before there was a reader
learned = [1, 8, 3, 6, 4] # In which order people are added, judged on the second fold

def confidence(evs, before):
    "The temperature and threshold that people who were not learned from ask for, on top of the temperature that the bundle has; each ECE by the temperature of the others"
    found = fit_temperature(evs)
    return dict(temperature=before*found, ece={o.name: o.ece for o in cross_tempered(evs)}, threshold=reject_threshold([tempered(o, found) for o in evs], .05))

def said_of(study, recipe, run, evs, minutes, data, found, **more):
    "What is kept of a model judged on people"
    dicts = {k: v.to_dict() for k,v in evs.items()}
    choices = {k: v for k,v in asdict(recipe).items() if k!='notes'}
    return facts(study=study, run=run, figures=kept(dicts), data=data, minutes=round(minutes, 1), choices=choices,
        source='photographs of people that are not public', pairs={k: v.confused_pairs(5) for k,v in evs.items()}, mean=float(np.mean([o.accuracy for o in evs.values()])),
        mean_over_people=over_people(run, dicts) if any(k[0]=='p' for k in evs) else None, static={k: v.accuracy_static for k,v in evs.items()}, found=found,
        command='make studies STUDY=generalise', **more)

def judge(file, run, recipe, model, sets, known=(), trained=0.):
    "What a bundle says of people that it has not learned from, and of pictures in which nobody signs; the `known` chose its temperature and threshold"
    began = time.time()
    evs = {o.name: evaluate(model, o) for o in sets}
    sure,chose = model.card['threshold'],[evs[o.name] for o in known]
    rooms = backgrounds([f for o in sets for f in picture_files(o)], 1000, model.size)
    shown = {k: letters_shown(model.probs(list(x)), model.vocab, sure) for k,x in (('rendered', negatives(1000, 128, seed=99)[0]), ('photographs', rooms))}
    found = confidence(chose, model.card['temperature']) if chose else dict(ece={})
    minutes = trained+(time.time()-began)/60
    write_json(file, said_of(recipe, recipes[recipe], run, evs, minutes, model.card['trained_on'], found,
        answered={k: answered(v, sure) for k,v in evs.items()},
        shown={k: [int(v.sum()), len(v)] for k,v in shown.items()}, threshold=sure, temperature=model.card['temperature']))

def starter():
    "What the starter bundle does on people that it has not learned from; p1 to p6 chose its temperature and threshold, the judges nothing"
    six = [people[i] for i in range(1, 7)]
    if file := to_do('starter', 'people'): judge(file, 'people', 'starter', Predictor('starter', 'fp32'), [*six, *judges], six)

def without(held): return f'without {", ".join(o.name for o in held)}'

def fold(file, study, recipe, held, data, evs, minutes):
    "Keeps what a model says of the people who were left out, who together say how sure it may be"
    found = confidence([*evs.values()], 1.)
    sure = {k: answered(tempered(o, found['temperature']), found['threshold']) for k,o in evs.items()}
    write_json(file, said_of(study, recipe, without(held), evs, minutes, [o.name for o in data if o not in held], found, answered=sure))

def left_out():
    "The recipe for strangers, each person left out with one or two others"
    for held in folds:
        if not (file := to_do('stranger', without(held))): continue
        began = time.time()
        evs = leave_each_out('stranger', everybody, [held], work/'left_out')
        fold(file, 'stranger', recipes['stranger'], held, everybody, evs, (time.time()-began)/60)

def blocks():
    "How many blocks of the joint network should stay as they are, and how many looks are enough"
    if not (file := to_do('reader', 'blocks')): return
    began,figures,means = time.time(),{},{}
    for still,epochs,rounds in ((12, 1, 2), (12, 4, 1), (12, 10, 1), (9, 4, 1), (6, 4, 1), (6, 4, 2), (6, 10, 1)):
        recipe = replace(recipes['stranger'], arch=f'reader(still={still})', per_epoch=16384, epochs=epochs, rounds=rounds)
        evs = leave_each_out(recipe, everybody, folds, out := work/f'blocks-{still}-{epochs}-{rounds}')
        name = f'{still} still, {16384*epochs:,} looks, {rounds} round{"s"*(rounds>1)}'
        figures[name] = {k: dict(accuracy=o.accuracy, interval=o.interval, n=o.n) for k,o in evs.items()}
        means[name] = over_people(name, {k: o.to_dict() for k,o in evs.items()})
        shutil.rmtree(out)
    minutes,choices = (time.time()-began)/60/len(figures),dict(lr=recipe.lr, size=recipe.size, seed=42)
    write_json(file, facts(study='reader', run='blocks', figures=figures, mean_over_people=means, data=[o.name for o in everybody], minutes=minutes,
        choices=choices, source='photographs of people that are not public', command='make studies STUDY=generalise'))

def before():
    "The same people read from pixels alone, as the recipe was until it knew joints"
    for held in folds[1:2]:
        if not (file := to_do('pixels', without(held))): continue
        out,known = work/file.stem,[*everybody, photos/'sign-mnist']
        evs = leave_out(pixels, known, held, out, imagenet())
        fold(file, 'pixels', pixels, held, known, evs, minutes_in(out))

def stranger():
    "The recipe for strangers on everybody but the judges, who chose nothing"
    if not (file := to_do('stranger', 'judges')): return
    out,began,looks = work/file.stem,time.time(),work/'left_out'/'looks'
    if looks.exists() and not (out/'looks').exists(): shutil.copytree(looks, out/'looks', copy_function=os.link) # Of the same pictures, by the same seeds
    train_run(follow_recipe(RunConfig(data=[*map(str, everybody)]), 'stranger'), out, resume=True)
    judge(file, 'judges', 'stranger', Predictor(out/'bundle', 'fp32'), judges, trained=(time.time()-began)/60)

def described(learn, looks):
    "What the head sees of looks while the last blocks are still, (n, 1347) float32"
    m = learn.model.reading.eval()
    with torch.no_grad(): z = torch.cat([m.late(looks[i:i+256][0].float().unflatten(1, m.map)).mean((2, 3)) for i in range(0, len(looks), 256)])
    return torch.cat([z, looks.shape.float()], 1)

def head_on(x, y, seed=42):
    "A head trained on descriptions alone, as a function to probabilities"
    set_seed(seed)
    head = Reading(29).head
    both = torch.utils.data.TensorDataset(x, y)
    dls = DataLoaders(TfmdDL(both, bs=256, shuffle=True, drop_last=True, num_workers=0), TfmdDL(both, bs=256, num_workers=0))
    with (learn := Learner(dls, head, loss_func=torch.nn.CrossEntropyLoss(label_smoothing=.1), metrics=accuracy, wd=.01)).no_bar(), learn.no_logging():
        learn.fit_one_cycle(4, 3e-3, cbs=EpochSeed(seed))
    def probs(x):
        with torch.no_grad(): return head.eval()(x).softmax(1).numpy()
    return probs

def ingredients():
    "What the head alone can do with one thing taken away, the last blocks still: many small trainings from the looks that `left_out` made"
    out = here/'results'/'generalise'
    names = {'joints and pixels': [], 'pixels only': [], 'joints only': [], 'no rendered hands': []}
    counts = {f'{n} people': [people[i] for i in learned[n:]] for n in (0, 1, 2, 3, 5)}
    todo = [(name, held) for name in names for held in folds]+[(name, folds[1]) for name in counts]
    def file(name, held): return out/f'{name.replace(" ", "_")}-{"+".join(o.name for o in held)}.json'
    if all(file(*o).exists() for o in todo): return print('results/generalise is complete; remove a file to measure it again')
    cfg = follow_recipe(RunConfig(data=[*map(str, everybody)]), 'stranger')
    learn = run_learner(cfg, run_dls(cfg), path=work/'left_out', model_dir='.')
    looks,_ = learn.look_often(cfg.epochs, cfg.seed)
    x,items = described(learn, looks),learn.dls.train.items
    rendered = [o for o in {f.parents[1] for f in items} if 'rendered' in o.name]
    plain = {}
    for o in people.values():
        with quickly(learn.model): found = learn.look(learn.dls.test_dl(picture_files(o), with_labels=True), work/'left_out'/'looks'/f'{o.name}.pth')
        plain[o.name] = described(learn, found)
    def of(name, x):
        x = x.clone()
        if name=='pixels only': x[:, 1152:] = 0
        if name=='joints only': x[:, :1152] = 0
        return x
    for name,held in todo:
        if file(name, held).exists(): continue
        began = time.time()
        keep = looks_outside(looks, items, [*held, *counts.get(name, []), *(rendered if name=='no rendered hands' else [])])
        probs,figures = head_on(of(name, x[keep]), looks.y[keep]),{}
        for o in held:
            files = picture_files(o)
            ev = Evaluation(o.name, files, [label_of(f) for f in files], probs(of(name, plain[o.name])), learn.dls.vocab)
            figures[o.name] = {k: getattr(ev, k) for k in 'accuracy interval n marks lacking ece per_class'.split()}
        write_json(file(name, held), facts(study='generalise', command='make studies STUDY=generalise', recipe=name, minutes=round((time.time()-began)/60, 2), figures=figures))

def main():
    "Each result is kept when it is done"
    starter()
    left_out()
    ingredients()
    stranger()
    blocks()
    before()
