"""Files of a newer Keras: what they say that is new and unused is left out."""

import json
import zipfile

import keras
import numpy as np

from fer_keras.models.classifier import build_classifier, load_classifier
from fer_keras.models.newer_files import as_readable, without_unused
from tests.fakes import random_images, tiniest_model


def as_newer(path, folder):
    """The file as Keras 99 might have written it."""
    newer = folder / 'newer.keras'
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(newer, 'w') as new:
        for name in old.namelist():
            data = old.read(name)
            if name == 'metadata.json':
                data = json.dumps({**json.loads(data), 'keras_version': '99.1.0rc2'}).encode()
            new.writestr(name, data)
    return newer


def test_a_model_of_a_newer_keras_answers_alike(tmp_path):
    config = tiniest_model(color='gradients', saliency='center', average_mirrored=True)
    model = build_classifier(config, num_classes=3, image_size_px=48)
    model.save(tmp_path / 'model.keras')
    newer = as_newer(tmp_path / 'model.keras', tmp_path)
    images = random_images(2, 48).astype(np.float32)
    expected = model.predict(images, verbose=0)
    np.testing.assert_array_equal(load_classifier(str(newer)).predict(images, verbose=0), expected)
    with as_readable(str(newer)) as copy, zipfile.ZipFile(copy) as read:
        assert 'quantization_config' not in read.read('config.json').decode()
        assert read.read('model.weights.h5')


def test_other_files_are_read_where_they_are(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / 'a.keras')
    (tmp_path / 'b.keras').write_bytes(b'no zip file')
    for name in ('a.keras', 'b.keras', 'missing.keras'):
        with as_readable(str(tmp_path / name)) as path:
            assert path == str(tmp_path / name)


def test_what_is_used_stays_and_is_refused_by_keras():
    used = {'units': 7, 'quantization_config': {'mode': 'int8'}, 'renorm': True}
    assert without_unused({**used, 'renorm_momentum': 0.9}) == {**used, 'renorm_momentum': 0.9}
    norm = {'axis': -1, 'renorm': False, 'renorm_clipping': None, 'renorm_momentum': 0.99}
    assert without_unused([norm]) == [{'axis': -1}]
    operation = {
        'module': 'keras.src.ops.numpy',
        'config': {'name': 'sum', 'axis': 1},
        'name': 'sum',
    }
    assert without_unused(operation) == {**operation, 'config': {'axis': 1}}
