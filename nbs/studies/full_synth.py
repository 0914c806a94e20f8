"Are rendered hands like hands? Learned from the one, judged on the other, both ways"
import time

from asl_fastai.data import asl_dls
from asl_fastai.evaluate import evaluate
from asl_fastai.learner import Checkpoints, EpochLog, EpochSeed, asl_learner
from asl_fastai.sets import letters
from asl_fastai.synth import draw, portrait, render_set
from fastai.vision.all import *
from measuring import imagenet, keep, over_people, photos, repo, strangers, to_do

class Webcam(RandTransform):
    "Softness and noise of its own for each picture of a batch"
    order = 50
    def encodes(self, x:TensorImage):
        w = torch.rand(len(x), 1, 1, 1, device=x.device)
        soft = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(x, (1,)*4, mode='replicate'), 3, 1)
        return (torch.lerp(x, soft, (2*w-.7).clamp(0, 1)) + torch.randn_like(x)*.06*torch.rand_like(w)).clamp(0, 1)

def strong():
    "fastai's own augmentation, much of it: a hand must not be known by its framing, its colours or its sharpness"
    return aug_transforms(max_rotate=25, min_zoom=.7, max_zoom=1.4, max_warp=.15, max_lighting=.4, p_affine=.9, p_lighting=.9,
        xtra_tfms=[Hue(.08), Saturation(.6), RandomErasing(.3, sh=.2), Webcam()])

def letters_learner(data, out, sizes):
    "Trains on the letters of some sets with strong augmentation, at one picture size after another; goes on from `out`"
    def dls_at(size):
        tfms = [*strong(), Normalize.from_stats(*imagenet_stats)]
        return asl_dls(data, 'random', (.95, .05), classes=list(letters), size=size, batch_tfms=tfms, store=True)
    set_seed(42)
    learn = asl_learner(dls_at(min(sizes)), 'resnet18', imagenet(), seed=42, loss_func=LabelSmoothingCrossEntropyFlat(), path=out, model_dir='.').to_fast()
    learn.unfreeze()
    cbs = [EpochSeed(42), EpochLog(out/'log.csv'), Checkpoints(out)]
    for size,(epochs,lr) in sizes.items():
        learn.dls = dls_at(size)
        learn.fit_one_cycle(epochs, [lr, lr, 3*lr], wd=.05, cbs=cbs)
    return learn

def portraits(folder, people):
    "The alphabet as the README shows it, by several people: the handshape alone, before a plain wall"
    for i in range(people):
        pics = draw([portrait(l, who=i, skin=i%10+1) for l in letters], size=128)
        for l,p in zip(letters, pics): Image.fromarray(p).save(mkdir(folder/l, exist_ok=True, parents=True)/f'{l}{i+1}.jpg')
    return folder

def main():
    "Rendered hands to photographs, and photographs to rendered hands"
    folder = repo/'runs'/'studies'
    rendered, unseen = (render_set(folder/f'rendered-{n}', list(letters), n, size=128, seed=s) for n,s in ((400, 1), (40, 2)))
    shown = portraits(folder/'portraits', 20)
    people = {o.name: o for o in strangers}
    both = {'rendered to photographs': ([rendered], people),
        'photographs to rendered': ([*people.values(), photos/'asl-alphabet'], dict(rendered=unseen, portraits=shown))}
    sizes = {96: (8, 1e-3), 128: (2, 4e-4)} # Pixels: epochs and learning rate
    for run,(data,tests) in both.items():
        if not (file := to_do('synth', run)): continue
        start,out = time.time(),folder/file.stem
        out.mkdir(parents=True, exist_ok=True)
        learn = letters_learner([str(o) for o in data], out, sizes)
        evs = {k: evaluate(learn, o, name=k).to_dict() for k,o in tests.items()}
        means = {'mean_over_people': over_people(run, evs)} if 'p1' in evs else {}
        keep(file, 'synth', run, start, out, evs, data, str(learn.weights), confused={k: e['confused_pairs'][:12] for k,e in evs.items()}, **means,
            source='rendered hands are made by the command; the photographs are not public',
            choices=dict(sizes=sizes, seed=42, fast=learn.fast, arch='resnet18', train=len(learn.dls.train_ds)))
