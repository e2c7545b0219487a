"""The edges of a face, whatever lamp or skin made them: for the backbone, and as histograms."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

# ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)
# Radius of the neighbourhood whose contrast is made one, as a share of the side.
NEIGHBOURHOOD = 1 / 24
# Mean square that is added to the neighbourhood's: flat skin stays flat, and noise stays noise.
FLATNESS = 0.05


@keras.saving.register_keras_serializable(package='fer_keras')
class NormalizedGradients(keras.layers.Layer):
    """Gradients of the image, divided by those around them.

    float32 `[batch, height, width, 3]`, RGB in [0, 255], gives as many values centred on 127.5 and
    mostly in [0, 255], so that the backbone's preprocessing fits: the horizontal gradient, the
    vertical one, and their magnitude. They are central differences of the square root of luma
    (Dalal and Triggs 2005, CVPR, sections 6.1 and 6.2), divided by their root mean square under a
    Gaussian, where that paper normalises histograms of blocks (section 6.4). The border is
    mirrored.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})

    def call(self, images: Any) -> Any:
        across, down = _derivatives(images)
        energy = across * across + down * down
        # One number for both sides, so that a square stays a square.
        around = _blur(energy, sigma_px=NEIGHBOURHOOD * images.shape[1])
        contrast = ops.sqrt(around + FLATNESS)
        magnitude = ops.sqrt(energy + 1e-6)
        return ops.concatenate(
            [
                127.5 + 63.75 * across / contrast,
                127.5 + 63.75 * down / contrast,
                127.5 * magnitude / contrast,
            ],
            axis=-1,
        )

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape


@keras.saving.register_keras_serializable(package='fer_keras')
class OrientationHistograms(keras.layers.Layer):
    """Histograms of oriented gradients (Dalal and Triggs 2005, CVPR, section 6).

    float32 `[batch, side, side, 3]`, RGB in [0, 255], gives float32 in [0, `CLIP`]
    `[batch, CELLS - 1, CELLS - 1, 4 * BINS]`: the votes of `CELLS` by `CELLS` cells for `BINS`
    orientations, sign left out, and each block of two by two cells normalised. A pixel's vote is
    its magnitude, shared between the orientations next to its own by
    `(cos(angle) - cos(width)) / (1 - cos(width))`, both of the doubled angle, where the paper
    interpolates linearly: sums and products alone, which every format of an exported graph has.
    Blocks are clipped and not normalised again.
    """

    CELLS = 12
    BINS = 9
    CLIP = 0.3

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})

    def call(self, images: Any) -> Any:
        across, down = _derivatives(images)
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


def _derivatives(images: Any) -> tuple[Any, Any]:
    """Central differences of the square root of luma to the right and downwards."""
    luma = ops.sum(images * ops.array(LUMA), axis=-1, keepdims=True)
    padded = _mirror(ops.sqrt(luma + 1), 1)
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    return across, padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]


def _mirror(images: Any, width: int) -> Any:
    return ops.pad(images, [[0, 0], [width, width], [width, width], [0, 0]], mode='reflect')


def _blur(images: Any, *, sigma_px: float) -> Any:
    """Gaussian over both sides, cut at three deviations: `[batch, height, width, 1]`."""
    radius = math.ceil(3 * sigma_px)
    taps = [math.exp(-0.5 * (i / sigma_px) ** 2) for i in range(-radius, radius + 1)]
    kernel = ops.convert_to_tensor(taps, dtype='float32') / sum(taps)
    images = ops.conv(_mirror(images, radius), kernel[:, None, None, None], padding='valid')
    return ops.conv(images, kernel[None, :, None, None], padding='valid')
