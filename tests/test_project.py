"What no single notebook can say of the project"
import ast, configparser, json, re, subprocess, sys, tomllib, zipfile

import pytest
from conftest import repo

rooms = 'machine fetch rows arrays sets doctor hands skin raster scenes drawing synth negatives store batches data augment sources joints reader models fast card engines jobs variants bundle cluster learner looks scores report distributed views epochs evaluate confidence recipes runs generalise track tune app cli all'.split()

def imports_of(room):
    "Which of our modules a module imports, wherever in it"
    for node in ast.walk(ast.parse((repo/'asl_fastai'/f'{room}.py').read_text())):
        if isinstance(node, ast.ImportFrom) and node.level==1 and node.module: yield node.module.split('.')[0]
        elif isinstance(node, ast.ImportFrom) and node.level==1: yield from (o.name for o in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or '').startswith('asl_fastai.'): yield node.module.split('.')[1]
        elif isinstance(node, ast.Import): yield from (o.name.split('.')[1] for o in node.names if o.name.startswith('asl_fastai.'))

def test_every_module_is_a_room(): assert {p.stem for p in (repo/'asl_fastai').glob('*.py')}-{'__init__', '_modidx'}==set(rooms)

@pytest.mark.parametrize('room', rooms)
def test_no_room_imports_a_later_one(room):
    late = set(imports_of(room)) & set(rooms[rooms.index(room):])
    assert not late, f'{room} imports {late}'

def settings():
    cfg = configparser.ConfigParser()
    cfg.read(repo/'settings.ini', encoding='utf-8')
    return cfg['DEFAULT']

def test_metadata_agree():
    import asl_fastai
    proj = tomllib.loads((repo/'pyproject.toml').read_text())
    assert asl_fastai.__version__==settings()['version']
    assert proj['project']['name']==settings()['lib_name']
    assert set(proj['project'])=={'name', 'dynamic'} and 'version' in proj['project']['dynamic']
    assert f"## {settings()['version']}" in (repo/'CHANGELOG.md').read_text()

def test_every_command_exists():
    from asl_fastai import cli
    named = dict(line.split('=') for line in settings()['console_scripts'].split())
    assert named=={o: f'asl_fastai.cli:{o}' for o in cli.__all__ if o.startswith('asl_')}
    assert all(callable(getattr(cli, o)) for o in named)

@pytest.mark.parametrize('words,says', [('run DATA=here', 'asl_run --data here'), ('app MODEL=there PORT=9000', 'asl_app --model there --port 9000'), ('studies STUDY=synth', 'full_size.py synth')])
def test_make_hands_on_what_it_was_told(words, says):
    assert says in subprocess.run(['make', '-n', *words.split()], cwd=repo, capture_output=True, text=True, check=True).stdout

def test_the_wheel_holds_every_module(tmp_path):
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '-w', tmp_path, repo], check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob('*.whl'))).namelist()
    assert {f'asl_fastai/{r}.py' for r in rooms} <= set(names)
    assert {f'asl_fastai/starter/{o}' for o in ('card.json', 'weights.safetensors', 'model.onnx', 'seen.npy')} <= set(names)

def modules_after(code, folder):
    "Top-level modules loaded by `code` in a fresh Python"
    file = folder/'script.py'
    file.write_text(f'{code}\nimport sys; print(*{{m.split(".")[0] for m in sys.modules}})')
    out = subprocess.run([sys.executable, file], capture_output=True, text=True, cwd=repo, check=True).stdout
    return set(out.splitlines()[-1].split())

@pytest.mark.parametrize('module', ['asl_fastai', 'asl_fastai.cli', 'asl_fastai.sets', 'asl_fastai.doctor', 'asl_fastai.store', 'asl_fastai.bundle', 'asl_fastai.variants', 'asl_fastai.evaluate', 'asl_fastai.confidence', 'asl_fastai.app'])
def test_what_needs_no_torch_loads_none(module, tmp_path):
    assert not {'torch', 'fastai', 'torchvision', 'timm'} & modules_after(f'from {module} import *', tmp_path)

def test_commands_on_a_bundle_load_no_torch(tiny, some, tmp_path):
    pic = next(some.rglob('*.jpg'))
    for cmd, args in [('asl_predict', ['--model', str(tiny/'bundle'), str(pic)]), ('asl_evaluate', ['--model', str(tiny/'bundle'), '--images', str(some)])]:
        mods = modules_after(f'import sys; sys.argv={[cmd, *args]!r}\nfrom asl_fastai.cli import {cmd}\n{cmd}()', tmp_path)
        assert {'onnxruntime', 'openvino'} & mods and not {'torch', 'fastai'} & mods, cmd

def test_our_names_hide_none_of_fastais():
    code = '''
from fastai.vision.all import *
theirs = dict(globals())
import asl_fastai.all as ours
hidden = [n for n in ours.__all__ if n in theirs and getattr(ours, n) is not theirs[n]]
missing = [n for n in ours.__all__ if not hasattr(ours, n)]
assert not hidden and not missing and len(ours.__all__)>40, (hidden, missing, len(ours.__all__))
for n in 'get_data asl_dls asl_learner evaluate Predictor BlockSplitter'.split(): assert n in ours.__all__, n
'''
    subprocess.run([sys.executable, '-c', code], check=True, cwd=repo)

def public_functions():
    for room in rooms:
        tree = ast.parse((repo/'asl_fastai'/f'{room}.py').read_text())
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith('_'): yield room, node

@pytest.mark.parametrize('room,node', list(public_functions()), ids=lambda o: o if isinstance(o, str) else o.name)
def test_every_public_name_says_what_it_is(room, node):
    assert ast.get_docstring(node), f'{room}.{node.name} has no docstring'
    if isinstance(node, ast.ClassDef): return
    lines = (repo/'asl_fastai'/f'{room}.py').read_text().splitlines()
    for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
        if a.arg in ('self', 'cls'): continue
        assert '# ' in lines[a.lineno-1], f'{room}.{node.name}: no docment on {a.arg}'

@pytest.mark.parametrize('nb', sorted((repo/'nbs').rglob('*.ipynb')), ids=lambda p: p.stem)
def test_notebooks_are_small(nb): assert nb.stat().st_size < 1_000_000

def test_links_of_the_readme_lead_somewhere():
    for link in re.findall(r'\]\((?!http|#)([^)]+)\)', (repo/'README.md').read_text()): assert (repo/link).exists(), link

def test_the_readme_s_table_is_the_results():
    from asl_fastai.evaluate import compare, read_results
    readme = (repo/'README.md').read_text()
    full = compare(read_results(repo/'nbs'/'studies'/'results', 'alphabet_resnet18'), people=[f'p{i}' for i in range(1, 9)])
    table = full.to_table()[['validation', 'massey', 'judge1', 'judge2', 'mean over people']]
    for run, cells in zip(table.index, table.values): assert f'| {run} | '+' | '.join(cells)+' |' in readme, run

def test_the_readme_says_what_rendered_hands_are_worth():
    readme, results = (repo/'README.md').read_text(), repo/'nbs'/'studies'/'results'
    there, back = (json.loads((results/f'synth-{o}.json').read_text()) for o in ('rendered_to_photographs', 'photographs_to_rendered'))
    said = [there['mean_over_people']['accuracy'], there['figures']['massey']['accuracy'], *(back['figures'][o]['accuracy'] for o in ('rendered', 'portraits'))]
    for o in said: assert f'{100*o:.1f} %' in readme, o
    assert there['mean_over_people']['accuracy'] > 10/26 and back['figures']['rendered']['accuracy'] > 10/26

def test_the_readme_tells_of_the_studies_what_they_measured():
    readme, results = (repo/'README.md').read_text(), repo/'nbs'/'studies'/'results'
    files = 'digits_tracking-students', 'sign_mnist-tuned-all_rows', 'alexnet_abc-blocks', 'dexnet-block_split-DexNet_1'
    digits, rows, abc, dexnet = (json.loads((results/f'{o}.json').read_text()) for o in files)
    tested = {k: v['figures']['test']['accuracy'] for k, v in dict(sign_mnist=rows, alexnet_abc=abc, dexnet=dexnet).items()}
    for name, o in dict(tested, digits_tracking=digits['mean_over_blocks']).items():
        assert f'{100*o:.1f} %' in next(l for l in readme.splitlines() if l.startswith(f'| [{name}]')), name
    assert digits['held_out'] > .9 and rows['figures']['test']['accuracy'] > .9

def test_the_readme_says_how_fast_it_is():
    def ways(name): return {o['way']: o for o in json.loads((repo/'benchmarks'/'results'/f'{name}.json').read_text())['rows']}
    readme, train, one = (repo/'README.md').read_text(), ways('train-128'), ways('predict-resnet18-200')
    for o in (train['published']['rate'], train['bf16']['rate']): assert f'{o:.0f} pictures/s' in readme, o
    for o in (one['plain']['p50'], min(o['p50'] for o in one.values())): assert f'{o:.1f} ms' in readme, o
    for o in ('five', 'write-up'): assert f"{ways(f'gpu-{o}')[o]['fit_s']:.1f} s with validation" in readme, o
    assert train['bf16']['ratio'] > 1 and max(o['ratio'] for o in one.values()) > 1

def test_results_say_how_they_were_measured():
    for f in (repo/'nbs'/'studies'/'results').rglob('*.json'):
        o = json.loads(f.read_text())
        assert {'figures', 'data', 'source', 'command', 'processor', 'commit', 'minutes', 'choices'} <= set(o), f.name
        assert o['minutes']*o.get('threads', 2)/2 <= (100 if o['study']=='stranger' else 30) and o['source']

def test_the_readme_says_how_strangers_are_read():
    readme = (repo/'README.md').read_text()
    left_out,alone,judges,starter,alphabet,own = (json.loads((repo/'nbs'/'studies'/'results'/f'{o}.json').read_text())
        for o in ('stranger-left_out', 'stranger-left_out_alone', 'stranger-judges', 'starter-people', 'starter-alphabet', 'reader-in_domain'))
    def percents(*xs): return ' | '.join(f'{100*x:.1f} %' for x in xs)
    for o in (left_out, judges, starter):
        for k,v in o['figures'].items():
            (lo,hi),sure,off = v['interval'],o['answered'][k],o['found']['ece'].get(k, v['ece'])
            row = f"{percents(v['accuracy'])} ({percents(lo)} to {percents(hi)}) | {percents(o['static'][k])} | {v['n']:,} | {percents(off, sure['coverage'], sure['accuracy'])}"
            assert f'| {k} | {row} |' in readme, k
    for o,n in ((left_out, 8), (starter, 6)): assert f"at which {100*o['found']['wrong']:.0f} in 100 of the answers to p1 to p{n} are wrong" in readme
    assert f"mean over the eight is {100*starter['mean']:.1f} %" in readme
    for o in (left_out['mean'], alone['mean'], starter['mean'], alphabet['mean'], own['figures']['validation']['accuracy']): assert f'{100*o:.1f} %' in readme, o
    for said in (left_out, alone): assert said['mean'] > .88 and min(o['accuracy'] for o in said['figures'].values()) > .7

@pytest.mark.parametrize('name,run', [('stranger', 'left_out'), ('starter', 'people')])
def test_a_recipe_is_as_sure_as_people_found_it(name, run):
    from asl_fastai.recipes import recipes
    found = json.loads((repo/'nbs'/'studies'/'results'/f'{name}-{run}.json').read_text())['found']
    for o in ('temperature', 'threshold'): assert getattr(recipes[name], o)==round(found[o], 2), o

def test_no_letter_of_a_stranger_is_hopeless():
    figures = json.loads((repo/'nbs'/'studies'/'results'/'stranger-left_out.json').read_text())['figures'].values()
    for c in 'ABCDEFGHIJKLMNOPQRSTUVWXYZ':
        right,of = map(sum, zip(*(o['per_class'][c] for o in figures if c in o['per_class'])))
        assert right/of > .6, c
