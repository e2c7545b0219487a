"""Batch normalisation in one operation trains as Keras' own does."""

import copy

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.training.fused_norm import fuse_batch_norm


def _model(**arguments):
    layer = keras.layers.BatchNormalization(**arguments)
    model = keras.Sequential([keras.Input((5, 6, 3)), layer])
    model.set_weights([weight + 0.25 * (i + 1) for i, weight in enumerate(model.get_weights())])
    return model


def _step(model, *, images, training):
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = model(images, training=training)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32) ** 3)
    gradients = tape.gradient(loss, [images, *model.trainable_variables])
    return [np.asarray(tf.cast(one, tf.float32)) for one in [outputs, *gradients]]


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('batch', [1, 7])
@pytest.mark.parametrize(
    'arguments', [{}, {'scale': False}, {'center': False, 'momentum': 0.5, 'epsilon': 0.1}]
)
def test_is_keras_own(arguments, batch, training):
    images = tf.random.stateless_normal((batch, 5, 6, 3), seed=(1, 2))
    ours, theirs = _model(**arguments), _model(**arguments)
    fuse_batch_norm(ours)
    found = _step(ours, images=images, training=training)
    expected = _step(theirs, images=images, training=training)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_takes_half_precision():
    images = tf.random.stateless_normal((9, 5, 6, 3), seed=(3, 4))
    ours, theirs = _model(dtype='mixed_bfloat16'), _model()
    fuse_batch_norm(ours)
    found = ours(images, training=True)
    assert found.dtype == tf.bfloat16
    np.testing.assert_allclose(
        tf.cast(found, tf.float32), theirs(images, training=True), rtol=0.05, atol=0.05
    )
    assert ours.layers[0].moving_variance.dtype == 'float32'


def test_is_left_out_where_it_does_not_fit():
    flat = keras.layers.BatchNormalization()
    channels_first = keras.layers.BatchNormalization(axis=1)
    synchronized = keras.layers.BatchNormalization(synchronized=True)
    keras.Sequential([keras.Input((4,)), flat])
    keras.Sequential([keras.Input((5, 6, 3)), channels_first, synchronized])
    for layer in (flat, channels_first, synchronized):
        fuse_batch_norm(keras.Sequential([layer]))
        assert 'call' not in vars(layer)


def test_frozen_layers_keep_their_statistics():
    model = _model()
    fuse_batch_norm(model)
    model.layers[0].trainable = False
    before = model.get_weights()
    model(tf.random.normal((4, 5, 6, 3)), training=True)
    np.testing.assert_array_equal(model.get_weights(), before)


def test_nothing_of_it_is_saved_and_a_copy_changes_its_own_statistics(tmp_path):
    model = _model()
    fuse_batch_norm(model)
    copied = copy.deepcopy(model)
    before = model.get_weights()
    copied(tf.random.normal((4, 5, 6, 3)), training=True)
    np.testing.assert_array_equal(model.get_weights(), before)
    model.save(tmp_path / 'model.keras')
    loaded = keras.models.load_model(tmp_path / 'model.keras')
    images = tf.random.normal((2, 5, 6, 3))
    np.testing.assert_array_equal(loaded(images), model(images))
