"""Pictures a second in training: the published notebook's code against every way of `asl_fastai.fast`, and against the machine's limit

python benchmarks/train.py [--size 128] [--repeats 3] [--steps 12] [--arch resnet18] [--ways plain auto ...] [--data FOLDER]

Each figure comes from a process of its own, the ways in turn. `published` is the write-up's code on today's fastai, `plain` ours without a store, `auto` what `to_fast` chooses for a short run. `of limit` is the share of what
matrix products reach in the same process, in the same number format, against three times the operations of a forward pass. Where a processor does not know bfloat16, that way takes four pictures a step, and few steps."""
import argparse, json, time
from pathlib import Path

from _bench import fresh, in_turn, peak_mb, published, say, training_limit

def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for k,v in dict(size=128, repeats=3, steps=12, bs=64).items(): p.add_argument(f'--{k}', type=int, default=v)
    p.add_argument('--arch', default='resnet18')
    p.add_argument('--ways', nargs='*')
    p.add_argument('--data', default='sample')
    p.add_argument('--one')
    return p.parse_args()

def plain(path, arch, size, bs):
    "The write-up's code, at this size"
    from fastai.vision.all import error_rate, get_image_files, vision_learner
    import torchvision
    dls = published(size, get_items=get_image_files).dataloaders(path, bs=bs)
    return vision_learner(dls, getattr(torchvision.models, arch), metrics=error_rate, pretrained=False)

def ours(path, arch, size, bs, way):
    "Our way, whole"
    from asl_fastai.all import asl_dls, asl_learner
    dls = asl_dls(str(path), 'random', size=size, bs=bs, store=way!='plain')
    return asl_learner(dls, arch, None).to_fast(way)

def one(o):
    "Pictures a second of one way, after its first three steps; of a way that takes more than half a minute, after its first"
    from fastai.vision.all import Callback, CancelFitException
    from asl_fastai.sets import find_set, parts_of
    class Clock(Callback):
        order = 1000
        def before_fit(self): self.times = []
        def after_batch(self):
            self.times.append(time.perf_counter())
            if len(self.times)==o.steps+3 or len(self.times)>1 and self.times[-1]-made>30: raise CancelFitException
    path = parts_of(find_set(o.data))['train']
    start = time.perf_counter()
    learn = plain(path, o.arch, o.size, o.bs) if o.one=='published' else ours(path, o.arch, o.size, o.bs, o.one)
    made,clock = time.perf_counter(),Clock()
    with learn.no_bar(), learn.no_logging(): learn.fit(99, 1e-3, cbs=clock)
    import torch
    dtype = torch.bfloat16 if o.one in ('bf16', 'gpu') else torch.float32
    first = min(2, len(clock.times)-2)
    rate = o.bs*(len(clock.times)-1-first)/(clock.times[-1]-clock.times[first])
    limit = training_limit(learn.model, o.size, dtype)
    return dict(rate=rate, limit=limit, of_limit=rate/limit, first_steps_s=clock.times[first]-made, preparing_s=made-start, peak_mb=peak_mb())

if __name__=='__main__':
    o = arguments()
    if o.one: print(json.dumps(one(o)))
    else:
        from asl_fastai.fast import compiler, fastest
        from asl_fastai.machine import native_bf16
        import torch
        ways = o.ways or ['published', 'plain', 'store', 'bf16', *(['compile'] if compiler() else []), *(['gpu'] if torch.cuda.is_available() else [])]
        ways = list(dict.fromkeys(['published', *(fastest(0) if w=='auto' else w for w in ways)]))
        same = [f'--{k}={getattr(o, k)}' for k in 'size steps arch data'.split()]
        def bs(way): return 4 if way=='bf16' and not native_bf16() else o.bs
        df = in_turn({w: lambda w=w: fresh(Path(__file__), f'--one={w}', f'--bs={bs(w)}', *same) for w in ways}, o.repeats)
        df['ratio'] = df.rate/df.rate['published']
        say(f'train-{o.size}', df, size=o.size, arch=o.arch, repeats=o.repeats)
