"""Backbones of Keras Applications, each with the preprocessing that its weights expect."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import keras

from fer_keras.errors import InvalidInputError, MissingFileError


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A Keras Applications network.

    >>> BACKBONES['xception'].minimum_size_px
    71

    Attributes:
        build: Constructor; takes `include_top`, `weights`, `input_shape`.
        preprocess: RGB in [0, 255] to what `build`'s ImageNet weights were trained on.
        minimum_size_px: The smallest side that `build` accepts.
    """

    build: Callable[..., keras.Model]
    preprocess: Callable[[Any], Any]
    minimum_size_px: int = 32


# Keras Applications keep 0.99 or 0.999, made for a million steps. Fine-tuning takes some hundred,
# in which such averages never leave ImageNet's: validation would see another network than training.
BATCH_NORM_MOMENTUM = 0.9

_apps = keras.applications

BACKBONES = {
    'convnext_tiny': Backbone(_apps.ConvNeXtTiny, _apps.convnext.preprocess_input),
    'densenet121': Backbone(_apps.DenseNet121, _apps.densenet.preprocess_input),
    'efficientnet_b0': Backbone(_apps.EfficientNetB0, _apps.efficientnet.preprocess_input),
    'efficientnet_v2_b0': Backbone(_apps.EfficientNetV2B0, _apps.efficientnet_v2.preprocess_input),
    'inception_v3': Backbone(_apps.InceptionV3, _apps.inception_v3.preprocess_input, 75),
    'mobilenet': Backbone(_apps.MobileNet, _apps.mobilenet.preprocess_input),
    'mobilenet_v2': Backbone(_apps.MobileNetV2, _apps.mobilenet_v2.preprocess_input),
    'mobilenet_v3_small': Backbone(_apps.MobileNetV3Small, _apps.mobilenet_v3.preprocess_input),
    'mobilenet_v3_large': Backbone(_apps.MobileNetV3Large, _apps.mobilenet_v3.preprocess_input),
    'resnet50': Backbone(_apps.ResNet50, _apps.resnet.preprocess_input),
    'resnet50_v2': Backbone(_apps.ResNet50V2, _apps.resnet_v2.preprocess_input),
    'vgg16': Backbone(_apps.VGG16, _apps.vgg16.preprocess_input),
    'xception': Backbone(_apps.Xception, _apps.xception.preprocess_input, 71),
}


def get_backbone(name: str) -> Backbone:
    """Looks `name` up; an unknown one raises `InvalidInputError` with the known ones."""
    if name not in BACKBONES:
        raise InvalidInputError(
            f'`backbone` must be one of {sorted(BACKBONES)}. Received: {name!r}.'
        )
    return BACKBONES[name]


def build_backbone(name: str, *, image_size_px: int, weights: str) -> keras.Model:
    """Builds the network without its top.

    Args:
        name: A key of `BACKBONES`.
        image_size_px: Side of the square input, pixels.
        weights: `imagenet`, `none`, or the path of a weights file without the top.

    Returns:
        A model named `backbone`, from preprocessed float32 `[batch, size, size, 3]` to features
        `[batch, height, width, channels]`.

    Raises:
        InvalidInputError: An unknown name, or an image too small for the network.
        MissingFileError: `weights` is a path with no file, or cannot be downloaded.
    """
    backbone = get_backbone(name)
    if image_size_px < backbone.minimum_size_px:
        raise InvalidInputError(
            f'`{name}` needs images of at least {backbone.minimum_size_px} px. '
            f'Received: image_size_px={image_size_px}.'
        )
    if weights not in ('imagenet', 'none') and not os.path.isfile(weights):
        raise MissingFileError(
            '`backbone_weights` must be `imagenet`, `none` or a file of weights without the top. '
            f'Received: {weights!r}, which does not exist.'
        )
    try:
        model = backbone.build(
            include_top=False,
            weights=None if weights == 'none' else weights,
            input_shape=(image_size_px, image_size_px, 3),
        )
    except Exception as error:  # Keras raises a bare one.
        if 'URL fetch failure' not in str(error):
            raise
        raise MissingFileError(
            f'The ImageNet weights of `{name}` could not be downloaded: {error}. Give a file of '
            'weights without the top, --backbone_weights=FILE after any --flagfile, or '
            '--backbone_weights=none to train from scratch.'
        ) from error
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    # Renamed here: some constructors look their blocks up by the name they are given.
    model.name = 'backbone'
    return model
