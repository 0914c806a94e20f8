"""From file to label: `learn.predict` against `Predictor` in every precision and runtime there is, and folders with smaller networks

python benchmarks/predict.py [--size 200] [--repeats 3] [--calls 60] [--arch resnet18] [--folder resnet18:128:int8 ...] [--pictures 4000]

Each way runs in a process of its own, in turn, on the same pictures and with the same weights (random: speed does not depend on them).
p50 and p95 are milliseconds from file to label, `start` the seconds from the start of the process to its first answer."""
import argparse, os, tempfile, time
from pathlib import Path

from _bench import bundles, fresh, gflop_of, in_turn, peak_mb, published, say
from asl_fastai.machine import native_bf16

def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for k,v in dict(size=200, repeats=3, calls=60, pictures=4000).items(): p.add_argument(f'--{k}', type=int, default=v)
    p.add_argument('--arch', default='resnet18')
    p.add_argument('--folder', nargs='*', default=['resnet18:128:int8', f'mobilenet_v2:112:{"bf16" if native_bf16() else "fp32"}'])
    p.add_argument('--one', nargs='*')
    return p.parse_args()

def files(n=None):
    "Rendered pictures of 200x200 pixels: all there are, or `n`, as often as needed"
    from asl_fastai.sets import get_data, picture_files
    there = picture_files(get_data('sample'))
    return there if n is None else [there[i%len(there)] for i in range(n)]

def plain(bundle, size):
    "`learn.predict` of the published notebook's code, with the network of a bundle"
    import torch, torchvision
    from fastai.vision.all import vision_learner
    from asl_fastai.bundle import load_bundle
    b = load_bundle(bundle)
    dls = published(size).dataloaders([o for o in files() if o.parent.name in b.vocab])
    learn = vision_learner(dls, getattr(torchvision.models, b.card['architecture']), pretrained=False)
    learn.model.load_state_dict({k: torch.from_numpy(v.copy()) for k,v in b.weights().items()})
    def predict(o):
        with learn.no_bar(): return learn.predict(o)
    return predict

def make(folder, *kinds):
    "Bundles of `arch:size` with all variants, whatever they lose, as the weights are random; and what the first one computes"
    import numpy as np
    from asl_fastai.sets import open_picture
    from asl_fastai.variants import add_variants
    from asl_fastai.data import asl_dls
    from asl_fastai.learner import asl_learner
    found = {}
    for kind in kinds:
        arch,size = kind.split(':')
        dls, path = asl_dls('sample', classes=['A', 'B', 'C', 'V'], size=int(size), bs=16), Path(folder)/kind.replace(':', '-')
        learn = asl_learner(dls, arch, None, seed=0)
        learn.to_bundle(path)
        x = np.stack([open_picture(o, int(size)) for o in dls.train.items[:128]])
        add_variants(path, x[:8], [dls.vocab[0]]*8, x, limit=100)
        found.setdefault('gflop', gflop_of(learn.model, int(size)))
        found[kind] = str(path)
    return found

def answer(bundle, way, size, calls):
    "p50, p95, start and memory of one way"
    from asl_fastai.evaluate import latency
    pictures = [str(o) for o in files(int(calls))]
    if way=='plain': f = plain(bundle, int(size))
    else:
        from asl_fastai.bundle import Predictor
        f = Predictor(bundle, *way.split()).predict
    f(pictures[0])
    start = time.time()-float(os.environ['BEGAN'])
    return dict(latency(f, pictures), start=start, peak_mb=peak_mb())

def folder(bundle, precision, n):
    "Pictures a second, file to row, after the start"
    from asl_fastai.bundle import Predictor
    predictor, todo = Predictor(bundle, precision), files(int(n))
    start = time.perf_counter()
    found = sum(not o[-1] for o in predictor.rows(todo))
    return dict(per_s=found/(time.perf_counter()-start), peak_mb=peak_mb())

def ways():
    "What can be had here"
    from asl_fastai.engines import runtimes, find_spec
    there = [o for o in runtimes if find_spec(o)]
    return ['plain', *(f'{p} {r}' for r in there for p in ('fp32', 'int8', *(['bf16'] if r=='openvino' and native_bf16() else [])))]

if __name__=='__main__':
    o = arguments()
    if o.one:
        import json
        what, *args = o.one
        print(json.dumps(dict(make=make, answer=answer, folder=folder)[what](*args)))
        raise SystemExit
    own, folders = f'{o.arch}:{o.size}', [c.rsplit(':', 1) for c in o.folder]
    with tempfile.TemporaryDirectory() as tmp:
        made = bundles(tmp, *dict.fromkeys([own, *(k for k,_ in folders)]))
        ask = lambda way: lambda: fresh(__file__, '--one', 'answer', made[own], way, o.size, o.calls, BEGAN=str(time.time()))
        table = in_turn({w: ask(w) for w in ways()}, o.repeats)
        table['ratio'] = table.p50['plain']/table.p50
        table['p95/p50'] = table.p95/table.p50
        say(f'predict-{o.arch}-{o.size}', table, gflop=made['gflop'])
        label = lambda kind, precision: lambda: fresh(__file__, '--one', 'folder', made[kind], precision, o.pictures)
        say('predict-folder', in_turn({f'{k}:{p}': label(k, p) for k,p in folders}, o.repeats), pictures=o.pictures)
