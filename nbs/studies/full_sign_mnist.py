"Sign-MNIST: as published, with copies kept together, searched, tuned; the test CSV is asked once for each, and chooses nothing"
import time
from dataclasses import asdict, replace

from asl_fastai.data import alike, leak_report
from asl_fastai.evaluate import evaluate
from asl_fastai.learner import Checkpoints, EpochLog, EpochSeed
from asl_fastai.runs import RunConfig, run_dls, run_learner
from asl_fastai.sets import find_set, parts_of
from asl_fastai.tune import best_config, search
from asl_fastai.views import TrainScores
from fastai.vision.all import *
from measuring import keep, repo, result, to_do, whole_or

patience = 5 # Epochs without a lower validation loss after which training stops
published = RunConfig(arch='small(depth=3, width=32, dropout=0.2)', weights=None, split='random', epochs=20, lr=1e-3, bs=64, size=28, seed=42)
space = dict(lr=dict(low=5e-4, high=2e-2, log=True), opt=['adam', 'rmsprop', 'sgd'], depth=dict(low=2, high=4), width=[8, 16, 32], kernel=[3, 5],
    twice=[False, True], pool=['max', 'stride'], layers=dict(low=1, high=2), dense=[64, 128, 256], dropout=dict(low=0., high=.4), batch_norm=[False, True])
augments = (0., .35, .7) # How much of fastai's augmentation the winner of the search is tried with
trials = 16

def everything(items): return range(len(items)), range(0, len(items), 25)

def trained(cfg, out, fit, cbs=()):
    "A learner that `fit` has trained, from where it was broken off"
    dls = run_dls(cfg)
    learn = run_learner(cfg, dls, path=out, model_dir='.').to_fast(cfg.fast, cfg.epochs)
    with learn.no_bar(): fit(learn, cbs=[EpochSeed(cfg.seed), EpochLog(out/'log.csv'), Checkpoints(out), *cbs])
    return learn

def stopped_early(cfg, out, fit):
    "The same, ended by patience, with the weights of the epoch whose validation loss was lowest"
    return trained(cfg, out, fit, [TrainScores(), EarlyStoppingCallback('valid_loss', patience=patience)]).load('best')

def measure(run, cfg, train, file, **more):
    "Trains, asks the test CSV once, keeps figures and bundle"
    start,out = time.time(),repo/'runs'/'studies'/file.stem
    out.mkdir(parents=True, exist_ok=True)
    learn = train(cfg, out)
    evs = dict(test=evaluate(learn, parts_of(cfg.data[0])['test'], name='test', progress=False))
    if cfg.split!=everything: evs['validation'] = evaluate(learn, learn.dls.valid, name='validation', progress=False)
    learn.to_bundle(out/'bundle', scores={k: dict(accuracy=e.accuracy, n=e.n, marks=list(e.marks)) for k,e in evs.items()}, trained_on=['sign_mnist'])
    leaks = leak_report(learn.dls, progress=False)
    keep(file, 'sign_mnist', run, start, out, {k: e.to_dict() for k,e in evs.items()}, cfg.data, 'none', leaks=leaks.leaks, n_valid=leaks.n,
        source='rows of Kaggle datamunge/sign-language-mnist, public domain', confused={k: e.to_dict()['confused_pairs'][:8] for k,e in evs.items()},
        parameters=sum(p.numel() for p in learn.model.parameters()), wrong=wrong_rows(evs['test']),
        choices={k: getattr(v, '__name__', v) for k,v in asdict(cfg).items() if k not in ('data', 'test', 'group')}, **more)

def wrong_rows(ev):
    "How many rows were read wrongly, and how many photographs they are copies of"
    wrong = {c: [o for o,t,a in zip(ev.items, ev.true, ev.answers) if t==c!=a] for c in ev.classes}
    return dict(rows=sum(map(len, wrong.values())), photographs=sum(int(alike(o).max())+1 for o in wrong.values() if o))

def one_rate(learn, cbs): learn.fit(published.epochs, published.lr, cbs=cbs)
def one_cycle(cfg): return lambda learn, cbs: learn.fit_one_cycle(cfg.epochs, cfg.lr, cbs=cbs)

def main():
    "Two untuned runs, the search, the winner with more or less augmentation, and the best of these on all rows"
    base = replace(published, data=[str(find_set(whole_or('sign_mnist', 'sign-mnist')))])
    for run,cfg in {'as published': base, 'copies together': replace(base, split='alike')}.items():
        if file := to_do('sign_mnist', run): measure(run, cfg, lambda cfg, out: stopped_early(cfg, out, one_rate), file)
    study = search(replace(base, arch='small', split='alike', fraction=.25, epochs=5), trials, 'sign_mnist', repo/'runs'/'studies'/'sign_mnist.db', space)
    best = replace(best_config(study), fraction=1., epochs=12)
    losses = {}
    for a in augments:
        run,cfg = f'tuned, augmentation {a}',replace(best, augment=a)
        if file := to_do('sign_mnist', run): measure(run, cfg, lambda cfg, out: stopped_early(cfg, out, one_cycle(cfg)), file)
        losses[a] = pd.read_csv(repo/'runs'/'studies'/result('sign_mnist', run).stem/'log.csv').valid_loss.min()
    cfg = replace(best, augment=min(losses, key=losses.get), split=everything)
    if file := to_do('sign_mnist', 'tuned, all rows'):
        measure('tuned, all rows', cfg, lambda cfg, out: trained(cfg, out, one_cycle(cfg)), file, lowest_losses={str(k): v for k,v in losses.items()},
            trials=[dict(number=t.number, state=t.state.name, accuracy=t.value, **t.params) for t in study.trials])
