"""A face and its mirror image: a network answers for both."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package='fer_keras')
class BothSides(keras.layers.Layer):
    """Puts the mirror images of a batch behind it: `[batch, ...]` gives `[2 * batch, ...]`.

    In training, where images are mirrored at random, it leaves the batch as it is. It is float32
    whatever the precision: bfloat16 would round the 256 levels of an image.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})

    def call(self, images: Any, training: bool = False) -> Any:
        return images if training else ops.concatenate([images, _mirror(images)], axis=0)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (None, *input_shape[1:])


@keras.saving.register_keras_serializable(package='fer_keras')
class MeanOfSides(keras.layers.Layer):
    """Mirrors the feature maps of mirror images back, and takes the mean of both.

    Takes what a network made of `BothSides`, `[2 * batch, height, width, channels]`, and gives
    `[batch, height, width, channels]`. Behind an average over the maps and a linear layer the mean
    is that of the scores, and so the geometric mean of both answers. In training there is one side.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})

    def call(self, maps: Any, training: bool = False) -> Any:
        if training:
            return maps
        one, other = ops.split(maps, 2, axis=0)
        return (one + _mirror(other)) / 2

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (None, *input_shape[1:])


def _mirror(images: Any) -> Any:
    return ops.flip(images, axis=2)
