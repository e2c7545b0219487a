import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from fer_keras.config.data import DataConfig
from fer_keras.data.batches import TrainingBatches
from fer_keras.data.datasets import open_dataset
from fer_keras.data.mixing import draw_mix, mix
from fer_keras.data.splits import read_split
from tests.fakes import BASIC, write_dataset

IMAGES = tf.constant(np.arange(4.0)[:, None, None, None] * np.ones((4, 8, 8, 4)), tf.float32)
LABELS = tf.one_hot([0, 1, 2, 0], 3)


def drawn(**options):
    seeds = tf.stack([tf.range(400, dtype=tf.int64), tf.fill((400,), tf.constant(7, tf.int64))], 1)
    draw = tf.function(lambda seed: draw_mix(seed, **options))
    return tf.map_fn(draw, seeds, fn_output_signature=tf.float32).numpy()


def test_mixup_takes_the_share_of_both_images_and_labels():
    draws = tf.constant([[0, 0.75, 0, 0], [0, 1, 0, 0], [0, 0.5, 0, 0], [0, 0.25, 0, 0]])
    images, labels = mix(IMAGES, LABELS, draws)
    # 0.75 * 0 + 0.25 * 1; 1; 0.5 * 2 + 0.5 * 3; 0.25 * 3 + 0.75 * 2, the map alike
    for image, expected in zip(images, [0.25, 1, 2.5, 2.25], strict=True):
        np.testing.assert_allclose(image, np.full((8, 8, 4), expected))
    expected = [[0.75, 0.25, 0], [0, 1, 0], [0.5, 0, 0.5], [0.25, 0, 0.75]]
    np.testing.assert_allclose(labels, expected)


def test_cutmix_takes_a_rectangle_and_its_share_of_the_label():
    # A quarter of the area: 4 of 8 pixels a side; the second lies half beyond the corner.
    draws = tf.constant([[1, 0.75, 0.5, 0.5], [1, 0.75, 0, 0], [1, 1, 0.5, 0.5], [1, 1, 0, 0]])
    images, labels = mix(IMAGES, LABELS, draws)
    expected = np.zeros((8, 8))
    expected[2:6, 2:6] = 1
    np.testing.assert_array_equal(images[0, :, :, 3], expected)
    np.testing.assert_array_equal(images[0, :, :, 0], expected)
    corner = np.ones((8, 8))
    corner[:2, :2] = 0
    np.testing.assert_array_equal(images[1, :, :, 0], corner)
    np.testing.assert_allclose(labels[:2], [[0.75, 0.25, 0], [4 / 64, 60 / 64, 0]])
    np.testing.assert_array_equal(images[2:], IMAGES[2:])


def test_shares_follow_the_beta_distribution():
    shares = drawn(mixup_alpha=0.4, cutmix_alpha=0.0)
    assert not shares[:, 0].any()
    # The variance of Beta(a, a) is 1 / (4 * (2 * a + 1)).
    assert shares[:, 1].mean() == pytest.approx(0.5, abs=0.06)
    assert shares[:, 1].var() == pytest.approx(1 / 7.2, abs=0.02)
    uniform = drawn(mixup_alpha=0.0, cutmix_alpha=1.0)
    assert uniform[:, 0].all() and uniform[:, 1].var() == pytest.approx(1 / 12, abs=0.015)


def test_both_kinds_share_the_images():
    assert 0.4 < drawn(mixup_alpha=0.2, cutmix_alpha=1.0)[:, 0].mean() < 0.6


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp('data')
    builder = open_dataset(write_dataset(data_dir, people={'train': 4}), str(data_dir))
    return read_split([builder], 'train', BASIC)


DATA = DataConfig(image_size_px=32, batch_size=8, augmentation='light', mixup_alpha=0.4)


def test_the_batches_are_mixed_and_can_be_entered_and_shared(source):
    whole = list(TrainingBatches(source, DATA, num_classes=7, seed=1).epoch(2))
    labels = np.concatenate([label for _, label in whole])
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)
    assert np.mean(labels.max(axis=1) < 0.999) > 0.3
    again = TrainingBatches(source, DATA, num_classes=7, seed=1)
    (entered,) = again.epoch(2, 2)
    np.testing.assert_array_equal(entered[0], whole[2][0])
    # With a cache each worker has images of its own: see the tests of epochs.
    again = TrainingBatches(source, dataclasses.replace(DATA, cache=False), num_classes=7, seed=1)
    contexts = [tf.distribute.InputContext(2, worker, 2) for worker in range(2)]
    parts = [next(iter(again.epoch(2, 1, context))) for context in contexts]
    np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), whole[1][0])
    np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), whole[1][1])


def test_pairs_need_an_even_share(source):
    data = dataclasses.replace(DATA, batch_size=7)
    with pytest.raises(ValueError, match='even share. Received: batch_size=7'):
        TrainingBatches(source, data, num_classes=7, seed=1).epoch(0)
