"Sets as they are in the wild, and what importing them costs"
import subprocess, sys

import pytest

from asl_fastai.sets import DATASETS, class_of, find_set, get_data, judged_part, label_of, labeller, parts_of, picture_files, seen_in_judging

def test_importing_loads_no_torch():
    code = "import sys, asl_fastai.sets; sys.exit(any(o in sys.modules for o in ('torch', 'fastai', 'pandas', 'kaggle')))"
    assert subprocess.run([sys.executable, '-c', code]).returncode==0

def test_every_photograph_is_labelled_by_its_folder(photos):
    files = picture_files(photos)
    assert len(files)>15_000
    assert not [o for o in files if 'test' not in o.parent.name and label_of(o)!=class_of(o.parent.name)]

def test_names_alone_tell_what_massey_and_the_official_test_show(photos):
    assert not [o for o in picture_files(photos/'massey') if label_of(o.name)!=class_of(o.parent.name)]
    test = picture_files(parts_of(photos/'asl-alphabet')['test'])
    assert labeller(test) is label_of
    assert {label_of(o) for o in test}=={*DATASETS['asl_alphabet'].classes}-{'del'}

@pytest.mark.parametrize('name,folder', [('massey', 'massey'), ('asl_digits', 'sign-language-digits'), ('sign_mnist', 'sign-mnist')])
def test_what_should_be_in_a_set_is_what_is(photos, tmp_path, name, folder):
    (tmp_path/name).symlink_to(photos/folder)
    assert get_data(name, tmp_path)==tmp_path/name==find_set(name, tmp_path)

def test_the_judges_are_known_from_next_door_and_share_nothing_with_the_rest(photos):
    others = [o for p in ('p1', 'p2', 'p8') for o in picture_files(photos/'people'/p)]
    judge = picture_files(judged_part(photos/'people'/'judge2'))
    assert seen_in_judging(others)==[]
    assert {a for a,b in seen_in_judging(others+judge)}=={*judge}
