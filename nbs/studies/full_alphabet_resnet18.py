"The transfer learning study: random split against block split, pretrained against scratch, judged on other people"
from dataclasses import replace

import torch
from asl_fastai.runs import RunConfig
from measuring import imagenet, measure, photos, whole_or

def main():
    "Three runs: random split, block split, and from scratch"
    people = [photos/'people'/o for o in ('p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'p8', 'judge1', 'judge2')]
    cfg = RunConfig(data=[whole_or('asl_alphabet', 'asl-alphabet')], test=[str(o) for o in [*people, photos/'massey'] if o.is_dir()],
        size=200 if torch.cuda.is_available() else 128)
    pretrained = imagenet()
    for run,split,weights in (('random split', 'random', pretrained), ('block split', 'block', pretrained), ('block split, from scratch', 'block', None)):
        measure('alphabet_resnet18', run, replace(cfg, split=split, weights=weights))
