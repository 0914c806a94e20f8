"""What the batch transforms for hands cost beside a training step of a reader, in which a picture is changed, looked at, and learned from once

python benchmarks/augment.py [STILL] [REPEATS]     milliseconds a picture of 200x200; `share` is that of the whole step, transforms included; `Flip` is all that moves pixels, in one"""
import sys

from _bench import in_turn, peak_mb, say, seconds

def each(f, n):
    "A function that says how many milliseconds `f` takes for each of `n` pictures"
    return lambda: dict(ms=1e3*seconds(f)/n, peak_mb=peak_mb())

def changing(x):
    "The transforms by name, each as a function that changes pictures, and all of them"
    from asl_fastai.augment import empty_rooms, hand_tfms
    from fastai.vision.all import compose_tfms
    tfms,lone = hand_tfms(empty_rooms(32, x.shape[-1])),x.contiguous() # As they reach all but the first
    return {type(t).__name__: lambda t=t: t(lone.clone(), split_idx=0) for t in tfms} | {'all transforms': lambda: compose_tfms(x.clone(), tfms, split_idx=0)}

if __name__=='__main__':
    still, repeats = (int(o) for o in [*sys.argv[1:], *('3', '5')[len(sys.argv)-1:]])
    from asl_fastai.all import asl_dls, asl_learner, quickly
    from fastai.vision.all import TensorImage
    learn = asl_learner(asl_dls('sample', 'random', size=200, bs=64, store=True), f'reader(still={still})').to_fast()
    x = TensorImage(next(iter(learn.dls.train))[0])
    with quickly(learn.model.eval()):
        looks = learn.look(learn.dls.train, progress=False).some(slice(256))
        def study():
            with learn.no_bar(), (l := learn.looks_learner(looks, looks.some(slice(64)))).no_bar(), l.no_logging(): l.fit(1, 1e-3)
        ways = {k: each(f, len(x)) for k,f in changing(x).items()} | {'looking': each(lambda: learn.model.look(x), len(x)), 'learning': each(study, len(looks))}
        for f in ways.values(): f()
        df = in_turn(ways, repeats)
    df['share'] = df.ms/df.ms[['all transforms', 'looking', 'learning']].sum()
    say(f'augment-{still}', df, size=200, repeats=repeats, fast=learn.fast)
