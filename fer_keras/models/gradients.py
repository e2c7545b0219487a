"""Normalised gradients of an image: its edges, whatever the light and the skin."""

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

    >>> flat = ops.full((1, 48, 48, 3), 90.0)
    >>> middle = ops.convert_to_numpy(NormalizedGradients()(flat))[0, 24, 24]
    >>> [round(float(one), 1) for one in middle]
    [127.5, 127.5, 0.6]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})

    def call(self, images: Any) -> Any:
        across, down = derivatives(images)
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


def derivatives(images: Any) -> tuple[Any, Any]:
    """Central differences of the square root of luma, to the right and downwards.

    float32 `[batch, height, width, 3]`, RGB in [0, 255], gives two of
    `[batch, height, width, 1]`. The border is mirrored.
    """
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
