"""Depthwise convolutions in bfloat16 and in float32: a training step of a reader, and each kind of its depthwise layers forward and back

python benchmarks/depthwise.py [--repeats 3] [--bs 64] [--still 3]

`bf16` is autocast as torch has it, `ours` the same with depthwise layers in float32. Each way runs in a process of its own, in turn; `672@14 5x5/1` is a layer of 672 channels at 14x14 with a window of 5x5 and step 1. Layers and steps are in milliseconds; `limit_ms` is what matrix products would need for the step."""
import argparse, json
from pathlib import Path

from _bench import fresh, in_turn, peak_mb, say, seconds

def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for k,v in dict(repeats=3, bs=64, still=3).items(): p.add_argument(f'--{k}', type=int, default=v)
    p.add_argument('--one')
    return p.parse_args()

def ms(f):
    "The best of three, after one that does not count"
    f()
    return 1e3*min(seconds(f) for _ in range(3))

def layers(still):
    "Channels, side, window and step of the depthwise layers that learn, each kind once"
    from asl_fastai.joints import early_map, joint_blocks
    return dict.fromkeys((wide, early_map(i)[1], k, step) for i,(wide,_,k,step) in enumerate(joint_blocks) if i>=still)

def there_and_back(wide, side, k, step, bs, dtype):
    "A function that goes through one layer, forward and back"
    import torch
    conv = torch.nn.Conv2d(wide, wide, k, step, k//2, groups=wide).to(dtype=dtype, memory_format=torch.channels_last)
    x = torch.randn(bs, wide, side, side, dtype=dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    back = torch.ones_like(conv(x))
    return lambda: conv(x).backward(back)

def reader_step(still, bs, ours):
    "A function that does one training step of what learns in a reader"
    import torch
    from asl_fastai.fast import _depthwise, _in_float
    from asl_fastai.joints import early_map
    from asl_fastai.reader import Reading
    model = Reading(29, still).to(memory_format=torch.channels_last)
    for o in _depthwise(model)*ours: o.forward = _in_float(o.forward)
    a,shape,y = torch.rand(bs, torch.Size(early_map(still)).numel()),torch.rand(bs, 195),torch.arange(bs)%29
    opt = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    def step():
        with torch.autocast('cpu', torch.bfloat16): loss = torch.nn.functional.cross_entropy(model(a, shape).float(), y)
        loss.backward()
        opt.step()
        opt.zero_grad()
    return step

def one(o):
    "The figures of one way"
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    dtype,step = torch.float32 if o.one=='ours' else torch.bfloat16,reader_step(o.still, o.bs, o.one=='ours')
    with FlopCounterMode(display=False) as f: step()
    found = dict(step_ms=ms(step), peak_mb=peak_mb(), gflop=f.get_total_flops()/1e9)
    return {**found, **{f'{w}@{side} {k}x{k}/{s}': ms(there_and_back(w, side, k, s, o.bs, dtype)) for w,side,k,s in layers(o.still)}}

if __name__=='__main__':
    o = arguments()
    if o.one: print(json.dumps(one(o)))
    else:
        df = in_turn({w: lambda w=w: fresh(Path(__file__), f'--one={w}', f'--bs={o.bs}', f'--still={o.still}') for w in ('bf16', 'ours')}, o.repeats)
        df['ratio'] = df.step_ms['bf16']/df.step_ms
        say('depthwise', df, gflop=df.pop('gflop').iloc[0], bs=o.bs, still=o.still, repeats=o.repeats)
