"""What Ray costs on one machine: the same pictures labelled in one process, and by a cluster that is started for them

python benchmarks/cluster.py [--repeats 3] [--pictures 8000] [--kind resnet18:128:int8]

`start` is how long a single picture takes, which with Ray is the start of cluster and workers; `per_s` the pictures a second after that. Memory is that
of the process that hands out the shards, without Ray's own."""
import argparse, json, sys, tempfile
from functools import partial
from pathlib import Path

from _bench import bundles, fresh, in_turn, peak_mb, say, seconds

def label(engine, bundle, precision, n):
    "One picture, then `n` of them, each a job of its own"
    from asl_fastai.bundle import Predictor
    from asl_fastai.cluster import label_with_ray
    from asl_fastai.jobs import label_shards, run_job
    from predict import files
    predictor = Predictor(bundle, precision)
    finish = dict(local=partial(label_shards, predictor.rows, progress=False), ray=partial(label_with_ray, predictor, progress=False))[engine]
    with tempfile.TemporaryDirectory() as d:
        took = [seconds(partial(run_job, Path(d)/f'{k}.csv', files(k), predictor.name, finish)) for k in (1, int(n))]
    return dict(start=took[0], per_s=int(n)/(took[1]-took[0]), peak_mb=peak_mb())

if __name__=='__main__':
    if sys.argv[1:2]==['--one']:
        print(json.dumps(label(*sys.argv[2:])))
        sys.exit()
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--repeats', type=int, default=3)
    p.add_argument('--pictures', type=int, default=8000)
    p.add_argument('--kind', default='resnet18:128:int8')
    o = p.parse_args()
    kind,precision = o.kind.rsplit(':', 1)
    with tempfile.TemporaryDirectory() as tmp:
        bundle = bundles(tmp, kind)[kind]
        table = in_turn({k: partial(fresh, __file__, '--one', k, bundle, precision, o.pictures) for k in ('local', 'ray')}, o.repeats)
    say('cluster', table, kind=o.kind, pictures=o.pictures, repeats=o.repeats)
