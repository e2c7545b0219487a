"""One classifier, exported once for all tests of serving."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.models.classifier import build_classifier
from fer_keras.serving.signatures import export_classifier
from tests.fakes import BASIC, TINY_MODEL, class_image


@dataclasses.dataclass(frozen=True)
class Served:
    """A classifier, and the first version of its SavedModel."""

    model: keras.Model
    version_dir: str

    @property
    def loaded(self):
        return tf.saved_model.load(self.version_dir)


def lively_classifier(saliency: str = 'center') -> keras.Model:
    """An untrained classifier whose probabilities depend on the image, as a trained one's do."""
    keras.utils.set_random_seed(1)
    config = dataclasses.replace(TINY_MODEL, saliency=saliency)
    model = build_classifier(config, num_classes=len(BASIC), image_size_px=32)
    images = class_images(64)
    # Weights at random shrink what passes; activations that are normalised to it do not.
    for layer in model.get_layer('backbone').layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(images, training=True)
    head = model.get_layer('probabilities')
    head.kernel.assign(3 * head.kernel)
    answers = model.predict(images, verbose=0)
    assert np.std(answers, axis=0).mean() > 0.05, np.std(answers, axis=0)
    return model


def class_images(count: int) -> np.ndarray:
    """float32 `[count, 32, 32, 3]`, some of each class."""
    images = [class_image(number % len(BASIC), number, 32) for number in range(count)]
    return np.stack(images).astype(np.float32)


@pytest.fixture(scope='session')
def served(tmp_path_factory) -> Served:
    model = lively_classifier()
    base_dir = tmp_path_factory.mktemp('saved_model')
    return Served(model, export_classifier(model, BASIC, str(base_dir)))


@pytest.fixture(scope='session')
def signatures(served):
    loaded = served.loaded
    # The signatures live as long as what they were loaded from.
    yield loaded.signatures
    del loaded
