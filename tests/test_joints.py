"The joint network against Google's own file, which pip brings, and the starter bundle that carries it"
import subprocess, sys

import numpy as np, pytest
from asl_fastai.bundle import Predictor, load_bundle
from asl_fastai.synth import render

@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    asked = subprocess.run([sys.executable, '-m', 'pip', 'download', '-q', '--no-deps', '-d', folder, 'mediapipe==0.10.21'], capture_output=True, text=True)
    if asked.returncode: pytest.skip(f'mediapipe 0.10.21 cannot be had here: {asked.stderr.strip().splitlines()[-1]}')
    return next(folder.glob('*.whl'))

@pytest.mark.net
def test_the_starter_holds_googles_joint_network_as_it_was(wheel):
    from asl_fastai.joints import joint_weights
    own, theirs = load_bundle('starter').weights(), joint_weights(wheel)
    assert theirs and all(np.array_equal(own[f'joints.{k}'].astype(np.float32), v.numpy()) for k, v in theirs.items())

def test_weights_are_kept_once_and_found_by_both_runtimes():
    bundle = load_bundle('starter')
    assert (bundle.path/'model.onnx').stat().st_size < .2*(bundle.path/'weights.safetensors').stat().st_size
    pics = list(render(['A', 'B', 'Y'], size=bundle.size, seed=3))
    one, two = (Predictor(bundle, 'fp32', o).probs(pics) for o in ('onnxruntime', 'openvino'))
    assert np.abs(one-two).max() < .02

def test_clear_letters_are_read():
    model = Predictor('starter')
    answers = model.predict_batch(list(render(list('BCLVWY'), size=200, seed=3)))
    assert np.mean([o.label==l for o, l in zip(answers, 'BCLVWY')]) >= 4/6
