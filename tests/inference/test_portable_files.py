"""ONNX and TFLite files answer as the Keras model does, in a process without TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import tensorflow as tf

import fer_keras
from fer_keras.data.decoding import to_model_input
from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.inference.portable_files import load_portable, open_portable, resize_crops
from fer_keras.inference.trained_files import list_model_files
from fer_keras.provenance.enclosed import add_to_tflite, describe
from tests.exported import RECORD
from tests.fakes import BASIC, class_image
from tests.tfds_builders.test_detectors import RED, photo_of
from tests.tiny_yunet import write_tiny_yunet
from tfds_builders import detectors

ROOT = Path(__file__).parents[2]
# Largest and mean difference of a probability from those of the Keras model; None: not held.
LIMITS = {
    'classifier.onnx': (1e-3, 1e-3),
    'classifier.tflite': (1e-3, 1e-3),
    'classifier_float16.tflite': (0.02, 1e-3),
    'classifier_int8.tflite': (None, 0.03),
}
PROBABILITIES = [f'p_{name}' for name in BASIC]


@pytest.fixture(scope='module')
def keras_answers(served):
    def answer(crops):
        inputs = [to_model_input(crop, 32).numpy() for crop in crops]
        return served.model.predict_on_batch(np.stack(inputs))

    return answer


@pytest.fixture(scope='module')
def photo(tmp_path_factory):
    """Of two faces to the tiny detector, and how `load` takes that one."""
    folder = tmp_path_factory.mktemp('photo')
    image = photo_of((3, 2, RED), (7, 5, RED))
    cv2.imwrite(str(folder / 'photo.png'), image[:, :, ::-1])
    return str(folder / 'photo.png'), write_tiny_yunet(folder / 'tiny.onnx')


@pytest.mark.parametrize('name', LIMITS)
def test_a_file_answers_as_the_keras_model(portable_dir, keras_answers, name):
    predictor = fer_keras.load(portable_dir / name)
    crops = [class_image(i % 7, i, (40, 32, 256)[i % 3]) for i in range(9)]
    found = predictor.predict_crops(crops)
    difference = np.abs(found[PROBABILITIES].to_numpy() - keras_answers(crops))
    largest, mean = LIMITS[name]
    assert difference.mean() <= mean and (largest is None or difference.max() <= largest)
    assert predictor.names == BASIC and predictor.model is None
    assert not predictor.record.differs_from(RECORD) and predictor.record.pretrained
    assert predictor.detector.name == detectors.PREFERRED and 'neutral' in repr(predictor)
    assert list_model_files(portable_dir / name) == [str(portable_dir / name)]


@pytest.mark.parametrize('name', ['classifier.onnx', 'classifier.tflite'])
def test_a_whole_photo_has_the_answers_of_the_saved_model(served, portable_dir, photo, name):
    file, detector = photo
    found, expected = (
        fer_keras.load(path, detector=detector).predict(file)
        for path in (portable_dir / name, served.version_dir)
    )
    assert len(found) == len(expected) == 2
    np.testing.assert_allclose(found[PROBABILITIES], expected[PROBABILITIES], atol=0.02)


def test_tensorflow_is_never_loaded(portable_dir, photo):
    file, detector = photo
    code = f"""
import sys
import numpy as np
import fer_keras
for name in ('classifier.onnx', 'classifier.tflite'):
    predictor = fer_keras.load({str(portable_dir)!r} + '/' + name, detector={detector!r})
    predictor.predict_crops(np.zeros((40, 40, 3), np.uint8))
    assert len(predictor.predict({file!r})) == 2
fer_keras.load().predict({file!r})
from fer_keras import predict
sys.argv = ['predict', '--model={portable_dir}/classifier.onnx', '--detector={detector}', {file!r}]
import runpy
try:
    runpy.run_module('fer_keras.predict', run_name='__main__')
finally:
    print('LOADED', *({{'tensorflow', 'keras', 'sklearn'}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, check=False
    )
    assert done.stdout.count('photo.png') >= 1 and done.stdout.endswith('LOADED\n'), done.stderr
    assert done.stderr == ''


# Reductions and enlargements by whole numbers and others, odd sides, and none.
@pytest.mark.parametrize(
    ('shape', 'size_px'),
    [((256, 256), 96), ((256, 256), 224), ((48, 48), 96), ((97, 61), 32), ((32, 32), 32),
     ((7, 300), 50), ((1, 2), 9)],
)  # fmt: skip
def test_crops_are_resized_as_in_training(shape, size_px):
    crops = np.random.default_rng(0).integers(256, size=(2, *shape, 3), dtype=np.uint8)
    found = resize_crops(crops, size_px)
    expected = to_model_input(tf.constant(crops), size_px).numpy()
    exact = tf.image.resize(crops, (size_px, size_px), antialias=True).numpy()
    is_half = np.abs(exact % 1 - 0.5) < 0.01
    np.testing.assert_array_equal(found[~is_half], expected[~is_half])
    assert np.abs(found - expected).max(initial=0) <= 1
    assert found.dtype == np.float32 and found.shape == expected.shape


def test_a_file_of_one_size_of_batch_takes_any_number_of_crops(portable_dir, tmp_path):
    model = onnx.load(portable_dir / 'classifier.onnx')
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4
    onnx.save(model, tmp_path / 'four.onnx')
    crops = np.stack([class_image(i, i, 32) for i in range(6)])
    found = fer_keras.load(tmp_path / 'four.onnx').probabilities(crops)
    expected = fer_keras.load(portable_dir / 'classifier.onnx').probabilities(crops)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_tflite_file_of_one_size_of_batch_does_so_too(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec((2, 4, 4, 3))], autograph=False)
    def predict(image):
        return {'probabilities': tf.reduce_mean(image, axis=(1, 2))[:, :2]}

    module = tf.Module()
    module.predict = predict
    tf.saved_model.save(module, str(tmp_path / 'model'), signatures={'predict': predict})
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(tmp_path / 'model'), signature_keys=['predict']
    )
    content = converter.convert()
    (tmp_path / 'two.tflite').write_bytes(add_to_tflite(content, describe(['happy', 'sad'], 4)))
    images = np.arange(5, dtype=np.float32)[:, None, None, None] * np.ones((1, 4, 4, 3), np.float32)
    found = open_portable(tmp_path / 'two.tflite').ask(images)
    np.testing.assert_allclose(found, [[i, i] for i in range(5)])
    # TensorFlow's own interpreter passes over what is behind the model, too.
    own = tf.lite.Interpreter(str(tmp_path / 'two.tflite')).get_signature_runner('predict')
    np.testing.assert_allclose(own(image=images[1:3])['probabilities'], [[1, 1], [2, 2]])


@pytest.mark.parametrize('suffix', ['.onnx', '.tflite'])
def test_a_file_without_names_and_a_damaged_one_say_what_to_type(portable_dir, tmp_path, suffix):
    path = tmp_path / f'model{suffix}'
    with pytest.raises(MissingFileError, match='nor an .onnx or .tflite file'):
        fer_keras.load(path)
    path.write_bytes(b'of somebody else')
    with pytest.raises(InvalidInputError, match='names of its classes.*fer_keras.export --run_dir'):
        fer_keras.load(path)
    whole = (portable_dir / f'classifier{suffix}').read_bytes()
    path.write_bytes(bytes(200) + whole[200:] if suffix == '.tflite' else whole[len(whole) // 2 :])
    with pytest.raises(InvalidInputError):
        fer_keras.load(path)


@pytest.mark.parametrize(
    ('suffix', 'module', 'package'),
    [('.onnx', 'onnxruntime', 'onnxruntime'),
     ('.tflite', 'ai_edge_litert.interpreter', 'ai-edge-litert')],
)  # fmt: skip
def test_what_runs_a_file_is_asked_for_by_name(portable_dir, monkeypatch, suffix, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InvalidInputError, match=f'pip install {package}'):
        load_portable(portable_dir / f'classifier{suffix}')


def test_without_tensorflow_a_keras_file_says_what_to_type(served, monkeypatch):
    def fail():
        raise ModuleNotFoundError("No module named 'tensorflow'", name='tensorflow')

    monkeypatch.setattr('fer_keras.inference.predictor.load_tensorflow', fail)
    with pytest.raises(InvalidInputError, match='pip install fer_keras.*--formats=tflite,onnx'):
        fer_keras.load(served.version_dir)


_IN_A_BARE_INSTALL = """
import importlib.util, sys
import numpy as np
import fer_keras
for name in ('tensorflow', 'keras', 'tensorflow_datasets'):
    assert importlib.util.find_spec(name) is None, name
folder, photo, detector = sys.argv[1:]
for name in ('classifier.onnx', 'classifier.tflite'):
    table = fer_keras.load(f'{folder}/{name}', detector=detector).predict(photo)
    print(len(table), *table['label'])
assert len(fer_keras.load().predict(photo)) >= 1
try:
    fer_keras.load('run')
except fer_keras.UserError as error:
    assert 'pip install fer_keras' in str(error), error
"""


@pytest.mark.slow
def test_an_install_without_tensorflow_recognises_a_photograph(portable_dir, photo, tmp_path):
    (tmp_path / 'run/checkpoints').mkdir(parents=True)
    (tmp_path / 'run/checkpoints/best.keras').touch()
    pip = [tmp_path / 'venv/bin/python', '-m', 'pip', 'install', '--quiet']
    subprocess.run([sys.executable, '-m', 'venv', tmp_path / 'venv'], check=True)
    subprocess.run([*pip, '--no-deps', ROOT], check=True)
    subprocess.run([*pip, '-r', ROOT / 'requirements_portable.txt'], check=True)
    done = subprocess.run(
        [pip[0], '-W', 'ignore', '-c', _IN_A_BARE_INSTALL, portable_dir, *photo],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={'PATH': os.environ['PATH']},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = done.stdout.splitlines()
    assert len(answers) == 2 and answers[0] == answers[1] and answers[0].startswith('2 ')
    command = [pip[0], '-m', 'fer_keras.predict', photo[0]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0 and '1 row of 1 file' in done.stdout, done.stderr
    command.append('--model=run')
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == 'error: tensorflow is not installed. Type: pip install fer_keras\n'


def test_the_list_of_that_install_names_only_what_the_package_asks_for():
    listed = (ROOT / 'requirements_portable.txt').read_text().splitlines()
    asked = [line.strip() for line in (ROOT / 'setup.cfg').read_text().splitlines()]
    assert {line for line in listed if not line.startswith('#')} <= {*asked}
