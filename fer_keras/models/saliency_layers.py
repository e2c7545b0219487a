"""Layers that saliency models share: resizing, normalisation, and those of the simple models.

Maps are computed in float32 whatever the policy: a softmax or a Fourier transform in half
precision loses the faint parts of a map. All layers are deterministic and draw no randomness.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from fer_keras.errors import InvalidInputError

Size = tuple[int, int]
EPSILON = 1e-7


@keras.saving.register_keras_serializable(package='fer_keras')
class ResizeMap(keras.layers.Layer):
    """Bilinear resize, half-pixel centres: `[batch, h, w, c]` -> float32 `[batch, H, W, c]`.

    Args:
        size: (H, W) in pixels.
        antialias: Average while shrinking; for images that a network reads at low resolution.

    >>> tuple(ResizeMap((4, 6))(ops.ones((1, 2, 3, 1))).shape)
    (1, 4, 6, 1)
    """

    def __init__(self, size: Size, *, antialias: bool = False, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})
        self.size = (int(size[0]), int(size[1]))
        self.antialias = antialias

    def call(self, images: Any) -> Any:
        if tuple(images.shape[1:3]) == self.size:
            return images
        if self.antialias:
            return self._average(ops.cast(images, 'float32'))
        return ops.image.resize(
            images, self.size, interpolation='bilinear', data_format='channels_last'
        )

    def _average(self, images: Any) -> Any:
        """`ops.image.resize(antialias=True)` by operations that TFLite and ONNX have."""
        _, height, width, channels = images.shape
        rows = ops.reshape(images, (-1, height, width * channels))
        rows = ops.matmul(_triangle_weights(height, self.size[0]), rows)
        images = ops.reshape(rows, (-1, self.size[0], width, channels))
        return ops.matmul(_triangle_weights(width, self.size[1]), images)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'size': self.size, 'antialias': self.antialias}


def _triangle_weights(old_size: int, new_size: int) -> np.ndarray:
    """float32 `[new, old]`: how much each old pixel is in a new one; rows sum to 1."""
    scale = old_size / new_size
    centers = (np.arange(new_size)[:, None] + 0.5) * scale
    distance = np.abs(np.arange(old_size) + 0.5 - centers) / max(scale, 1.0)
    weights = np.maximum(0.0, 1.0 - distance)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


@keras.saving.register_keras_serializable(package='fer_keras')
class DivideByMaximum(keras.layers.Layer):
    """Scales each non-negative map to a maximum of 1; an all-zero map stays zero, never NaN.

    >>> saliency_map = ops.reshape(ops.array([1.0, 4.0]), (1, 1, 2, 1))
    >>> ops.convert_to_numpy(DivideByMaximum()(saliency_map)).ravel().tolist()
    [0.25, 1.0]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})

    def call(self, saliency_map: Any) -> Any:
        maximum = ops.max(saliency_map, axis=(1, 2, 3), keepdims=True)
        return saliency_map / ops.maximum(maximum, EPSILON)


@keras.saving.register_keras_serializable(package='fer_keras')
class MapChannel(keras.layers.Layer):
    """Takes a map that travels with its image: the fourth channel, `[batch, H, W, 1]` in [0, 1].

    >>> white, half = ops.full((1, 1, 1, 3), 255.0), ops.full((1, 1, 1, 1), 127.5)
    >>> float(MapChannel()(ops.concatenate([white, half], axis=-1))[0, 0, 0, 0])
    0.5
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})

    def call(self, image_and_map: Any) -> Any:
        return ops.clip(image_and_map[..., 3:] / 255, 0.0, 1.0)


@keras.saving.register_keras_serializable(package='fer_keras')
class ExpOfLogits(keras.layers.Layer):
    """Logits of a fixation density -> p / max(p) = exp(logit - max(logit)), in [0, 1].

    >>> logits = ops.reshape(ops.log(ops.array([1.0, 2.0])), (1, 1, 2, 1))
    >>> [round(float(one), 3) for one in ops.ravel(ExpOfLogits()(logits))]
    [0.5, 1.0]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})

    def call(self, logits: Any) -> Any:
        return ops.exp(logits - ops.max(logits, axis=(1, 2, 3), keepdims=True))


@keras.saving.register_keras_serializable(package='fer_keras')
class MapOfAnother(keras.layers.Layer):
    """Gives each image the map of the one before it in the batch, the first that of the last.

    A control: maps as they are, but none of its own image, unless it is alone in its batch.

    >>> saliency_maps = ops.reshape(ops.array([0.1, 0.2, 0.3]), (3, 1, 1, 1))
    >>> [round(float(one), 1) for one in ops.ravel(MapOfAnother()(saliency_maps))]
    [0.3, 0.1, 0.2]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})

    def call(self, saliency_maps: Any) -> Any:
        return ops.roll(saliency_maps, 1, axis=0)


@keras.saving.register_keras_serializable(package='fer_keras')
class CenterGaussian(keras.layers.Layer):
    """A Gaussian at the centre of the image, the same for every image; maximum 1.

    Args:
        sigma: Standard deviation as a fraction of each side, so that the Gaussian has the
            image's aspect ratio (the usual centre baseline, Judd et al. 2012).

    Raises:
        InvalidInputError: `sigma` is not positive.

    >>> saliency_map = CenterGaussian()(ops.zeros((1, 3, 5, 3)))
    >>> tuple(saliency_map.shape), float(saliency_map[0, 1, 2, 0])
    ((1, 3, 5, 1), 1.0)
    """

    def __init__(self, sigma: float = 0.25, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})
        if sigma <= 0:
            raise InvalidInputError(
                f'`sigma` must be positive (a fraction of a side). Received: {sigma}.'
            )
        self.sigma = sigma

    def call(self, images: Any) -> Any:
        batch, height, width = ops.shape(images)[:3]
        gaussian = self._along(height)[:, None] * self._along(width)[None, :]
        gaussian = gaussian / ops.max(gaussian)
        return ops.broadcast_to(gaussian[None, :, :, None], (batch, height, width, 1))

    def _along(self, length: Any) -> Any:
        """Gaussian over one axis: float32 `[length]`, pixel centres at (i + 0.5) / length."""
        position = (ops.cast(ops.arange(length), 'float32') + 0.5) / ops.cast(length, 'float32')
        return ops.exp(-0.5 * ops.square((position - 0.5) / self.sigma))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:3], 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'sigma': self.sigma}


@keras.saving.register_keras_serializable(package='fer_keras')
class SpectralResidual(keras.layers.Layer):
    """Spectral residual saliency (Hou and Zhang, CVPR 2007, equations 2 to 5).

    float32 `[batch, h, w, 3]` RGB in [0, 255] -> float32 `[batch, h, w, 1]`, non-negative. It
    follows the authors' MATLAB code: the log amplitude minus its 3x3 mean (replicated border),
    the squared inverse transform, then a Gaussian of 2.5 px. The caller shrinks the image to the
    paper's 64 px first. Deviation: the kernel has 11 taps, not 10, so that it has a centre.

    >>> tuple(SpectralResidual()(ops.ones((1, 64, 64, 3))).shape)
    (1, 64, 64, 1)
    """

    def __init__(self, blur_sigma_px: float = 2.5, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})
        self.blur_sigma_px = blur_sigma_px

    def call(self, images: Any) -> Any:
        grey = ops.tensordot(images, ops.convert_to_tensor([0.299, 0.587, 0.114]), axes=1) / 255.0
        real, imag = ops.fft2((grey, ops.zeros_like(grey)))
        log_amplitude = ops.log(ops.sqrt(real * real + imag * imag) + EPSILON)
        residual = log_amplitude - _mean_3x3(log_amplitude)
        scale = ops.exp(residual - log_amplitude)  # exp(residual) at the phase of the transform
        real, imag = ops.ifft2((real * scale, imag * scale))
        return self._blur((real * real + imag * imag)[..., None])

    def _blur(self, energy: Any) -> Any:
        radius = math.ceil(2 * self.blur_sigma_px)
        taps = [math.exp(-0.5 * (i / self.blur_sigma_px) ** 2) for i in range(-radius, radius + 1)]
        kernel = ops.convert_to_tensor(taps, dtype='float32') / sum(taps)
        energy = ops.conv(energy, kernel[:, None, None, None], padding='same')
        return ops.conv(energy, kernel[None, :, None, None], padding='same')

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:3], 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'blur_sigma_px': self.blur_sigma_px}


def _mean_3x3(values: Any) -> Any:
    """Mean over a 3x3 window of `[batch, h, w]`, the border replicated as by MATLAB imfilter."""
    values = ops.concatenate([values[:, :1], values, values[:, -1:]], axis=1)
    values = ops.concatenate([values[:, :, :1], values, values[:, :, -1:]], axis=2)
    return ops.average_pool(values[..., None], 3, strides=1, padding='valid')[..., 0]
