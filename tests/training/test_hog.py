"""The branch of histograms is fitted to what it is given, before the first step."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from fer_keras.config.data import DataConfig
from fer_keras.config.model import ModelConfig
from fer_keras.data.datasets import open_sources
from fer_keras.data.splits import read_split
from fer_keras.models.classifier import build_classifier
from fer_keras.training.hog import fit_hog_branch, fit_softmax
from tests.fakes import BASIC, write_dataset


@pytest.mark.parametrize('classes', [2, 3])
def test_the_weights_are_those_of_the_logistic_regression(classes):
    draws = np.random.default_rng(0)
    values = draws.normal(size=(60, 5)).astype('float32')
    labels = (values[:, 0] > 0) + (classes - 2) * (values[:, 1] > 0)
    kernel, bias = fit_softmax(values, labels)
    assert (kernel.shape, bias.shape, kernel.dtype) == ((5, classes), (classes,), np.float32)
    probabilities = tf.nn.softmax(values @ kernel + bias).numpy()
    expected = LogisticRegression().fit(values, labels).predict_proba(values)
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_balanced_classes_count_alike():
    values = np.zeros((100, 1), np.float32)  # They tell nothing: what is left is how often.
    labels = (np.arange(100) < 10).astype(int)
    for is_balanced, expected in ((False, 0.1), (True, 0.5)):
        _, bias = fit_softmax(values, labels, is_balanced=is_balanced)
        assert tf.nn.softmax(bias).numpy()[1] == pytest.approx(expected, abs=1e-3)


def test_it_learns_from_all_sources_and_leaves_the_backbone_alone(tmp_path):
    # Neither holds all classes.
    write_dataset(tmp_path, name='own', names=BASIC[:4], declared=BASIC, people={'train': 6})
    write_dataset(tmp_path, name='other', names=BASIC[4:], declared=BASIC, people={'train': 6})
    data = DataConfig(source='own,other', data_dir=str(tmp_path), image_size_px=48)
    config = ModelConfig(backbone_weights='none', hog_branch=True)
    model = build_classifier(config, num_classes=len(BASIC), image_size_px=48)
    backbone = model.get_layer('backbone').get_weights()
    sources = [read_split([one], 'train', BASIC) for one in open_sources(data)]
    strategy = tf.distribute.get_strategy()
    fit_hog_branch(model, strategy, sources, data)
    layer = model.get_layer('shallow')
    learned = layer.get_weights()
    for source in sources:
        answers = keras.Model(model.input, layer.output).predict(_images(source), verbose=0)
        assert np.mean(answers.argmax(-1) == _labels(source)) > 0.9
    for before, after in zip(backbone, model.get_layer('backbone').get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    fit_hog_branch(model, strategy, sources, data)
    for before, after in zip(learned, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def _images(source):
    return np.stack([tf.io.decode_png(one['image']) for one in source.examples]).astype('float32')


def _labels(source):
    return np.array([int(one['label']) for one in source.examples])
