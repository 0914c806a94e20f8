"What makes a model work for a stranger: one ingredient changed at a time, judged on people who were left out"
import time
from dataclasses import asdict, replace

import numpy as np
from asl_fastai.bundle import Predictor
from asl_fastai.confidence import answered, cross_tempered, fit_temperature, letters_shown, reject_threshold, tempered
from asl_fastai.evaluate import evaluate
from asl_fastai.generalise import leave_out, try_recipes
from asl_fastai.machine import write_json
from asl_fastai.negatives import backgrounds, negatives
from asl_fastai.recipes import recipes
from asl_fastai.runs import RunConfig, follow_recipe, train_run
from asl_fastai.sets import picture_files
from measuring import facts, here, imagenet, kept, minutes_in, over_people, photos, repo, to_do

people = {i: photos/'people'/f'p{i}' for i in range(1, 9)}
judges = [photos/'people'/'judge1', photos/'people'/'judge2']
folds = [[people[i] for i in o] for o in ((1, 4, 8), (2, 5, 7), (3, 6))]
sets = [photos/'asl-alphabet', photos/'massey', photos/'sign-language-digits']
small = replace(recipes['stranger'], size=64, epochs=3, per_epoch=5000, views=())
tried = {'whole recipe': small, 'no other rooms': replace(small, bank=0), 'no rendered hands': replace(small, rendered=0),
    'not mirrored': replace(small, mirror=False), 'two scales, mirrored': replace(small, views=(1, 1.25)), 'no pictures of nothing': replace(small, negatives=0),
    'labels as they are': replace(small, smoothing=0.), 'twice as long': replace(small, epochs=6)}
learned = [1, 8, 3, 6, 4] # In which order people are added, judged on the second fold

def confidence(evs, before):
    "The temperature and threshold that people who were not learned from ask for, on top of the temperature that the bundle has; each ECE by the temperature of the others"
    found = fit_temperature(evs)
    return dict(temperature=before*found, ece={o.name: o.ece for o in cross_tempered(evs)}, threshold=reject_threshold([tempered(o, found) for o in evs], .1))

def said_of(recipe, run, evs, minutes, data, found, **more):
    "What is kept of a model judged on people"
    dicts = {k: v.to_dict() for k,v in evs.items()}
    choices = {k: v for k,v in asdict(recipes[recipe]).items() if k!='notes'}
    return facts(study=recipe, run=run, figures=kept(dicts), data=data, minutes=round(minutes, 1), choices=choices,
        source='photographs of people that are not public', pairs={k: v.confused_pairs(5) for k,v in evs.items()}, mean=float(np.mean([o.accuracy for o in evs.values()])),
        mean_over_people=over_people(run, dicts) if any(k[0]=='p' for k in evs) else None, static={k: v.accuracy_static for k,v in evs.items()}, found=found,
        command='make studies STUDY=generalise', **more)

def judge(file, run, recipe, model, sets, known=(), trained=0.):
    "What a bundle says of people that it has not learned from, and of pictures in which nobody signs; the `known` chose its temperature and threshold"
    began = time.time()
    evs = {o.name: evaluate(model, o) for o in sets}
    sure,chose = model.card['threshold'],[evs[o.name] for o in known]
    rooms = backgrounds([f for o in sets for f in picture_files(o)], 1000, model.size)
    shown = {k: letters_shown(model.probs(list(x)), model.vocab, sure) for k,x in (('rendered', negatives(1000, model.size, seed=99)[0]), ('photographs', rooms))}
    found = confidence(chose, model.card['temperature']) if chose else dict(ece={})
    write_json(file, said_of(recipe, run, evs, trained+(time.time()-began)/60, model.card['trained_on'], found, answered={k: answered(v, sure) for k,v in evs.items()},
        shown={k: [int(v.sum()), len(v)] for k,v in shown.items()}, threshold=sure, temperature=model.card['temperature']))

def starter():
    "What the starter bundle does on people that it has not learned from; p1 to p6 chose its temperature and threshold, the judges nothing"
    six = [people[i] for i in range(1, 7)]
    if file := to_do('starter', 'people'): judge(file, 'people', 'starter', Predictor('starter', 'fp32'), [*six, *judges], six)

def left_out():
    "The recipe for strangers at full length, without the people of a fold, who say how sure it may be"
    for held in folds[1:2]+folds[:1]+folds[2:]:
        run = f'without {", ".join(o.name for o in held)}'
        if not (file := to_do('stranger', run)): continue
        out = repo/'runs'/'studies'/file.stem
        evs = leave_out('stranger', [*sets, photos/'sign-mnist', *people.values()], held, out, imagenet())
        found = confidence([*evs.values()], 1.)
        sure = [tempered(o, found['temperature']) for o in evs.values()]
        write_json(file, said_of('stranger', run, evs, minutes_in(out), [o.name for o in (*sets, photos/'sign-mnist', *people.values()) if o not in held], found,
            answered={o.name: answered(o, found['threshold']) for o in sure}))

def stranger():
    "The recipe for strangers on everybody but the judges, who chose nothing"
    if not (file := to_do('stranger', 'judges')): return
    out = repo/'runs'/'studies'/file.stem
    train_run(follow_recipe(RunConfig(data=[str(photos)], weights=imagenet()), 'stranger'), out, resume=True)
    judge(file, 'judges', 'stranger', Predictor(out/'bundle', 'fp32'), judges, trained=minutes_in(out))

def main():
    "Each recipe and fold is kept when it is done"
    starter()
    left_out()
    stranger()
    go = lambda *args: try_recipes(*args, here/'results'/'generalise', imagenet(), work=repo/'runs'/'studies'/'generalise',
        **facts(study='generalise', command='make studies STUDY=generalise'))
    go(dict([*tried.items()][:3]), [*sets, *people.values()], folds[1:2])
    for n in (0, 2, 5, 1, 3): go({f'{n} people': small}, [*sets, *(people[i] for i in learned[:n]), *folds[1]], folds[1:2])
    for n in (1, 16): go({f'{n} rooms': replace(small, bank=n)}, [*sets, *people.values()], folds[1:2])
    go(tried, [*sets, *people.values()], folds)
