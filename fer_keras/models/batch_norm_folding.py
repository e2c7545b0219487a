"""Batch normalisation without a multiplication of its own, for graphs that only answer."""

from __future__ import annotations

import collections

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
        layers = [layer for layer in part.layers if len(getattr(layer, '_inbound_nodes', ())) == 1]
        read = collections.Counter(id(one) for one in keras.tree.flatten(part.outputs))
        for layer in part.layers:
            for node in layer._inbound_nodes:
                read.update(id(one) for one in node.input_tensors)
        makers = {id(one.output): one for one in layers if _is_convolution(one)}
        for norm in layers:
            if isinstance(norm, keras.layers.BatchNormalization) and read[id(norm.input)] == 1:
                convolution = makers.get(id(norm.input))
                if convolution is not None:
                    _fold(convolution, norm)


def _is_convolution(layer: keras.layers.Layer) -> bool:
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    return isinstance(layer, kinds) and layer.activation is keras.activations.linear


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
