"""Rendered pictures a second and what they cost in memory, many at a time against one at a time

python benchmarks/render.py [PICTURES] [REPEATS]     a table, then one line of JSON; on the GPU too where there is one"""
import json, resource, statistics, sys, time

import torch
from asl_fastai.machine import processor
from asl_fastai.synth import draw, scene

def scenes(n): return [scene('ABCDEFGHIJKLMNOPQRSTUVWXYZ'[i%26], i, i, i) for i in range(n)]

def rate(n, size, device, one):
    "Pictures a second, drawn together or each in a call of its own"
    todo, start = scenes(n), time.perf_counter()
    if one: [draw([s], size=size, device=device) for s in todo]
    else: draw(todo, size=size, device=device, chunk=8 if device=='cpu' else 64)
    return n/(time.perf_counter()-start)

def row(n, repeats, size, device):
    "Median and spread of both ways, measured in turn"
    rate(8, size, device, False)
    many, one = zip(*[(rate(n, size, device, False), rate(max(n//8, 1), size, device, True)) for _ in range(repeats)])
    mid = statistics.median
    return dict(device=device, size=size, rate=round(mid(many), 1), lowest=round(min(many), 1), highest=round(max(many), 1), one_at_a_time=round(mid(one), 1),
        ratio=round(mid(many)/mid(one), 2), peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024)

if __name__=='__main__':
    n, repeats = (int(o) for o in [*sys.argv[1:], *('64', '3')[len(sys.argv)-1:]])
    rows = [row(n*(1 if d=='cpu' else 32), repeats, size, d) for d in ('cpu', *(['cuda'] if torch.cuda.is_available() else [])) for size in (64, 128, 200)]
    print(f'{processor()}, torch {torch.__version__}, {torch.get_num_threads()} threads')
    print(f'{"device":8}{"size":>6}{"pictures/s":>12}{"lowest":>9}{"highest":>9}{"one at a time":>15}{"ratio":>7}{"peak MB":>9}')
    for r in rows: print(f'{r["device"]:8}{r["size"]:6}{r["rate"]:12.1f}{r["lowest"]:9.1f}{r["highest"]:9.1f}{r["one_at_a_time"]:15.1f}{r["ratio"]:7.2f}{r["peak_mb"]:9}')
    print(json.dumps(dict(benchmark='render', processor=processor(), torch=torch.__version__, threads=torch.get_num_threads(), pictures=n, repeats=repeats, rows=rows)))
