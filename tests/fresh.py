"Does the tree equal what its notebooks say? Cleans and exports a copy and compares; `--readme` writes README.md from the index"
import filecmp, os, re, shutil, subprocess, sys, tempfile
from pathlib import Path

from fastcore.nbio import read_nb
from nbdev.clean import nbdev_clean
from nbdev.config import get_config
from nbdev.doclinks import nbdev_export

repo = Path(__file__).resolve().parent.parent
generated = ('nbs', 'asl_fastai', 'README.md')

def cell_outputs(cell):
    "What a reader of the notebook sees below `cell`, as markdown"
    for o in getattr(cell, 'outputs', []):
        data = o.get('data', {'text/plain': o.get('text', '')})
        if 'text/markdown' in data: yield ''.join(data['text/markdown'])
        elif 'text/html' in data: yield ''.join(data['text/html'])
        elif 'text/plain' in data: yield '\n'.join('    '+l for l in ''.join(data['text/plain']).splitlines())

def readme(root):
    "nbs/index.ipynb as markdown: prose, code that is not hidden, and its output"
    parts = []
    for c in read_nb(root/'nbs'/'index.ipynb').cells:
        if c.cell_type=='markdown': parts.append(c.source)
        elif not re.match(r'#\|\s*hide\b', c.source):
            code = re.sub(r'^#\|.*\n', '', c.source, flags=re.M)
            parts += ([] if '#| echo: false' in c.source else [f'```python\n{code}\n```']) + list(cell_outputs(c))
    return '\n\n'.join(p.strip('\n') for p in parts)+'\n'

def files_of(root):
    "Files below `root` that git would track"
    return {p.relative_to(root) for g in generated for p in ([root/g] if (root/g).is_file() else (root/g).rglob('*'))
        if p.is_file() and p.suffix in ('.py', '.ipynb', '.md') and '.ipynb_checkpoints' not in p.parts and '__pycache__' not in p.parts}

def stale():
    "Files that differ from what a fresh export of the notebooks gives"
    with tempfile.TemporaryDirectory() as d:
        copy = Path(d)/'copy'
        shutil.copytree(repo, copy, ignore=shutil.ignore_patterns('.venv', '.git', 'runs', 'data', '*.egg-info', '__pycache__', 'build'))
        subprocess.run([sys.executable, __file__, '--regenerate', copy], check=True)
        return sorted(map(str, (f for f in files_of(repo)|files_of(copy)
            if not ((repo/f).exists() and (copy/f).exists() and filecmp.cmp(repo/f, copy/f, shallow=False)))))

def regenerate(root):
    "Cleans, exports and writes README.md in `root`"
    os.chdir(root)
    assert get_config().config_path==Path(root).resolve()
    nbdev_clean('nbs')
    for f in (root/'asl_fastai').glob('*.py'):
        if f.name!='__init__.py': f.unlink()
    nbdev_export('nbs')
    (root/'README.md').write_text(readme(root))

if __name__=='__main__':
    if '--regenerate' in sys.argv: regenerate(Path(sys.argv[2]).resolve())
    elif '--readme' in sys.argv: (repo/'README.md').write_text(readme(repo))
    elif old := stale(): sys.exit('Not as the notebooks say, run nbdev_clean, nbdev_export and `make readme`: '+', '.join(old))
    else: print('The library and README.md are what the notebooks say.')
