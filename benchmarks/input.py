"""What the input pipeline costs beside a training step: batches alone, with and without a store, against whole steps

python benchmarks/input.py [SIZE] [REPEATS]     `share` is the time that batches take out of the time of a step with the store's arithmetic"""
import itertools, sys

from _bench import anonymous_mb, in_turn, peak_mb, say, seconds

def batches(dls, n):
    "Pictures a second of batches that nobody trains on, as they reach the model"
    took = seconds(lambda: [*itertools.islice(dls.train, n)])
    return dict(rate=n*dls.bs/took, anonymous_mb=anonymous_mb(), peak_mb=peak_mb())

def steps(learn, n):
    "Pictures a second of whole training steps, batches included"
    from fastai.vision.all import CancelFitException, Callback
    class Stop(Callback):
        def after_batch(self):
            if self.iter==n-1: raise CancelFitException
    with learn.no_bar(), learn.no_logging(): took = seconds(lambda: learn.fit(1, 1e-3, cbs=Stop()))
    return dict(rate=n*learn.dls.bs/took, anonymous_mb=anonymous_mb(), peak_mb=peak_mb())

if __name__=='__main__':
    size, repeats = (int(o) for o in [*sys.argv[1:], *('128', '3')[len(sys.argv)-1:]])
    from asl_fastai.all import asl_dls, asl_learner
    from fastai.vision.all import aug_transforms
    opened, stored = (asl_dls('sample', 'random', size=size, store=o) for o in (False, True))
    augmented = asl_dls('sample', 'random', size=size, store=True, batch_tfms=aug_transforms())
    learn = asl_learner(stored, 'resnet18', None).to_fast()
    for o in (opened, stored, augmented): batches(o, 2)
    steps(learn, 3)
    ways = {'opened': lambda: batches(opened, 10), 'store': lambda: batches(stored, 20), 'store, augmented': lambda: batches(augmented, 10)}
    df = in_turn({**ways, f'steps, {learn.fast}': lambda: steps(learn, 10)}, repeats)
    df['share'] = df.rate.iloc[-1]/df.rate
    say(f'input-{size}', df, size=size, repeats=repeats)
