"""Ten times the pictures, ten times the time, and memory that stays: 1,000, 10,000 and 100,000 pictures

python benchmarks/growth.py [--sizes 1000 10000 100000] [--what predict]

The pictures are hard links to the rendered sample, so a disk holds them easily. Each size runs in a process of its own, after one small run that warms the disk."""
import argparse, json, os, tempfile
from pathlib import Path

import pandas as pd
from _bench import anonymous_mb, fresh, peak_mb, say, seconds

def linked(folder, n):
    "A folder of `n` hard links to the sample's pictures"
    from asl_fastai.sets import get_data, picture_files
    pictures = picture_files(get_data('sample'))
    for i in range(n):
        file = Path(folder)/f'{i//1000:04}'/f'{i:06}.jpg'
        file.parent.mkdir(parents=True, exist_ok=True)
        os.link(pictures[i%len(pictures)], file)

def predict(folder, model):
    "`predict_folder`: a row for each picture"
    from asl_fastai.bundle import Predictor
    out = Predictor(model, 'fp32').predict_folder(folder, f'{folder}.csv', progress=False)
    assert sum(1 for _ in open(out))==1+int(Path(folder).name)

growing = dict(predict=predict) # Name to function of a folder of pictures and a bundle

def one(what, folder, model):
    "Seconds and memory of one size"
    s = seconds(lambda: growing[what](folder, model))
    return dict(seconds=s, peak_mb=peak_mb(), anonymous_mb=anonymous_mb())

def grown(what, sizes, tmp, model):
    "A row a size, with time and memory against the first"
    for n in sizes: linked(Path(tmp)/str(n), n)
    fresh(__file__, '--one', what, Path(tmp)/str(sizes[0]), model)
    table = pd.DataFrame({n: fresh(__file__, '--one', what, Path(tmp)/str(n), model) for n in sizes}).T
    first = table.iloc[0]
    return table.assign(per_s=table.index/table.seconds, times=table.seconds/first.seconds, more_mb=table.peak_mb-first.peak_mb)

if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--sizes', nargs='*', type=int, default=[1000, 10_000, 100_000])
    p.add_argument('--what', nargs='*', default=list(growing))
    p.add_argument('--one', nargs=3)
    o = p.parse_args()
    if o.one: print(json.dumps(one(*o.one)))
    else:
        from asl_fastai.sets import data_root
        with tempfile.TemporaryDirectory(dir=data_root()) as tmp:
            model = fresh(Path(__file__).with_name('predict.py'), '--one', 'make', 'mobilenet_v3_small', 64, tmp)['path']
            for what in o.what: say(f'growth of {what}', grown(what, o.sizes, f'{tmp}/{what}', model))
