"""Batch normalisation without a multiplication of its own, for graphs that only answer."""

from __future__ import annotations

import collections
from collections.abc import Iterator

import keras
from keras import ops

from fer_keras.models.inner_layers import inner_layers


def fold_scales(model: keras.Model) -> None:
    """Moves the scale of each batch normalisation into the convolution before it, in place.

    With `s = gamma / sqrt(variance + epsilon)`, `s (W * x - mean) + beta` is
    `(s W) * x - s mean + beta`. What is left is an addition, which TensorFlow computes with the
    convolution. The answers stay the same to rounding; the model must not be trained any further.
    Where something else reads what a convolution gives, nothing is changed.

    >>> layers = keras.layers
    >>> model = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(2, 1, use_bias=False),
    ...                           layers.BatchNormalization(epsilon=0.25)])
    >>> model.layers[1].moving_variance.assign([3.75, 0.75])  # doctest: +ELLIPSIS
    <...>
    >>> model.layers[0].kernel.assign([[[[1, 1]]]])  # doctest: +ELLIPSIS
    <...>
    >>> fold_scales(model)
    >>> ops.convert_to_numpy(model.layers[0].kernel).ravel().tolist()
    [0.5, 1.0]
    """
    for part in (model, *(inner for inner in inner_layers(model) if hasattr(inner, 'layers'))):
        for convolution, norm in _pairs(part):
            _fold(convolution, norm)


def _pairs(
    part: keras.Model,
) -> Iterator[tuple[keras.layers.Layer, keras.layers.BatchNormalization]]:
    """Each convolution whose results a batch normalisation reads and nothing else."""
    try:
        inputs = [keras.tree.flatten(layer.input) for layer in part.layers]
        makers = {id(layer.output): layer for layer in part.layers if _is_convolution(layer)}
    except AttributeError:
        # A layer that is applied several times does not say to what.
        return
    read = collections.Counter(id(one) for ones in (*inputs, part.outputs) for one in ones)
    for norm, given in zip(part.layers, inputs, strict=True):
        if isinstance(norm, keras.layers.BatchNormalization):
            convolution = makers.get(id(given[0]))
            if convolution is not None and read[id(given[0])] == 1:
                yield convolution, norm


def _is_convolution(layer: keras.layers.Layer) -> bool:
    # Not what is derived from them, whose kernel may be another one.
    is_one = type(layer) in (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    return is_one and layer.activation is keras.activations.linear


def _fold(convolution: keras.layers.Layer, norm: keras.layers.BatchNormalization) -> None:
    scale = ops.rsqrt(norm.moving_variance + norm.epsilon)
    if norm.scale:
        scale *= norm.gamma
        norm.gamma.assign(ops.ones_like(norm.gamma))
    kernel = convolution.kernel
    # The channels of a depthwise kernel are its last two axes.
    is_depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
    kernel.assign(kernel * (ops.reshape(scale, kernel.shape[-2:]) if is_depthwise else scale))
    if convolution.use_bias:
        convolution.bias.assign(convolution.bias * scale)
    norm.moving_mean.assign(norm.moving_mean * scale)
    norm.moving_variance.assign(ops.full_like(norm.moving_variance, 1 - norm.epsilon))
