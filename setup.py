"Everything that `pyproject.toml` calls dynamic, read from settings.ini"
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

cfg = ConfigParser()
cfg.read(Path(__file__).parent/'settings.ini', encoding='utf-8')
cfg = cfg['DEFAULT']

readme = (Path(__file__).parent/'README.md').read_text(encoding='utf-8')
extras = {k.removesuffix('_requirements'): v.split() for k,v in cfg.items() if k.endswith('_requirements')}
scripts = dict(console_scripts=cfg['console_scripts'].split(), nbdev=[f'{cfg["lib_name"]}={cfg["lib_name"]}._modidx:d'])

setup(version=cfg['version'], description=cfg['description'], license=cfg['license'], keywords=cfg['keywords'].split(),
    long_description=readme, long_description_content_type='text/markdown', author=cfg['author'], author_email=cfg['author_email'],
    classifiers=['Programming Language :: Python :: 3', 'Intended Audience :: Science/Research'], python_requires=f'>={cfg["min_python"]}',
    packages=[cfg['lib_name']], package_data={cfg['lib_name']: ['starter/*']}, install_requires=cfg['requirements'].split(), extras_require=extras, entry_points=scripts)
