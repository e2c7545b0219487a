"""How a saliency map enters an image. Every kind leaves the image as it is where the map is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from fer_keras.errors import InvalidInputError


@keras.saving.register_keras_serializable(package='fer_keras')
class BlendFusion(keras.layers.Layer):
    """Multiplies a share of the map into the image: `image * (1 - strength + strength * map)`.

    With `strength` 1 this is the image product of Mavani, Raman and Miyapuram (2017). The blend
    "at 30 %" of SAF-BAGE (arXiv 1803.05719) can be read as `strength` 0.3.

    Inputs are `[image, saliency_map]`: float32 `[batch, height, width, 3]`, RGB in [0, 255], and
    float32 `[batch, height, width, 1]` in [0, 1]. The output is as the image. It takes the product
    before the backbone's preprocessing: once a mean is subtracted, 0 is grey and not black.

    >>> image, saliency_map = ops.full((1, 1, 1, 3), 100.0), ops.full((1, 1, 1, 1), 0.5)
    >>> ops.convert_to_numpy(BlendFusion(strength=0.4)([image, saliency_map])).ravel().tolist()
    [80.0, 80.0, 80.0]
    """

    def __init__(self, strength: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= strength <= 1:
            raise InvalidInputError(f'`strength` must be in [0, 1]. Received: strength={strength}.')
        self.strength = strength

    def call(self, inputs: tuple[Any, Any]) -> Any:
        image, saliency_map = inputs
        return image * (1 - self.strength + self.strength * saliency_map)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {'strength': self.strength}


@keras.saving.register_keras_serializable(package='fer_keras')
class ResidualFusion(keras.layers.Layer):
    """Adds a learned share of the product: `image + gain * (image * map - image)`.

    `gain` is one trainable number that starts at 0, as in Zhang et al. (2019, SAGAN, Eq. 3), so
    that training begins with the image that the backbone knows, and is held in [0, 1]. Inputs and
    output are those of `BlendFusion`.

    >>> image, saliency_map = ops.full((1, 1, 1, 3), 100.0), ops.full((1, 1, 1, 1), 0.5)
    >>> layer = ResidualFusion()
    >>> ops.convert_to_numpy(layer([image, saliency_map])).ravel().tolist()
    [100.0, 100.0, 100.0]
    """

    def build(self, input_shape: Any) -> None:
        self.gain = self.add_weight(
            name='gain', shape=(), initializer='zeros', constraint=_UnitInterval()
        )

    def call(self, inputs: tuple[Any, Any]) -> Any:
        image, saliency_map = inputs
        return image + self.gain * (image * saliency_map - image)


@keras.saving.register_keras_serializable(package='fer_keras')
class _UnitInterval(keras.constraints.Constraint):
    def __call__(self, w: Any) -> Any:
        return ops.clip(w, 0.0, 1.0)


FUSIONS: dict[str, Callable[..., keras.layers.Layer]] = {
    'multiply': lambda strength, **kwargs: BlendFusion(1.0, **kwargs),
    'blend': BlendFusion,
    'residual': lambda strength, **kwargs: ResidualFusion(**kwargs),
}


def build_fusion(kind: str, *, strength: float = 1.0, name: str) -> keras.layers.Layer:
    """Builds the layer; an unknown `kind` raises `InvalidInputError` with the known ones."""
    if kind not in FUSIONS:
        raise InvalidInputError(f'`fusion` must be one of {sorted(FUSIONS)}. Received: {kind!r}.')
    # The product is taken in float32 whatever the precision: bfloat16 has 8 bits for 256 levels.
    return FUSIONS[kind](strength=strength, name=name, dtype='float32')
