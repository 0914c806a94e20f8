"""Whole trainings on a GPU: 87,000 pictures in five epochs at 128x128, and the write-up's own run at 200x200

python benchmarks/gpu.py [--pictures 87000] [--data sample] [--arch resnet18] [--bs 64] [--runs five write-up]

The pictures are those of `data`, the rendered sample if nothing else is said, each there many times under other names: what they show does not matter for speed, and accuracy says no more than that something is
learned. `five` trains all layers from scratch for five epochs; `write-up` is the published run: a fifth held out, one frozen epoch, four of all layers (25 min 51 s, published). `fit_s` counts everything from the first batch to the last
validation, `store_s` decoding once, `preparing_s` opening the store, making the learner and moving pictures to the GPU; `rate` is of all epochs, the first included. Without a GPU it does the same on the processor.
The published code's pictures a second, from the same files at the same size, stand beside it in the line of JSON (`published`): one line, and one table, a run."""
import argparse, os, time
from pathlib import Path

import pandas as pd, torch
from _bench import fresh, say, seconds, training_limit

runs = {'five': (128, lambda learn: learn.fit_one_cycle(5, 1e-2)), 'write-up': (200, lambda learn: learn.fine_tune(4, 1e-2))}

def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for k,v in dict(pictures=87_000, bs=64).items(): p.add_argument(f'--{k}', type=int, default=v)
    for k,v in dict(data='sample', arch='resnet18').items(): p.add_argument(f'--{k}', default=v)
    p.add_argument('--runs', nargs='*', default=list(runs), choices=list(runs))
    return p.parse_args()

def spread(folder, few, n):
    "A folder of `n` pictures, a class each folder, made of links to a few"
    classes = [o for o in few.iterdir() if o.is_dir()]
    for c in classes:
        if (folder/c.name).exists(): continue
        (folder/c.name).mkdir(parents=True)
        files = sorted(c.iterdir())
        for i in range(n//len(classes)): os.link(files[i%len(files)], folder/c.name/f'{c.name}{i+1}{files[0].suffix}')
    return folder

def timed(folder, o, run):
    "What one training takes, in parts"
    from fastai.vision.all import Callback
    from asl_fastai.all import asl_dls, asl_learner, store_of
    class Clock(Callback):
        order = 1000
        def before_fit(self): self.seconds = getattr(self, 'seconds', [])
        def before_train(self): self.began = time.perf_counter()
        def after_train(self):
            if torch.cuda.is_available(): torch.cuda.synchronize()
            self.seconds.append(time.perf_counter()-self.began)
    size,fit = runs[run]
    store_s = seconds(lambda: store_of(folder, size))
    start = time.perf_counter()
    dls = asl_dls(str(folder), 'random', size=size, bs=o.bs, store=True)
    learn = asl_learner(dls, o.arch, None, seed=42).to_fast(epochs=5)
    dls.one_batch()
    made,clock = time.perf_counter(),Clock()
    with learn.no_bar(), learn.no_logging(): fit_s = seconds(lambda: fit(learn.add_cb(clock)))
    epochs,training_s = clock.seconds,sum(clock.seconds)
    limit = training_limit(learn.model, size, torch.bfloat16)
    rate = len(epochs)*len(dls.train)*dls.bs/training_s
    took = dict(first_epoch_s=epochs[0], best_epoch_s=min(epochs), training_s=training_s)
    return dict(fit_s=fit_s, rate=rate, of_limit=rate/limit, store_s=store_s, preparing_s=made-start, **took,
        train=len(dls.train_ds), valid=len(dls.valid_ds), accuracy=float(learn.recorder.values[-1][-1]), gpu_mb=torch.cuda.max_memory_allocated()/2**20)

if __name__=='__main__':
    o = arguments()
    from asl_fastai.sets import data_root, find_set, parts_of
    folder = spread(data_root()/f'spread-{o.pictures}', parts_of(find_set(o.data))['train'], o.pictures)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'none'
    for r in o.runs:
        df = pd.DataFrame({r: timed(folder, o, r)}).T
        plain = fresh(Path(__file__).with_name('train.py'), '--one=published', f'--data={folder}', '--steps=150', f'--size={runs[r][0]}', f'--arch={o.arch}', f'--bs={o.bs}')
        say(f'gpu-{r}', df, device=device, arch=o.arch, bs=o.bs, pictures=o.pictures, published=plain)
