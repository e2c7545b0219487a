"""Histograms of oriented gradients: where in an image which edges are."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from fer_keras.models.gradients import derivatives


# Registered by the name that files of classifiers have.
@keras.saving.register_keras_serializable(package='fer_keras', name='OrientationHistograms')
class HistogramOfOrientedGradients(keras.layers.Layer):
    """Histograms of oriented gradients, HOG (Dalal and Triggs 2005, CVPR, section 6).

    float32 `[batch, side, side, 3]`, RGB in [0, 255], gives float32 in [0, `CLIP`]
    `[batch, CELLS - 1, CELLS - 1, 4 * BINS]`: the votes of `CELLS` by `CELLS` cells for `BINS`
    orientations, sign left out, and each block of two by two cells normalised. A pixel's vote is
    its magnitude, shared between the orientations next to its own by
    `(cos(angle) - cos(width)) / (1 - cos(width))`, both of the doubled angle, where the paper
    interpolates linearly: sums and products alone, which every format of an exported graph has.
    Blocks are clipped and not normalised again.

    >>> tuple(HistogramOfOrientedGradients()(ops.zeros((1, 48, 48, 3))).shape)
    (1, 11, 11, 36)
    """

    CELLS = 12
    BINS = 9
    CLIP = 0.3

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})

    def call(self, images: Any) -> Any:
        across, down = derivatives(images)
        magnitude = ops.sqrt(across * across + down * down + 1e-6)
        # The vector of the doubled angle: an edge and its negative have the same.
        doubled = [(across * across - down * down) / magnitude, 2 * across * down / magnitude]
        width = 2 * math.pi / self.BINS
        votes = [
            math.cos(width * i) * doubled[0] + math.sin(width * i) * doubled[1]
            for i in range(self.BINS)
        ]
        votes = ops.concatenate(votes, axis=-1) - math.cos(width) * magnitude
        votes = ops.relu(votes / (1 - math.cos(width)))
        cell_px = images.shape[1] // self.CELLS
        cells = cell_px**2 * ops.average_pool(votes, cell_px, padding='valid')
        cells = cells[:, : self.CELLS, : self.CELLS]
        corners = (cells[:, :-1, :-1], cells[:, 1:, :-1], cells[:, :-1, 1:], cells[:, 1:, 1:])
        blocks = ops.concatenate(corners, axis=-1)
        norm = ops.sqrt(ops.sum(blocks * blocks, axis=-1, keepdims=True))
        return ops.minimum(blocks / (norm + 0.1), self.CLIP)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], self.CELLS - 1, self.CELLS - 1, 4 * self.BINS)
