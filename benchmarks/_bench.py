"What the benchmarks share: fresh processes in turn, medians and spread, memory, the arithmetic limit, a table and a line of JSON"
import json, os, resource, subprocess, sys, time

import pandas as pd
from asl_fastai.machine import processor

def fresh(script, *args, **env):
    "What `script` prints as JSON in its last line, run in a process of its own"
    r = subprocess.run([sys.executable, script, *map(str, args)], capture_output=True, text=True, env={**os.environ, **env})
    if r.returncode: sys.exit(r.stderr)
    return json.loads(r.stdout.splitlines()[-1])

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

def seconds(f):
    "How long `f` takes"
    start = time.perf_counter()
    f()
    return time.perf_counter()-start

def peak_mb(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024

def anonymous_mb():
    "Memory of this process without the pages of files, now"
    return next(int(l.split()[1])/1024 for l in open('/proc/self/status') if l.startswith('RssAnon'))

def gflops(dtype, side=2048, device='cpu'):
    "What a matrix product reaches here in a second, in GFLOP: the limit for everything else"
    import torch
    a,b = (torch.randn(side, side, device=device, dtype=dtype) for _ in 'ab')
    def run():
        for _ in range(4): a@b
        if a.is_cuda: torch.cuda.synchronize()
    run()
    return 4*2*side**3/min(seconds(run) for _ in range(5))/1e9

def gflop_of(model, size):
    "GFLOP of one picture's forward pass"
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    with FlopCounterMode(display=False) as f, torch.no_grad(): model.eval()(torch.zeros(1, 3, size, size))
    return f.get_total_flops()/1e9

def say(name, table, **more):
    "Prints the table, then everything as one line of JSON"
    print(f'{name}: {processor()}')
    print(table.round(2).to_string())
    print(json.dumps(dict(benchmark=name, processor=processor(), rows=table.round(4).reset_index(names='way').to_dict('records'), **more)))
