"What makes a model work for a stranger: people left out, one ingredient changed at a time, and the two recipes as they are"
import shutil, time
from collections import Counter
from dataclasses import asdict, replace
from functools import cache
from unittest.mock import patch

import numpy as np, pandas as pd, torch
from asl_fastai.augment import Haze, hand_tfms
from asl_fastai.bundle import Predictor
from asl_fastai.card import load_bundle
from asl_fastai.confidence import answered, cross_tempered, fit_temperature, letters_shown, reject_threshold, tempered
from asl_fastai.evaluate import evaluate
from asl_fastai.generalise import leave_each_out, leave_out, looks_outside
from asl_fastai.learner import EpochSeed
from asl_fastai.looks import quickly
from asl_fastai.machine import write_json
from asl_fastai.negatives import backgrounds, negatives
from asl_fastai.reader import HandReader, Reading
from asl_fastai.recipes import Recipe, recipe_dls, recipes
from asl_fastai.runs import RunConfig, follow_recipe, run_learner, train_run
from asl_fastai.scores import Evaluation
from asl_fastai.sets import label_of, picture_files, whole_square
from fastai.vision.all import DataLoaders, Learner, RandomErasing, TfmdDL, accuracy, set_seed
from measuring import begun, facts, here, imagenet, kept, measure, minutes_in, over_people, photos, repo, to_do

people = {i: photos/'people'/f'p{i}' for i in range(1, 9)}
judges = [photos/'people'/'judge1', photos/'people'/'judge2']
folds = [[people[i] for i in o] for o in ((1, 4, 8), (2, 5, 7), (3, 6))]
sets = [photos/'asl-alphabet', photos/'massey', photos/'sign-language-digits']
everybody = [*sets, *people.values()]
names = [o.name for o in everybody]
work = repo/'runs'/'studies'
pixels = Recipe((), arch='resnet18', size=96, opened='open_picture', epochs=20, per_epoch=12000, rendered=400, negatives=1000, views=(1, 1.25)) # How it was done before there was a reader
learned = [1, 8, 3, 6, 4] # In which order people are added, judged on the second fold

wrong = dict(stranger=.02, starter=.03, pixels=.1) # Share of answers that may be wrong, as each recipe's threshold is chosen

def confidence(recipe, evs, before=1.):
    "The temperature and threshold that people who were not learned from ask for, on top of the temperature that the bundle has; each ECE by the temperature of the others"
    found = fit_temperature(evs)
    threshold = reject_threshold([tempered(o, found) for o in evs], wrong[recipe])
    return dict(temperature=before*found, ece={o.name: o.ece for o in cross_tempered(evs)}, threshold=threshold, wrong=wrong[recipe])

not_public = 'photographs of people that are not public'

def chosen(recipe): return {k: v for k,v in asdict(recipe).items() if k!='notes'}

def said_of(study, recipe, run, evs, minutes, data, found, **more):
    "What is kept of a model judged on people"
    dicts = {k: v.to_dict() for k,v in evs.items()}
    return facts(study=study, run=run, figures=kept(dicts), data=data, minutes=round(minutes, 1), choices=chosen(recipe), source=not_public,
        pairs={k: v.confused_pairs(5) for k,v in evs.items()}, mean=float(np.mean([o.accuracy for o in evs.values()])),
        mean_over_people=over_people(run, dicts), static={k: v.accuracy_static for k,v in evs.items()}, found=found,
        command='make studies STUDY=generalise', **more)

def shown_letters(model, pics):
    "What a bundle takes for letters among pictures in which nobody signs, and how many pictures they are"
    probs = model.probs(list(pics))
    hit = letters_shown(probs, model.vocab, model.card['threshold'])
    return dict(pictures=len(pics), letters=Counter(model.vocab[i] for i in probs[hit].argmax(1)))

@cache
def unsigned():
    "Rendered pictures in which nobody signs, drawn once for all who are judged"
    return negatives(4000, 128, seed=99)[0]

def looked_at_judges(evs, recipe):
    "Writes down that the judges were looked at, and what was seen"
    if not all(o.name in evs for o in judges): return
    row = dict(date=time.strftime('%Y-%m-%d'), model=recipe, commit=begun, what='the recipe as it is', **{o.name: round(evs[o.name].accuracy, 4) for o in judges})
    pd.DataFrame([row]).to_csv(here/'results'/'looks_at_judges.csv', mode='a', header=False, index=False)

def judge(file, run, recipe, model, sets, known=(), trained=0.):
    "What a bundle says of people that it has not learned from, and of pictures in which nobody signs; the `known` chose its temperature and threshold"
    began = time.time()
    evs = {o.name: evaluate(model, o) for o in sets}
    looked_at_judges(evs, recipe)
    sure,chose = model.card['threshold'],[evs[o.name] for o in known]
    rooms = backgrounds([f for o in sets for f in picture_files(o)], 1000, model.size)
    shown = dict(rendered=shown_letters(model, unsigned()), photographs=shown_letters(model, rooms))
    found = confidence(recipe, chose, model.card['temperature']) if chose else dict(ece={})
    minutes = trained+(time.time()-began)/60
    write_json(file, said_of(recipe, recipes[recipe], run, evs, minutes, model.card['trained_on'], found,
        answered={k: answered(v, sure) for k,v in evs.items()}, shown=shown, threshold=sure, temperature=model.card['temperature']))

def starter():
    "What the starter bundle does on people that it has not learned from; p1 to p6 chose its temperature and threshold, the judges and Kaggle's alphabet nothing"
    model,six = Predictor('starter', 'fp32'),[people[i] for i in range(1, 7)]
    if file := to_do('starter', 'people'): judge(file, 'people', 'starter', model, [*six, *judges], six)
    if file := to_do('starter', 'alphabet'): judge(file, 'alphabet', 'starter', model, [sets[0]/'asl_alphabet_train'])

def fold(file, run, study, recipe, data, evs, minutes):
    "Keeps what a recipe says of people who were left out, who together say how sure it may be"
    found = confidence(study, [*evs.values()])
    sure = {k: answered(tempered(o, found['temperature']), found['threshold']) for k,o in evs.items()}
    write_json(file, said_of(study, recipe, run, evs, minutes, [o.name for o in data], found, answered=sure))

def left_out(run='left out', folds=folds):
    "The recipe for strangers, each person left out with one or two others, or as `folds` say"
    if not (file := to_do('stranger', run)): return
    began = time.time()
    evs = leave_each_out('stranger', everybody, folds, work/run.replace(' ', '_'))
    fold(file, run, 'stranger', recipes['stranger'], everybody, evs, (time.time()-began)/60)

def alone():
    "The same, each person left out alone: eight trainings"
    left_out('left out alone', [[o] for o in people.values()])

def compared(file, run, tried, data, minutes, **choices):
    "Keeps what `tried`, name to evaluations, read of people who were not learned from"
    figures = {name: {k: dict(accuracy=o.accuracy, interval=o.interval, n=o.n) for k,o in evs.items()} for name,evs in tried.items()}
    means = {name: over_people(name, {k: o.to_dict() for k,o in evs.items()}) for name,evs in tried.items()}
    write_json(file, facts(study='reader', run=run, figures=figures, mean_over_people=means, data=data, minutes=minutes,
        choices=choices, source=not_public, command='make studies STUDY=generalise'))

def blocks():
    "How many blocks of the joint network should stay as they are, and how many looks are enough"
    if not (file := to_do('reader', 'blocks')): return
    began,tried = time.time(),{}
    for still,epochs,rounds in ((12, 1, 2), (12, 4, 1), (12, 10, 1), (9, 4, 1), (6, 4, 1), (6, 4, 2), (6, 10, 1), (6, 3, 1), (3, 3, 1)):
        recipe = replace(recipes['stranger'], arch=f'reader(still={still})', per_epoch=16384, epochs=epochs, rounds=rounds)
        name = f'{still} still, {16384*epochs:,} looks, {rounds} round{"s"*(rounds>1)}'
        tried[name] = leave_each_out(recipe, everybody, folds, out := work/f'blocks-{still}-{epochs}-{rounds}')
        shutil.rmtree(out)
    compared(file, 'blocks', tried, names, (time.time()-began)/60/len(tried), lr=recipe.lr, size=recipe.size, seed=42)

def middle():
    "What it brings to seek hands in the middle of a picture too: the networks of `left_out`, as they are"
    if not (file := to_do('reader', 'middle')): return
    began,tried = time.time(),{}
    for near in (1., HandReader.near):
        with patch.object(HandReader, 'near', near): tried[f'{near:.0%}'] = leave_each_out('stranger', everybody, folds, work/'left_out')
    compared(file, 'middle', tried, names, (time.time()-began)/60/len(tried), enough=HandReader.enough)

def uncovered():
    "The recipe without haze, and without covering a part of the hand"
    def fewer(*args): return [o for o in hand_tfms(*args) if not isinstance(o, (Haze, RandomErasing))]
    with patch('asl_fastai.recipes.hand_tfms', fewer): left_out('uncovered')

def smaller(file, times, size=200):
    "A picture in the middle of one that is `times` as wide, which its edges fill, (size, size, 3) uint8: its hand is so much smaller"
    o = whole_square(file, round(size/times))
    n = size-len(o)
    return np.pad(o, ((n//2, n-n//2), (n//2, n-n//2), (0, 0)), mode='edge')

def read_by(model, name, files, pics, vocab):
    "What a network reads of pictures that were changed, as an evaluation"
    x = torch.from_numpy(np.stack(pics)).permute(0, 3, 1, 2)
    with torch.no_grad(): probs = torch.cat([model(o/255).softmax(1) for o in x.split(64)])
    return Evaluation(name, files, [label_of(o) for o in files], probs.numpy(), vocab)

def small():
    "The starter on a sixth of the pictures of p1 to p6 whose hands were made smaller, with the search in the middle and without"
    if not (file := to_do('reader', 'small hands')): return
    began,tried,b = time.time(),{},load_bundle('starter')
    reader = HandReader(len(b.vocab), nothing=b.vocab.index('nothing')).eval()
    reader.load_state_dict({k: torch.from_numpy(np.array(v)) for k,v in b.weights().items()})
    files = {people[i].name: picture_files(people[i])[::6] for i in range(1, 7)}
    with quickly(reader):
        for times in (1, 2, 3):
            pics = {k: [smaller(o, times) for o in f] for k,f in files.items()}
            for near in (1., HandReader.near):
                with patch.object(HandReader, 'near', near): tried[f'{times:g} times, {near:.0%}'] = {k: read_by(reader, k, f, pics[k], b.vocab) for k,f in files.items()}
    compared(file, 'small hands', tried, b.card['trained_on'], (time.time()-began)/60, enough=HandReader.enough)

def before():
    "Three of the people read from pixels alone, as the recipe was until it knew joints"
    run = f'without {", ".join(o.name for o in folds[1])}'
    if not (file := to_do('pixels', run)): return
    out,known = work/file.stem,[*everybody, photos/'sign-mnist']
    evs = leave_out(pixels, known, folds[1], out, imagenet())
    fold(file, run, 'pixels', pixels, known, evs, minutes_in(out))

def in_domain():
    "A reader on blocks of frames of one person of whom it has learned other blocks"
    measure('reader', 'in domain', RunConfig(data=[str(sets[0])], arch='reader(still=3)', split='block', epochs=6, size=200, lr=2e-3, augment=.5), 'generalise')

def stranger():
    "The recipe for strangers on everybody but the judges, who chose nothing"
    if not (file := to_do('stranger', 'judges')): return
    out,began = work/file.stem,time.time()
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

heads = replace(recipes['stranger'], arch='reader(still=12)') # Of which only the head learns here
parts = {'joints and pixels': (), 'pixels only': np.s_[1152:], 'joints only': np.s_[:1152]} # What is taken from the head's sight

def looked(recipe, out, less=()):
    "The recipe, a learner on everybody, its looks at the training pictures, changed by all transforms but `less`, and what the head sees of them"
    cfg = follow_recipe(RunConfig(data=[*map(str, everybody)]), recipe)
    learn = run_learner(cfg, recipe_dls(recipe, everybody, cfg.seed, rooms=sets, bs=cfg.bs), path=out, model_dir='.')
    done = learn.dls.train.after_batch
    done.fs = done.fs.filter(lambda o: type(o).__name__ not in less)
    looks,_ = learn.look_often(cfg.epochs, cfg.seed)
    return recipe,learn,looks,described(learn, looks)

def seen(learn):
    "What the head sees of everybody's photographs as they are, by person"
    with quickly(learn.model):
        return {o.name: described(learn, learn.look(learn.dls.test_dl(picture_files(o), with_labels=True), learn.path/'looks'/f'{o.name}.pth')) for o in people.values()}

def ask(name, held, recipe, learn, looks, x, plain, less=()):
    "Keeps how a head reads those who were left out, having learned from looks at everybody but them and `less`"
    file = here/'results'/'generalise'/f'{name.replace(" ", "_")}-{"+".join(o.name for o in held)}.json'
    if file.exists(): return
    began,keep,hidden = time.time(),looks_outside(looks, learn.dls.train.items, [*held, *less]),parts.get(name, ())
    def of(x):
        x = x.clone()
        if hidden: x[:, hidden] = 0
        return x
    probs,figures = head_on(of(x[keep]), looks.y[keep]),{}
    for o in held:
        files = picture_files(o)
        ev = Evaluation(o.name, files, [label_of(f) for f in files], probs(of(plain[o.name])), learn.dls.vocab)
        figures[o.name] = {k: getattr(ev, k) for k in 'accuracy interval n marks lacking ece per_class'.split()}
    away = [*held, *less]
    write_json(file, facts(study='generalise', command='make studies STUDY=generalise', recipe=name, looks=int(keep.sum()), minutes=round((time.time()-began)/60, 2), figures=figures,
        data=[o.name for o in everybody if o not in away], choices=chosen(recipe), source=not_public))

def ingredients():
    "What the head alone can do with one thing taken away, the joint network as it comes: many small trainings from the same looks"
    out = here/'results'/'generalise'
    if (out/f'{heads.bank}_rooms-p3+p6.json').exists(): return print('results/generalise is complete, the last file of it is there; remove that to go through it again')
    found = looked(heads, work/'heads')
    plain = seen(found[1])
    made = [o for o in {f.parents[1] for f in found[1].dls.train.items} if 'rendered' in o.name]
    for held in folds:
        for name in parts: ask(name, held, *found, plain)
        ask('no rendered hands', held, *found, plain, made)
    for n in (0, 1, 2, 3, 5): ask(f'{n} people', folds[1], *found, plain, [people[i] for i in learned[n:]])
    for n in (1, 4, 16, 64, heads.bank):
        found = looked(replace(heads, bank=n, epochs=1), work/f'rooms-{n}')
        for held in folds: ask(f'{n} rooms', held, *found, plain)

tfms = {'other rooms': 'OtherRooms', 'other place': 'Flip', 'brightness and contrast': 'Brightness', 'saturation': 'Saturation', 'lamp': 'Lamp', 'haze': 'Haze',
    'webcam': 'Webcam', 'erasing': 'RandomErasing'} # What `hand_tfms` is made of; fastai's flip is one with turn, zoom and warp, its brightness with contrast
ways = {'one look': ({}, ()), 'one look, hands not mirrored': (dict(mirror=False), ()), **{f'one look, no {k}': ({}, [v]) for k,v in tfms.items()},
    'one look, as it is': ({}, [*tfms.values()])}

def augmentation():
    "What a head alone learns from looks that were augmented in several ways, one look at each picture drawn"
    if (here/'results'/'generalise'/f'{[*ways][-1].replace(" ", "_")}-p3+p6.json').exists(): return print('results/generalise has every way to augment already')
    plain = None
    for i,(name,(change,less)) in enumerate(ways.items()):
        found = looked(replace(heads, epochs=1, **change), work/f'augment-{i}', less)
        plain = plain or seen(found[1])
        for held in folds: ask(name, held, *found, plain)

def main():
    "Each result is kept when it is done"
    starter()
    small()
    left_out()
    middle()
    uncovered()
    stranger()
    ingredients()
    augmentation()
    blocks()
    alone()
    before()
    in_domain()
