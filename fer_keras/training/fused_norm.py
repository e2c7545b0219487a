"""Batch normalisation in one operation: what Keras 3 does in ten, each of which reads the batch."""

from __future__ import annotations

import types
from typing import Any

import keras
import tensorflow as tf

from fer_keras.models.inner_layers import inner_layers


def fuse_batch_norm(model: keras.Model) -> None:
    """Has the batch normalisations of images train with TensorFlow's fused operation.

    Outputs, gradients and moving statistics are those of Keras but for rounding, and nothing of it
    is saved. Layers that it does not fit (another axis, statistics over replicas) stay as they are.

    Args:
        model: What is trained. Each layer is changed once, however often this is called.

    >>> layer = keras.layers.BatchNormalization()
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), layer])
    >>> fuse_batch_norm(model)
    >>> images = tf.random.uniform((4, 8, 8, 3))
    >>> bool(tf.reduce_all(tf.abs(tf.reduce_mean(model(images, training=True), [0, 1, 2])) < 1e-5))
    True
    """
    for layer in inner_layers(model):
        if type(layer) is keras.layers.BatchNormalization and _fits(layer):
            layer.call = types.MethodType(_call, layer)


def _fits(layer: keras.layers.BatchNormalization) -> bool:
    is_of_images = layer.input_spec.ndim == 4 and layer.axis in (-1, 3)
    # Keras before 3.15 has no `renorm`.
    return is_of_images and not layer.synchronized and not getattr(layer, 'renorm', False)


def _call(
    self: keras.layers.BatchNormalization,
    inputs: tf.Tensor,
    training: bool | None = None,
    mask: Any = None,
) -> tf.Tensor:
    if not (training and self.trainable) or mask is not None:
        return type(self).call(self, inputs, training=training, mask=mask)
    channels = inputs.shape[-1]
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        inputs,
        scale=tf.cast(self.gamma, tf.float32) if self.scale else tf.ones(channels),
        offset=tf.cast(self.beta, tf.float32) if self.center else tf.zeros(channels),
        epsilon=self.epsilon,
    )
    # The operation divides by one value less than there are, where Keras divides by all.
    values = tf.cast(tf.size(inputs) // channels, tf.float32)
    variance *= tf.maximum(values - 1, 1) / values
    for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
        moving.assign(moving * self.momentum + new * (1 - self.momentum))
    return outputs
