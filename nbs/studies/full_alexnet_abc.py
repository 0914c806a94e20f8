"AlexNet from scratch on A, B and C: frames shuffled as published, then blocks of frames; then other people's A, B and C"
import time

from asl_fastai.data import asl_dls, leak_report, scaled_counts, training_files
from asl_fastai.epochs import EpochWeights, epoch_learner
from asl_fastai.evaluate import evaluate
from asl_fastai.learner import Checkpoints, EpochLog, EpochSeed, asl_learner
from asl_fastai.sets import label_of, picture_files
from fastai.vision.all import *
from measuring import keep, over_people, repo, strangers, to_do, whole_or

classes,published,epochs = list('ABC'),(2000, 750, 250),50

def splits(data):
    "How the frames are shared: counts a class after a shuffle, and blocks in the same shares"
    counts = scaled_counts(published, training_files(data).filter(lambda o: label_of(o) in classes))
    return {'shuffled': ('counts', counts), 'blocks': ('block', tuple(o/sum(published) for o in published))}

def mean_loss(x, y): return F.cross_entropy(x, y)

def train(data, kind, parts, out):
    "Fifty epochs of plain SGD, every one of them kept; goes on from `out`"
    dls = asl_dls(data, kind, parts, classes=classes, size=224, bs=32, store=True)
    learn = asl_learner(dls, 'alexnet_bn', weights=None, seed=42, opt_func=SGD, metrics=[accuracy, mean_loss], path=out, model_dir='.').to_fast(epochs=epochs)
    learn.recorder.train_metrics = True
    with learn.no_bar(): learn.fit(epochs, 1e-3, wd=0., cbs=[EpochSeed(42), EpochLog(out/'log.csv'), Checkpoints(out), EpochWeights(out/'weights')])
    return learn

def of_classes(folder): return [o for o in picture_files(folder) if label_of(o) in classes]

def judge(out, dls):
    "The separate test: the epoch of the lowest validation loss, reloaded, on the test part and on other people"
    epoch = int(pd.read_csv(out/'log.csv').valid_loss.idxmin())+1
    learn = epoch_learner(out/'weights', epoch, dls)
    people = {o.name: of_classes(o) for o in strangers}
    sets = {'validation': dls.valid, 'test': dls[2], **people}
    return epoch,{k: evaluate(learn, o, name=k, progress=False).to_dict() for k,o in sets.items()}

def main():
    "Two runs: shuffled as published, and by blocks of frames"
    for run,(kind,parts) in splits(data := whole_or('asl_alphabet', 'asl-alphabet')).items():
        if not (file := to_do('alexnet_abc', run)): continue
        start,out = time.time(),repo/'runs'/'studies'/file.stem
        learn = train(data, kind, parts, out)
        epoch,evs = judge(out, learn.dls)
        leaks = leak_report(learn.dls, progress=False)
        keep(file, 'alexnet_abc', run, start, out, evs, [data], '', epoch=epoch, leaks=leaks.leaks, n_valid=leaks.n, mean_over_people=over_people(run, evs),
            source='frames of Kaggle grassknoted/asl-alphabet; the people are photographs that are not public',
            choices=dict(classes=classes, counts=[len(o.dataset) for o in learn.dls], split=kind, size=224, epochs=epochs, lr=1e-3, bs=32, seed=42,
                optimiser='SGD', arch='alexnet_bn', fast=learn.fast))
        shutil.rmtree(out/'weights')
