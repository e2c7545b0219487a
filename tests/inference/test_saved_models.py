"""SavedModels are answered by TensorFlow's C library as by its Python code, which stays away."""

import concurrent.futures
import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

import fer_keras
from fer_keras.inference import c_api, saved_models
from fer_keras.inference.saved_models import open_in_c
from fer_keras.inference.tensorflow_models import open_saved_model
from tests.fakes import BASIC, class_image, png_bytes, random_images

PROBABILITIES = [f'p_{name}' for name in BASIC]


@pytest.fixture(scope='module')
def session(served):
    return c_api.Session(c_api.open_library(), served.version_dir)


def test_tensorflow_is_never_loaded_and_the_answers_are_its_own(served, tmp_path):
    crops = [class_image(number % 7, number, (40, 32)[number % 2]) for number in range(5)]
    for number, crop in enumerate(crops):
        cv2.imwrite(str(tmp_path / f'{number}.png'), crop[:, :, ::-1])
    code = f"""
import sys
import fer_keras
predictor = fer_keras.load({served.version_dir!r})
found = predictor.predict_crops([f'{tmp_path}/{{i}}.png' for i in range(5)])
assert predictor.model is None
assert not {{'tensorflow', 'keras', 'sklearn'}} & set(sys.modules)
print(found[{PROBABILITIES!r}].to_json(orient='values', double_precision=15))
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == '', done.stderr
    # Here, where TensorFlow is loaded, its Python code answers.
    expected = fer_keras.load(served.version_dir).predict_crops(crops)[PROBABILITIES]
    np.testing.assert_allclose(json.loads(done.stdout), expected, atol=1e-6)


def test_the_command_does_not_load_it_either(served, tmp_path):
    cv2.imwrite(str(tmp_path / 'face.png'), class_image(0, 0, 40))
    code = f"""
import atexit, runpy, sys
atexit.register(lambda: print('LOADED', *({{'tensorflow', 'keras'}} & set(sys.modules))))
sys.argv = ['predict', '--model={served.version_dir}', '--crops', '{tmp_path}/face.png']
runpy.run_module('fer_keras.predict', run_name='__main__')
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert 'face.png' in done.stdout and done.stdout.endswith('LOADED\n'), done.stderr
    assert done.returncode == 0 and done.stderr == ''


def test_both_ways_give_the_same(served):
    images = random_images(3, 32)
    by_c = open_in_c(c_api.open_library(), Path(served.version_dir))(images)
    in_python = open_saved_model(Path(served.version_dir))(images)
    np.testing.assert_allclose(by_c[0], in_python[0], atol=1e-6)
    assert by_c[1].tolist() == in_python[1].tolist()
    assert by_c[1][0].tolist() == [name.encode() for name in BASIC]


def test_the_library_answers_where_python_has_no_tensorflow_yet(served, monkeypatch):
    monkeypatch.delitem(sys.modules, 'tensorflow')
    refused = lambda folder: pytest.fail('Python was asked')  # noqa: E731
    loaded = saved_models.load_saved_model(Path(served.version_dir), refused)
    assert loaded.names == list(BASIC)
    monkeypatch.setattr(c_api, 'open_library', lambda: None)  # As on Windows.
    loaded = saved_models.load_saved_model(Path(served.version_dir), open_saved_model)
    assert loaded.names == list(BASIC)


def test_a_damaged_one_and_that_of_somebody_else_are_refused(served, tmp_path, monkeypatch):
    shutil.copytree(served.version_dir, tmp_path / 'damaged')
    graph = tmp_path / 'damaged' / 'saved_model.pb'
    graph.write_bytes(graph.read_bytes()[:2000])
    image = keras.Input((8, 8, 3))
    keras.Model(image, keras.layers.Rescaling(2.0)(image)).export(
        str(tmp_path / 'other'), verbose=False
    )
    for is_loaded in (True, False):
        if not is_loaded:
            monkeypatch.delitem(sys.modules, 'tensorflow')
        with pytest.raises(ValueError, match='must be a whole SavedModel.* Received: '):
            fer_keras.load(tmp_path / 'damaged')
        with pytest.raises(ValueError, match='fer_keras.export.*somebody else'):
            fer_keras.load(tmp_path / 'other')


def test_threads_may_ask_at_a_time(session):
    images = random_images(8, 32)
    ask = lambda part: session.run('predict_images', part, 'probabilities')[0]  # noqa: E731
    expected = ask(images)
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda number: ask(images[number % 8][None]), range(64)))
    for number, probabilities in enumerate(found):
        np.testing.assert_allclose(probabilities[0], expected[number % 8], atol=1e-6)


def test_a_session_says_what_failed_and_lives_on(session):
    whole = png_bytes(random_images(1, 40)[0])
    with pytest.raises(RuntimeError, match=r'image_bytes\[0\] must be a whole picture'):
        session.run('serving_default', [whole[:90]], 'score')
    with pytest.raises(KeyError):
        session.run('no_such_signature', [whole], 'score')
    with pytest.raises(RuntimeError, match='no operation'):
        session._find('no/such:0')
    label, score = session.run('serving_default', [whole, whole], 'label', 'score')
    score[:] = 0  # May be written to.
    assert label.shape == score.shape == (2,) and label[0].decode() in BASIC


def test_signatures_are_read_as_tensorflow_reads_them(session, served):
    expected = served.loaded.signatures
    assert set(session.signatures) == {*expected, '__saved_model_init_op'}
    for name, function in expected.items():
        inputs, outputs = session.signatures[name]
        assert set(outputs) == set(function.structured_outputs)
        assert set(inputs) == set(function.structured_input_signature[1])


def test_no_library_is_no_error(monkeypatch, tmp_path):
    monkeypatch.setattr(c_api, '_LIBRARIES', ('no_such_library.so',))
    assert c_api.open_library() is None
