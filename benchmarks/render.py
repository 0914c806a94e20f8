"""Rendered pictures a second and what they cost in memory, many at a time against one at a time

python benchmarks/render.py [PICTURES] [REPEATS]     on the GPU too where there is one"""
import sys

import torch
from _bench import in_turn, peak_mb, say, seconds
from asl_fastai.synth import draw, scene

def scenes(n): return [scene('ABCDEFGHIJKLMNOPQRSTUVWXYZ'[i%26], i, i, i) for i in range(n)]

def drawn(n, size, device, one):
    "Pictures a second, drawn together or each in a call of its own"
    todo = scenes(n)
    together = lambda: draw(todo, size=size, device=device, chunk=8 if device=='cpu' else 64)
    took = seconds((lambda: [draw([s], size=size, device=device) for s in todo]) if one else together)
    return dict(rate=n/took, peak_mb=peak_mb())

if __name__=='__main__':
    n, repeats = (int(o) for o in [*sys.argv[1:], *('64', '3')[len(sys.argv)-1:]])
    devices = ['cpu', *(['cuda'] if torch.cuda.is_available() else [])]
    ways = {}
    for d in devices:
        many = n*(1 if d=='cpu' else 32)
        for size in (64, 128, 200):
            drawn(8, size, d, False)
            ways[f'{size} px, {d}'] = lambda size=size, d=d, many=many: drawn(many, size, d, False)
            ways[f'{size} px, {d}, one at a time'] = lambda size=size, d=d, many=many: drawn(max(many//8, 1), size, d, True)
    say('render', in_turn(ways, repeats), pictures=n, repeats=repeats)
