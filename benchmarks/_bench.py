"What the benchmarks share: fresh processes in turn, medians and spread, memory, the arithmetic limit, a table and a line of JSON"
import json, os, subprocess, sys, time
from pathlib import Path

import pandas as pd
from asl_fastai.machine import processor, write_json

def fresh(script, *args, **env):
    "What `script` prints as JSON in its last line, run in a process of its own"
    r = subprocess.run([sys.executable, script, *map(str, args)], capture_output=True, text=True, env={**os.environ, **env})
    if r.returncode: sys.exit(r.stderr)
    return json.loads(r.stdout.splitlines()[-1])

def bundles(folder, *kinds):
    "Bundles of `arch:size` with all variants in `folder`, by kind, and in `gflop` what the first one computes"
    return fresh(Path(__file__).with_name('predict.py'), '--one', 'make', folder, *kinds)

def in_turn(ways, repeats):
    "Runs each of `ways` (name to function that gives figures) in turn, `repeats` times; a row a way: medians, and the spread of the first figure"
    found = {k: [] for k in ways}
    for _ in range(repeats):
        for k,f in ways.items(): found[k].append(f())
    rows = {}
    for k,figures in found.items():
        df = pd.DataFrame(figures)
        rows[k] = {**df.median(numeric_only=True), 'lowest': df.iloc[:, 0].min(), 'highest': df.iloc[:, 0].max()}
    return pd.DataFrame.from_dict(rows, orient='index')

def published(size, **kwargs):
    "The write-up's DataBlock on today's fastai, at this size"
    from fastai.vision.all import CategoryBlock, DataBlock, ImageBlock, RandomSplitter, Resize, parent_label
    defaults = dict(blocks=(ImageBlock, CategoryBlock), splitter=RandomSplitter(valid_pct=0.2, seed=42), get_y=parent_label, item_tfms=Resize(size))
    return DataBlock(**{**defaults, **kwargs})

shared = Path(__file__).resolve().parents[2]/'shared'

def photo_arguments(p):
    "The arguments of a script that needs photographs and ImageNet's weights, which are in ../shared unless told. Ends in a sentence where there are no photographs"
    p.add_argument('--photos', default=str(shared/'data'/'asl-alphabet'))
    p.add_argument('--weights', default=str(shared/'weights'/'resnet18_pqf_fp16.pth.xz'))
    o = p.parse_args()
    if not Path(o.photos).is_dir(): sys.exit(f'The photographs are not at {o.photos}: name their folder with --photos')
    return o

def seconds(f):
    "How long `f` takes"
    start = time.perf_counter()
    f()
    return time.perf_counter()-start

def _status(key): return next(int(l.split()[1])/1024 for l in open('/proc/self/status') if l.startswith(key))

def peak_mb(): return _status('VmHWM') # The most memory that this process had; `ru_maxrss` would be its parent's if that is more
def anonymous_mb(): return _status('RssAnon') # Its memory now, without the pages of files

def _product(dtype, side, device):
    import torch
    a,b = (torch.randn(side, side, device=device, dtype=dtype) for _ in 'ab')
    def run():
        for _ in range(4): a@b
        if a.is_cuda: torch.cuda.synchronize()
    run()
    return 4*2*side**3/min(seconds(run) for _ in range(5))/1e9

def gflops(dtype, side=2048, device='cpu'):
    "What a matrix product reaches here in a second, in GFLOP: the limit for everything else. A small one says it of a type that the processor does not know, which takes minutes at full size"
    small = _product(dtype, 256, device)
    return small if small<10 else _product(dtype, side, device)

def gflop_of(model, size):
    "GFLOP of one picture's forward pass"
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    with FlopCounterMode(display=False) as f, torch.no_grad(): model.eval()(torch.zeros(1, 3, size, size))
    return f.get_total_flops()/1e9

def training_limit(model, size, dtype):
    "Pictures a second that matrix products would allow in training: three times the operations of a forward pass. Leaves the model on the CPU"
    on = next(model.parameters()).device
    return gflops(dtype, 8192 if on.type=='cuda' else 2048, on)/3/gflop_of(model.cpu(), size)

results = Path(__file__).resolve().parent/'results'

def say(name, table, gflop=None, **more):
    "Prints the table, then everything as one line of JSON; keeps that in results/<name>.json where `KEEP` is set. With the `gflop` of an answer, the milliseconds that matrix products would need for it"
    import torch
    limits = {str(o).split('.')[1]: gflops(o) for o in (torch.float32, torch.bfloat16)}
    if gflop: more.update(gflop=gflop, limit_ms={k: 1e3*gflop/v for k,v in limits.items()})
    rows = json.loads(table.reset_index(names='way').round(4).to_json(orient='records'))
    facts = dict(benchmark=name, processor=processor(), matmul_gflops={k: round(v) for k,v in limits.items()}, rows=rows, **more)
    print(f'{name}: {processor()}, matrix products of {", ".join(f"{v:,.0f} GFLOP/s in {k}" for k,v in limits.items())}')
    print(table.round(2).to_string())
    print(json.dumps(facts))
    if os.getenv('KEEP'): write_json(results/f'{name}.json', facts)
