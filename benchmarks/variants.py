"""What shorter numbers and a smaller network lose: one that was trained on the alphabet photographs, and every precision of its bundle on the block that was held out

python benchmarks/variants.py [--size 128] [--epochs 12] [--augment .5] [--arch resnet18] [--photos FOLDER] [--weights FILE]     what is in ../shared, unless told"""
import argparse, contextlib, sys, tempfile
from pathlib import Path

import pandas as pd
from _bench import peak_mb, photo_arguments, say

def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for k,v in dict(size=128, epochs=12, augment=.5, arch='resnet18').items(): p.add_argument(f'--{k}', type=type(v), default=v)
    return photo_arguments(p)

if __name__=='__main__':
    o = arguments()
    from asl_fastai.bundle import load_bundle
    from asl_fastai.runs import RunConfig, train_run
    cfg = RunConfig(data=[o.photos], split='block', size=o.size, epochs=o.epochs, augment=o.augment, arch=o.arch, weights=o.weights)
    with tempfile.TemporaryDirectory() as d:
        with contextlib.redirect_stdout(sys.stderr): train_run(cfg, Path(d)/'run', pictures=False)
        card = load_bundle(Path(d)/'run'/'bundle').card
    rows = {f'{k} {t["runtime"]}': dict(accuracy=t['accuracy'], lost=t['lost'], kept=t['kept'], ms=t['ms'], mb=v['bytes']/1e6)
        for k,v in card['variants'].items() for t in v.get('trials', [])}
    say(f'variants-{o.arch}-{o.size}', pd.DataFrame.from_dict(rows, orient='index'), held_out=card['held_out']['pictures'], epochs=o.epochs, augment=o.augment, peak_mb=peak_mb())
