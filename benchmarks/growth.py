"""Does cost grow in proportion? A store, a training epoch, the doctor and prediction, for ever more pictures

python benchmarks/growth.py [--repeats 3] [COUNT ...]     1,000 and 4,000 pictures unless told; 1000 10000 100000 takes about half an hour on two cores

The pictures are the rendered sample's, as hard links, as often as needed. Each figure comes from a process of its own. Memory without the pages of
files (`anonymous_mb`) hardly grows: by names and labels, a few kB a picture in training; the store's array itself belongs to the disk."""
import argparse, contextlib, json, os, sys, tempfile
from functools import partial
from pathlib import Path

import pandas as pd
from _bench import anonymous_mb, bundles, fresh, in_turn, peak_mb, say, seconds

def linked(folder, n):
    "A set of `n` pictures in `folder`, hard links to the sample's"
    from asl_fastai.sets import get_data, label_of, parts_of, picture_files
    files = picture_files(parts_of(get_data('sample'))['train'])
    for i in range(n):
        f = files[i%len(files)]
        at = folder/label_of(f)
        at.mkdir(exist_ok=True)
        os.link(f, at/f'{label_of(f)}{i+1}.jpg')
    return folder

def store(folder, model):
    "Decoding everything at 128 pixels"
    from asl_fastai.store import build_store
    with tempfile.TemporaryDirectory(dir=folder.parent) as d: return seconds(lambda: build_store(folder, Path(d)/'store', progress=False))

def epoch(folder, model):
    "A training epoch of a small network on a store; what is built for it does not count"
    from asl_fastai.all import asl_dls, asl_learner
    learn = asl_learner(asl_dls(folder, 'random', size=32, bs=128, store=True), 'resnet18', None).to_fast()
    with learn.no_bar(), learn.no_logging(): return seconds(lambda: learn.fit(1, 1e-3))

def doctor(folder, model):
    "The examination of a folder"
    from asl_fastai.doctor import examine
    return seconds(lambda: examine(folder))

def predict(folder, model):
    "A row for each picture, by a small network at 64 pixels"
    from asl_fastai.bundle import Predictor
    with tempfile.TemporaryDirectory(dir=folder.parent) as d:
        return seconds(lambda: Predictor(model, 'fp32').predict_folder(folder, Path(d)/'answers.csv', progress=False))

works = dict(store=store, epoch=epoch, doctor=doctor, predict=predict)

if __name__=='__main__':
    if sys.argv[1:] and sys.argv[1] in works:
        with contextlib.redirect_stdout(None): took = works[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
        print(json.dumps(dict(seconds=took, anonymous_mb=anonymous_mb(), peak_mb=peak_mb())))
        sys.exit()
    from asl_fastai.sets import data_root
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('counts', nargs='*', type=int, default=(1000, 4000))
    p.add_argument('--repeats', type=int, default=3)
    o,tables = p.parse_args(),{}
    with tempfile.TemporaryDirectory() as models:
        model = bundles(models, kind := 'mobilenet_v3_small:64')[kind]
        for n in o.counts:
            with tempfile.TemporaryDirectory(dir=data_root(), prefix='.growth') as d:
                (folder := Path(d)/'pictures').mkdir()
                linked(folder, n)
                tables[n] = in_turn({w: partial(fresh, __file__, w, folder, model, ASL_DATA=d) for w in works}, o.repeats)
    df = pd.concat(tables, names=['pictures', 'work']).reset_index('pictures')
    df['microseconds each'] = 1e6*df.seconds/df.pictures
    say('growth', df, repeats=o.repeats)
