"""What shorter numbers lose: a resnet18 trained on the alphabet photographs, and every precision of its bundle on the block that was held out

python benchmarks/variants.py [SIZE] [EPOCHS] [PHOTOS] [WEIGHTS]     128, 4, and what is in ../shared, unless told"""
import contextlib, sys, tempfile
from pathlib import Path

import pandas as pd
from _bench import peak_mb, say

shared = Path(__file__).resolve().parent.parent.parent/'shared'

if __name__=='__main__':
    given = sys.argv[1:]
    size, epochs, photos, weights = [*given, *['128', '4', shared/'data'/'asl-alphabet', shared/'weights'/'resnet18_pqf_fp16.pth.xz'][len(given):]]
    if not Path(photos).is_dir(): sys.exit(f'The photographs are not at {photos}: name their folder')
    from asl_fastai.bundle import load_bundle
    from asl_fastai.runs import RunConfig, train_run
    cfg = RunConfig(data=[str(photos)], split='block', size=int(size), epochs=int(epochs), weights=str(weights))
    with tempfile.TemporaryDirectory() as d:
        with contextlib.redirect_stdout(sys.stderr): train_run(cfg, Path(d)/'run', pictures=False)
        card = load_bundle(Path(d)/'run'/'bundle').card
    rows = {f'{k} {t["runtime"]}': dict(accuracy=t['accuracy'], lost=t['lost'], kept=t['kept'], ms=t['ms'], mb=v['bytes']/1e6)
        for k,v in card['variants'].items() for t in v.get('trials', [])}
    say(f'variants-resnet18-{size}', pd.DataFrame.from_dict(rows, orient='index'), held_out=card['held_out']['pictures'], epochs=int(epochs), peak_mb=peak_mb())
