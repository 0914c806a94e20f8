"DexNet at full size: three iterations by two splits, how many pictures are enough, a tuned network, more people, latency"
import json, time

from asl_fastai.cli import asl_tune
from asl_fastai.data import BlockSplitter, FractionSplitter, asl_dls
from asl_fastai.evaluate import evaluate, latency
from asl_fastai.learner import Checkpoints, EpochLog, EpochSeed, asl_learner, find_arch
from asl_fastai.machine import write_json
from asl_fastai.models import find_network
from asl_fastai.runs import augment_tfms, optimisers
from asl_fastai.sets import find_set, label_of, open_picture, parts_of, picture_files
from asl_fastai.store import store_of
from asl_fastai.views import TrainScores
from fastai.vision.all import *
from measuring import facts, imagenet, kept, minutes_in, over_people, photos, repo, strangers, to_do, whole_or

alphabet = whole_or('asl_alphabet', 'asl-alphabet')
published = dict(mean=[.5119, .5042, .5128], std=[.2499, .2398, .2451])
splits = dict(random=FractionSplitter((.7, .2, .1)), block=BlockSplitter((.7, .2, .1)))
plans = {1: ('dexnet1', 1, 10), 2: ('dexnet2', 1, 12), 3: ('dexnet1', .5, 17)} # Network, share of the training part, epochs
folder = repo/'runs'/'studies'

def thinned(splitter, share, by=FractionSplitter):
    "A splitter whose training part is a share of what `splitter` gives; the other parts stay"
    def _inner(items):
        train,*rest = splitter(items)
        some = by((share, 1-share))([items[i] for i in train])[0] if share<1 else range(len(train))
        return L(train)[list(some)], *rest
    return _inner

def dls_of(splitter, data=alphabet, size=200, bs=16, augment=0.):
    return asl_dls(data, splitter, size=size, bs=bs, store=True, batch_tfms=[*augment_tfms(augment), Normalize.from_stats(**published)])

def few(path, n=5):
    "At most `n` pictures of each class, drawn at random"
    files = picture_files(path)
    shuffled = [files[i] for i in np.random.default_rng(42).permutation(len(files))]
    return [f for same in groupby(shuffled, label_of).values() for f in same[:n]]

def short(learn):
    "bfloat16 for what looks on, too, where training computes in it"
    return torch.autocast('cpu', torch.bfloat16, enabled=learn.fast=='bf16')

class ShortLooks(Callback):
    "`short` wherever a part is scored. Never around a whole fit: autocast keeps its first copy of the weights until it ends"
    order = Recorder.order+20
    def before_fit(self): self.open = []
    def before_validate(self):
        self.open.append(short(self.learn))
        self.open[-1].__enter__()
    def after_validate(self): self.open.pop().__exit__(None, None, None)

class GrowingDropout(Callback):
    "Dropout that grows from nothing to what the network was made with in the first half of training (Morerio et al. 2017)"
    def before_fit(self): self.drops = [(o, o.p) for o in self.model.modules() if isinstance(o, nn.Dropout)]
    def before_epoch(self):
        for o,p in self.drops: o.p = p*min(1, 2*self.epoch/self.n_epoch)
    def after_fit(self):
        for o,p in self.drops: o.p = p

def train(out, dls, arch, epochs, lr=2e-4, opt='adam'):
    "One cycle (Smith 2018) that goes on from `out`, every epoch scored on training and validation part"
    out.mkdir(parents=True, exist_ok=True)
    learn = asl_learner(dls, arch, None, seed=42, opt_func=optimisers[opt], path=out, model_dir='.').to_fast()
    learn.fit_one_cycle(epochs, lr, cbs=[EpochSeed(42), GrowingDropout(), ShortLooks(), TrainScores(), EpochLog(out/'log.csv'), Checkpoints(out)])
    return learn

def judge(learn, tests=strangers):
    "Validation and test part, and some pictures of each stranger"
    dls = learn.dls
    with short(learn):
        evs = dict(validation=evaluate(learn, dls.valid, name='validation'), test=evaluate(learn, dls[2], name='test'))
        return {**evs, **{o.name: evaluate(learn, few(o), name=o.name) for o in tests if o.is_dir()}}

def write(file, run, minutes, choices, evs={}, **more):
    "Keeps a run's figures beside what must stand beside them"
    write_json(file, facts(study='dexnet', run=run, figures=kept({k: e.to_dict() for k,e in evs.items()}), data=[Path(alphabet).name],
        source='frames of Kaggle grassknoted/asl-alphabet; the people are photographs that are not public', command='make studies STUDY=dexnet',
        minutes=round(minutes, 1), choices=choices, **more))

def measure(run, make_dls, arch, epochs, tests=strangers, augment=0., **kwargs):
    "Trains and judges one network on `make_dls(augment)`, unless its figures are there"
    if not (file := to_do('dexnet', run)): return
    out = folder/file.stem
    learn = train(out, make_dls(augment), arch, epochs, **kwargs)
    evs,log = judge(learn, tests),pd.read_csv(out/'log.csv')
    confusion = {k: evs[k].confusion.to_dict('split') for k in ('validation', 'test')}
    choices = dict(arch=arch, epochs=epochs, size=200, bs=learn.dls.bs, seed=42, train=len(learn.dls.train_ds), fast=learn.fast, augment=augment, **kwargs)
    write(file, run, minutes_in(out), choices, evs, log=log.to_dict('records'), confusion=confusion,
        pairs={k: e.confused_pairs(5) for k,e in evs.items()}, rates={k: e.rates for k,e in evs.items()},
        mean_over_people=over_people(run, {k: e.to_dict() for k,e in evs.items()}))

def statistics():
    "Mean and standard deviation of the colours, of a random sample and of all, every fourth pixel each way"
    if not (file := to_do('dexnet', 'statistics')): return
    begun,pics = time.time(),store_of(parts_of(find_set(alphabet))['train'], 200).pictures
    def _stats(rows):
        x = pics[rows][:, ::4, ::4].reshape(-1, 3)/np.float32(255)
        return dict(mean=x.mean(0, dtype=float).tolist(), std=x.std(0, dtype=float).tolist(), n=len(x)//2500)
    sample = np.sort(np.random.default_rng(42).choice(len(pics), 256, replace=False))
    write(file, 'statistics', (time.time()-begun)/60, dict(size=200, seed=42), sample=_stats(sample), whole=_stats(slice(None)))

def as_published():
    "DexNet 1 to the letter: PyTorch's first weights, plain SGD 0.008, 64 pictures a batch"
    if not (file := to_do('dexnet', 'as published')): return
    out,(arch,_,epochs) = folder/file.stem,plans[1]
    out.mkdir(parents=True, exist_ok=True)
    learn = asl_learner(dls_of(splits['random'], bs=64), arch, None, seed=42, opt_func=SGD, path=out, model_dir='.').to_fast()
    learn.model.apply(lambda o: o.reset_parameters() if hasattr(o, 'reset_parameters') else None)
    learn.fit(epochs, .008, wd=0, cbs=[EpochSeed(42), ShortLooks(), EpochLog(out/'log.csv'), Checkpoints(out)])
    write(file, 'as published', minutes_in(out), dict(arch=arch, epochs=epochs, lr=.008, opt='plain SGD', bs=64, size=200, seed=42,
        train=len(learn.dls.train_ds)), log=pd.read_csv(out/'log.csv').to_dict('records'))

def enough(out, share, how, size=64, most=16, patience=3):
    "Fine-tunes a resnet18 on a share of the pictures until nothing more is gained, and tests on what every share is tested on"
    by = dict(frames=FractionSplitter, blocks=partial(BlockSplitter, gap=0))[how]
    dls = asl_dls(alphabet, thinned(splits['block'], share, by), size=size, bs=32, store=True)
    learn = asl_learner(dls, 'resnet18', imagenet(), seed=42, path=out, model_dir='.').to_fast()
    learn.unfreeze()
    begun = time.time()
    with learn.no_bar(), learn.no_logging():
        learn.fit(most, 1e-3, cbs=[EpochSeed(42), ShortLooks(), EarlyStoppingCallback(patience=patience), SaveModelCallback(fname='best')])
        seconds,losses = time.time()-begun,[float(o[1]) for o in learn.recorder.values]
        with short(learn): ev = evaluate(learn, dls[2], name='test', progress=False)
    return dict(share=share, how=how, train=len(dls.train_ds), epochs=losses.index(min(losses))+1, seconds=round(seconds, 1),
        accuracy=ev.accuracy, interval=ev.interval)

def returns(shares=(.05, .1, .25, .5, .75, 1.)):
    "Test accuracy, time and epochs against the share of pictures, as random frames and as whole blocks"
    if not (file := to_do('dexnet', 'diminishing returns')): return
    begun,out = time.time(),folder/file.stem
    out.mkdir(parents=True, exist_ok=True)
    for share,how in ((s, h) for s in shares for h in ('frames', 'blocks')):
        if not (one := out/f'{how}-{share}.json').exists(): write_json(one, enough(out, share, how))
    rows = sorted((json.loads(o.read_text()) for o in out.glob('*-*.json')), key=lambda o: (o['how'], o['share']))
    write(file, 'diminishing returns', sum(o['seconds'] for o in rows)/60, dict(arch='resnet18', weights='ImageNet', size=64, bs=32, lr=1e-3, seed=42, patience=3), rows=rows)

def tuned(trials=6):
    "The reduced network searched by `asl_tune` on half of the pictures, its winner trained and judged as the others are"
    best = folder/'dexnet2-search.json'
    if not best.exists(): asl_tune(data=[alphabet], arch='dexnet2', trials=trials, epochs=4, fraction=.5, split='block', parts='.7,.2,.1', bs=16,
        weights='none', study='dexnet2', storage=str(folder/'dexnet.db'), out=str(best))
    cfg = json.loads(best.read_text())['config']
    measure('tuned', lambda augment: dls_of(splits['block'], augment=augment), cfg['arch'], 12, **{k: cfg[k] for k in ('augment', 'lr', 'opt')})

def more_people():
    "As many pictures as the alphabet's training part has, of one person and of eight, judged on two who are in neither"
    both = [Path(alphabet), *strangers[:6], strangers[-1]]
    n = len(dls_of(splits['block']).train_ds)
    def _dls(augment):
        total = sum(len(picture_files(o)) for o in both)
        return dls_of(thinned(FractionSplitter((.7, .2, .1)), min(1, n/(.7*total))), data=[str(o) for o in both], augment=augment)
    measure('more people', _dls, 'dexnet2', 12, tests=strangers[6:8], augment=.5)

def speed(n=200):
    "Single pictures from file to answer, and batches of 64 without decoding; speed does not depend on the weights"
    if not (file := to_do('dexnet', 'latency')): return
    files,rows,begun = picture_files(photos/'asl-alphabet')[:n],{},time.time()
    mean,std = (tensor(published[k])[:,None,None] for k in ('mean', 'std'))
    for name in ('dexnet1', 'dexnet2', 'resnet18'):
        net = (find_network(name) or find_arch(name))(**({} if name=='resnet18' else dict(n_out=29))).eval()
        x = torch.randn(64, 3, 200, 200)
        def _one(f):
            with torch.inference_mode(): return net(((torch.from_numpy(open_picture(f, 200)).permute(2, 0, 1)/255-mean)/std)[None]).argmax()
        def _many(x):
            with torch.inference_mode(): return net(x)
        rows[name] = dict(latency(_one, files), per_s=64e3/latency(_many, [x]*3)['p50'], threads=torch.get_num_threads())
    write(file, 'latency', (time.time()-begun)/60, dict(size=200, pictures=n, arithmetic='float32'), rows=rows)

def main():
    "Each piece is kept when it is done, and training goes on from its last epoch"
    statistics()
    speed()
    for i,(arch,share,epochs) in plans.items():
        for split in splits: measure(f'{split} split, DexNet {i}', lambda augment: dls_of(thinned(splits[split], share), augment=augment), arch, epochs)
    returns()
    tuned()
    more_people()
    as_published()
