"""Time until a model has learned: the published notebook's way against ours, on the 4,640 alphabet photographs in an honest split

python benchmarks/target.py [--seeds 3] [--target 0.99] [--epochs 4] [--size 128] [--split block] [--ways published ours ours+freeze_bn] [--photos FOLDER] [--weights FILE]

`ours+freeze_bn` leaves the frozen body alone in the first epoch, `ours+progressive` begins with small pictures. Each training is a process of its own, from opening files to the last epoch's validation; decoding into a store counts. Each seed takes the ways in turn; the table has
medians. `to_target` is empty where the accuracy was not reached. Photographs and ImageNet's weights are looked for in ../shared; the published code finds the weights where torch caches what it downloads."""
import argparse, json, os, sys, tempfile, time
from itertools import count
from pathlib import Path

from _bench import fresh, in_turn, peak_mb, photo_arguments, published, say

def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for k,v in dict(seeds=3, target=.99, epochs=4, size=128, split='block', lr=1e-2, one='', seed=42).items(): p.add_argument(f'--{k}', type=type(v), default=v)
    p.add_argument('--ways', nargs='*', default=['published', 'ours', 'ours+freeze_bn+progressive'])
    return photo_arguments(p)

def plain(o):
    "The write-up's code, at this size and with this split"
    from fastai.vision.all import accuracy, error_rate, get_image_files, resnet18, vision_learner
    from asl_fastai.data import split_by
    from asl_fastai.sets import parts_of
    asl = published(o.size, get_items=get_image_files, splitter=split_by(o.split))
    return vision_learner(asl.dataloaders(parts_of(o.photos)['train']), resnet18, metrics=[error_rate, accuracy]),[]

def ours(o):
    "Our way, and what its name adds"
    from asl_fastai.all import ProgressiveSize, asl_dls, asl_learner
    from fastai.vision.all import BnFreeze
    dls = asl_dls(o.photos, o.split, size=o.size, store=True)
    learn = asl_learner(dls, 'resnet18', o.weights, train_bn='freeze_bn' not in o.one).to_fast(epochs=o.epochs)
    return learn,[BnFreeze()]*('freeze_bn' in o.one)+[ProgressiveSize()]*('progressive' in o.one)

def one(o):
    "Accuracy after each epoch, and when that was"
    from fastai.vision.all import Callback, set_seed
    class Log(Callback):
        order = 100
        def before_fit(self): self.rows = getattr(self, 'rows', [])
        def after_epoch(self): self.rows.append((time.perf_counter()-start, float(self.recorder.values[-1][-1])))
    set_seed(o.seed)
    start,log = time.perf_counter(),Log()
    learn,cbs = (plain if o.one=='published' else ours)(o)
    with learn.no_bar(), learn.no_logging(): learn.fine_tune(o.epochs, o.lr, cbs=[*cbs, log])
    reached = [t for t,a in log.rows if a>=o.target]
    took,accuracy = log.rows[-1]
    return dict(seconds=took, accuracy=accuracy, best=max(a for _,a in log.rows), to_target=next(iter(reached), float('nan')), peak_mb=peak_mb(), log=log.rows)

def hub(o):
    "A folder in which torch finds ImageNet's weights as if it had downloaded them"
    import torch
    from asl_fastai.learner import read_weights
    from torchvision.models import ResNet18_Weights
    at = Path(tempfile.mkdtemp())/'hub'/'checkpoints'/Path(ResNet18_Weights.DEFAULT.url).name
    at.parent.mkdir(parents=True)
    torch.save(read_weights(o.weights), at)
    return at.parent.parent.parent

if __name__=='__main__':
    o = arguments()
    if o.one:
        print(json.dumps(one(o)))
        sys.exit()
    os.environ['TORCH_HOME'] = str(hub(o))
    logs = {w: [] for w in o.ways}
    def training(way):
        "A function that trains, with another seed each time, and keeps what came after each epoch"
        seeds = count(o.seed)
        def run():
            with tempfile.TemporaryDirectory() as d: r = fresh(__file__, *sys.argv[1:], f'--one={way}', f'--seed={next(seeds)}', ASL_DATA=d)
            logs[way].append(r.pop('log'))
            return r
        return run
    df = in_turn({w: training(w) for w in o.ways}, o.seeds)
    df['accuracies'] = [sorted(round(100*o[-1][-1], 1) for o in logs[w]) for w in df.index]
    df['times_faster'] = df.seconds.iloc[0]/df.seconds
    say(f'target-{o.split}', df, target=o.target, epochs=o.epochs, size=o.size, split=o.split, seeds=o.seeds, logs=logs)
