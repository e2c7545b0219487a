"""Mirror averaging: a network answers for a face and for its mirror image."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


# Registered by the names that files of classifiers have.
@keras.saving.register_keras_serializable(package='fer_keras', name='BothSides')
class AppendMirrored(keras.layers.Layer):
    """Puts the mirror images of a batch behind it: `[batch, ...]` gives `[2 * batch, ...]`.

    In training, where images are mirrored at random, it leaves the batch as it is. It is float32
    whatever the precision: bfloat16 would round the 256 levels of an image.

    >>> tuple(AppendMirrored()(ops.ones((3, 48, 48, 3))).shape)
    (6, 48, 48, 3)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})

    def call(self, images: Any, training: bool = False) -> Any:
        return images if training else ops.concatenate([images, _mirror(images)], axis=0)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (None, *input_shape[1:])


@keras.saving.register_keras_serializable(package='fer_keras', name='MeanOfSides')
class AverageMirrored(keras.layers.Layer):
    """Mirrors the feature maps of mirror images back, and takes the mean of both.

    Takes what a network made of `AppendMirrored`, `[2 * batch, height, width, channels]`, and gives
    `[batch, height, width, channels]`. Behind an average over the maps and a linear layer the mean
    is that of the scores, and so the geometric mean of both answers. In training, where nothing was
    appended, it leaves the maps as they are.

    >>> feature_maps = ops.reshape(ops.arange(6.0), (2, 1, 3, 1))  # [0 1 2], and [3 4 5] mirrored.
    >>> ops.convert_to_numpy(AverageMirrored()(feature_maps)).ravel().tolist()
    [2.5, 2.5, 2.5]
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
