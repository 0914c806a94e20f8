"What makes a model work for a stranger: one ingredient changed at a time, judged on people who were left out"
import time
from dataclasses import replace

import numpy as np
from asl_fastai.bundle import Predictor
from asl_fastai.confidence import answered, cross_tempered, fit_temperature, letters_shown, reject_threshold, tempered
from asl_fastai.evaluate import evaluate
from asl_fastai.generalise import try_recipes
from asl_fastai.machine import write_json
from asl_fastai.negatives import backgrounds, negatives
from asl_fastai.recipes import recipes
from asl_fastai.sets import picture_files
from measuring import facts, here, imagenet, kept, over_people, photos, repo, to_do

people = {i: photos/'people'/f'p{i}' for i in range(1, 9)}
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

def starter():
    "What the starter bundle does on people that it has not learned from; p1 to p6 chose its temperature and threshold, the judges nothing"
    if not (file := to_do('starter', 'people')): return
    began = time.time()
    model = Predictor('starter', 'fp32')
    evs = {o.name: evaluate(model, o) for o in (*(people[i] for i in range(1, 7)), photos/'people'/'judge1', photos/'people'/'judge2')}
    sure,six = model.card['threshold'],[v for k,v in evs.items() if k[0]=='p']
    rooms = backgrounds([f for k in evs for f in picture_files(photos/'people'/k)], 1000, model.size)
    shown = {k: letters_shown(model.probs(list(x)), model.vocab, sure) for k,x in (('rendered', negatives(1000, model.size, seed=99)[0]), ('photographs', rooms))}
    write_json(file, facts(study='starter', run='people', figures=kept({k: v.to_dict() for k,v in evs.items()}), data=model.card['trained_on'], minutes=round((time.time()-began)/60, 1),
        choices=dict(recipe='starter', size=model.size), source='photographs of people that are not public', pairs={k: v.confused_pairs(5) for k,v in evs.items()},
        mean_over_people=over_people('people', {k: v.to_dict() for k,v in evs.items()}), mean=float(np.mean([o.accuracy for o in evs.values()])),
        static={k: v.accuracy_static for k,v in evs.items()}, answered={k: answered(v, sure) for k,v in evs.items()}, found=confidence(six, model.card['temperature']),
        shown={k: [int(v.sum()), len(v)] for k,v in shown.items()}, threshold=sure, temperature=model.card['temperature'], command='make studies STUDY=generalise'))

def main():
    "Each recipe and fold is kept when it is done"
    starter()
    go = lambda *args: try_recipes(*args, here/'results'/'generalise', imagenet(), work=repo/'runs'/'studies'/'generalise',
        **facts(study='generalise', command='make studies STUDY=generalise'))
    go(dict([*tried.items()][:3]), [*sets, *people.values()], folds[1:2])
    for n in (0, 2, 5, 1, 3): go({f'{n} people': small}, [*sets, *(people[i] for i in learned[:n]), *folds[1]], folds[1:2])
    for n in (1, 16): go({f'{n} rooms': replace(small, bank=n)}, [*sets, *people.values()], folds[1:2])
    go(tried, [*sets, *people.values()], folds)
