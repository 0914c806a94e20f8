"""Studies at the fullest size that the photographs at hand allow, into nbs/studies/results.

python nbs/studies/full_size.py [STUDY]      all studies, or one; what is measured already is kept, what was broken off goes on

Kaggle's set is used when it is in the data folder, else its 4,640 frames in the folder of photographs ($ASL_PHOTOS, or
../shared/data of this checkout). Weights are ImageNet's when they can be downloaded, else ../shared/weights.
A study is a file full_NAME.py here, with a function `main`."""
import sys
from importlib import import_module

from measuring import here, photos

studies = sorted(o.stem.removeprefix('full_') for o in here.glob('full_*.py') if o.stem!='full_size')

if __name__=='__main__':
    names = sys.argv[1:] or studies
    if unknown := [o for o in names if o not in studies]: sys.exit(f'There is no study {unknown[0]}: choose {", ".join(studies)}')
    if not photos.is_dir(): sys.exit(f'The photographs that studies measure on are not at {photos}: put them there, or name their folder in ASL_PHOTOS')
    for o in names: import_module(f'full_{o}').main()
