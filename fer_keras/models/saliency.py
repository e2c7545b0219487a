"""Saliency models by name: RGB image in, saliency map in [0, 1] out.

Any of them is a `keras.Model` from `image`, float32 `[batch, H, W, 3]`, RGB in [0, 255], to
`saliency_map`, float32 `[batch, H, W, 1]` in [0, 1]; the largest value of each map is 1.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import keras

from fer_keras.config.choices import FOLDER, SAVED_MODEL
from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.models.external_saliency import external_saliency
from fer_keras.models.mlnet import build_mlnet, direct_mlnet, letterboxed_mlnet
from fer_keras.models.mlnet_light import build_attention, build_mlnet_light, light_input_size
from fer_keras.models.saliency_layers import (
    CenterGaussian,
    DivideByMaximum,
    ExpOfLogits,
    MapOfAnother,
    ResizeMap,
    Size,
    SpectralResidual,
)

WEIGHTS_FOLDER = pathlib.Path(__file__).parent / 'weights'
SPECTRAL_WIDTH_PX = 64


@dataclasses.dataclass(frozen=True)
class SaliencyKind:
    """How a map is made.

    Attributes:
        build: From a symbolic image, and the path of its weights or None, to the symbolic map.
        description: One line for people who choose.
        has_weights: Whether it takes `weights`.
        shipped_weights: File inside the package, or None.
        is_trained: Whether it is trained with the classifier; its `weights` are then those that
            its encoder starts from: `imagenet`, a MobileNetV2 file without the top, or none.

    >>> SALIENCY_KINDS['center'].description
    'a Gaussian at the centre, whatever the image'
    """

    build: Callable[[Any, str | None], Any]
    description: str
    has_weights: bool = False
    shipped_weights: str | None = None
    is_trained: bool = False


def build_saliency_model(
    kind: str,
    *,
    image_size_px: int | Size,
    weights: str | None = None,
    trainable: bool = False,
    name: str = 'saliency',
) -> keras.Model:
    """Builds a saliency model.

    Args:
        kind: A key of `SALIENCY_KINDS`, or `saved_model:/path` for any exported model.
        image_size_px: Side of a square crop, or (height, width).
        weights: A `.weights.h5` file; None: the shipped ones.
        trainable: Whether the weights are trained along with whatever contains the model.
        name: Of the model.

    Raises:
        InvalidInputError: An unknown kind, a size that is not positive, or weights where none are
            used.
        MissingFileError: The weights are not there.
    """
    height, width = (image_size_px,) * 2 if isinstance(image_size_px, int) else image_size_px
    if min(height, width) < 1:
        raise InvalidInputError(f'`image_size_px` must be positive. Received: {image_size_px}.')
    image = keras.Input((height, width, 3), name='image', dtype='float32')
    if kind.startswith(SAVED_MODEL):
        saliency_map = external_saliency(image, kind.removeprefix(SAVED_MODEL))
    else:
        chosen = get_saliency_kind(kind)
        saliency_map = chosen.build(image, _weights_path(kind, chosen, weights))
    model = keras.Model(image, saliency_map, name=name)
    model.trainable = trainable
    return model


def get_saliency_kind(kind: str) -> SaliencyKind:
    """Looks a kind up; an unknown one raises `InvalidInputError` with the known ones."""
    if kind not in SALIENCY_KINDS:
        raise InvalidInputError(
            f'`saliency` must be one of {sorted(SALIENCY_KINDS)} or `{SAVED_MODEL}/path`; '
            f'a classifier also reads `{FOLDER}/maps`. Received: saliency={kind!r}.'
        )
    return SALIENCY_KINDS[kind]


def _weights_path(name: str, kind: SaliencyKind, weights: str | None) -> str | None:
    if not kind.has_weights:
        if weights:
            raise InvalidInputError(
                f'Saliency {name!r} has no weights. Received: weights={weights!r}.'
            )
        return None
    if kind.is_trained and not weights:
        return None
    if kind.is_trained and weights == 'imagenet':
        return weights
    if not weights and not kind.shipped_weights:
        raise MissingFileError(
            f'Saliency {name!r} ships no weights: give a `.weights.h5` file. To convert the '
            "authors' file, from https://github.com/marcellacornia/mlnet, type `python -m "
            'fer_keras.models.mlnet_weights mlnet_salicon_weights.pkl mlnet.weights.h5`; '
            '`mlnet_light` works without a download.'
        )
    path = pathlib.Path(weights or WEIGHTS_FOLDER / str(kind.shipped_weights)).expanduser()
    if not path.is_file():
        raise MissingFileError(
            f'No saliency weights at {path}. Give a `.weights.h5` file that '
            '`python -m fer_keras.train_saliency` wrote, or none for the shipped ones.'
        )
    return str(path)


def _center(image: Any, weights: str | None) -> Any:
    return CenterGaussian(name='saliency_map')(image)


def _spectral_residual(image: Any, weights: str | None) -> Any:
    height, width = image.shape[1:3]
    small_size = (max(1, round(height * SPECTRAL_WIDTH_PX / width)), SPECTRAL_WIDTH_PX)
    small = ResizeMap(small_size, antialias=True, name='shrink')(image)
    energy = SpectralResidual(name='spectral_residual')(small)
    return DivideByMaximum(name='saliency_map')(
        ResizeMap((height, width), name='resize_map')(energy)
    )


def _mlnet(image: Any, weights: str | None) -> Any:
    return letterboxed_mlnet(image, _load(build_mlnet(), weights))


def _mlnet_crop(image: Any, weights: str | None) -> Any:
    return direct_mlnet(image, _load(build_mlnet(tuple(image.shape[1:3])), weights))


def _mlnet_light(image: Any, weights: str | None) -> Any:
    network = _load(build_mlnet_light(light_input_size(tuple(image.shape[1:3]))), weights)
    return _map_of_logits(image, network)


def _attention(image: Any, weights: str | None) -> Any:
    network = build_attention(light_input_size(tuple(image.shape[1:3])), weights)
    return _map_of_logits(image, network)


def _map_of_logits(image: Any, network: keras.Model) -> Any:
    size = tuple(network.input_shape[1:3])
    logits = network(ResizeMap(size, antialias=True, name='shrink')(image))
    return ExpOfLogits(name='saliency_map')(
        ResizeMap(tuple(image.shape[1:3]), name='resize_map')(logits)
    )


def _shuffled(image: Any, weights: str | None) -> Any:
    return MapOfAnother(name='map_of_another')(_mlnet_light(image, weights))


def _load(network: keras.Model, weights: str | None) -> keras.Model:
    if weights:
        network.load_weights(weights)
    return network


SALIENCY_KINDS: dict[str, SaliencyKind] = {
    'center': SaliencyKind(_center, 'a Gaussian at the centre, whatever the image'),
    'spectral_residual': SaliencyKind(_spectral_residual, 'Hou and Zhang 2007, nothing learned'),
    'mlnet': SaliencyKind(_mlnet, 'ML-Net as published, at 480x640', has_weights=True),
    'mlnet_crop': SaliencyKind(
        _mlnet_crop, "ML-Net at the image's own size, without bars", has_weights=True
    ),
    'mlnet_light': SaliencyKind(
        _mlnet_light,
        'multi-level MobileNetV2, shipped',
        has_weights=True,
        shipped_weights='mlnet_light.weights.h5',
    ),
    'attention': SaliencyKind(
        _attention,
        'the network of mlnet_light, trained with the classifier; one everywhere before that',
        has_weights=True,
        is_trained=True,
    ),
    'shuffled': SaliencyKind(
        _shuffled,
        'mlnet_light of another image of the batch: a control, not to be served',
        has_weights=True,
        shipped_weights='mlnet_light.weights.h5',
    ),
}
