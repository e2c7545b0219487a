"""`mlnet_light`: ML-Net's multi-level idea over MobileNetV2, for machines without a GPU.

Features of four strides are fused from coarse to fine into the logits of a fixation density, to
which a learned 6x8 prior is added: exp(logit + W) is ML-Net's product with a prior.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from fer_keras.errors import InvalidInputError
from fer_keras.models.backbones import BATCH_NORM_MOMENTUM
from fer_keras.models.mlnet import PRIOR_SIZE, interpolation_matrix
from fer_keras.models.saliency_layers import ResizeMap, Size

TRAINING_INPUT: Size = (288, 384)
LONGEST_SIDE_PX = 384
# A 224 px crop is read at 160 px: half of the backbone's pixels.
CROP_SCALE = 5 / 7
# (stride, layer of the encoder, channels in the decoder), from coarse to fine.
LEVELS = (
    (32, 'block_15_add', 128),
    (16, 'block_13_expand_relu', 128),
    (8, 'block_6_expand_relu', 96),
    (4, 'block_3_expand_relu', 48),
)


@keras.saving.register_keras_serializable(package='fer_keras')
class LogPrior(layers.Layer):
    """logits + upsample(W): the learned grid W multiplies the density by exp(W).

    float32 `[batch, h, w, 1]` -> the same shape; W is zero at the start.

    >>> float(ops.max(LogPrior()(ops.ones((1, 60, 80, 1)))))
    1.0
    """

    def __init__(self, size: Size = PRIOR_SIZE, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})
        self.size = (int(size[0]), int(size[1]))

    def build(self, input_shape: tuple) -> None:
        self.grid = self.add_weight(name='grid', shape=self.size, initializer='zeros')

    def call(self, logits: Any) -> Any:
        height, width = logits.shape[1:3]
        rows = ops.convert_to_tensor(interpolation_matrix(self.size[0], height))
        columns = ops.convert_to_tensor(interpolation_matrix(self.size[1], width))
        grid = ops.convert_to_tensor(self.grid)
        prior = ops.matmul(ops.matmul(rows, grid), ops.transpose(columns))
        return logits + prior[None, :, :, None]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'size': self.size}


def light_input_size(image_size: Size) -> Size:
    """Resolution at which the network reads an image: multiples of 32 px, at least 64.

    5/7 of the image, and never more than 384 px on the longer side: photographs of 480x640 are
    read at 288x384, crops of 224x224 at 160x160.
    """
    scale = min(CROP_SCALE, LONGEST_SIDE_PX / max(image_size))
    height, width = (max(64, 32 * round(side * scale / 32)) for side in image_size)
    return height, width


def build_mlnet_light(size: Size = TRAINING_INPUT, *, name: str = 'mlnet_light') -> keras.Model:
    """The network alone: RGB float32 `[batch, *size, 3]` in [0, 255] -> logits `[b, h/4, w/4, 1]`.

    Args:
        size: (height, width), multiples of 32 px.
        name: Of the model.

    Raises:
        InvalidInputError: `size` is not a multiple of 32.
    """
    if size[0] % 32 or size[1] % 32:
        raise InvalidInputError(
            f'`size` must be a multiple of 32 px on both sides. Received: {size}.'
        )
    image = keras.Input((*size, 3), name='image')
    encoder = _encoder(layers.Rescaling(1 / 127.5, offset=-1, name='minus_one_to_one')(image))
    x = None
    for stride, layer_name, channels in LEVELS:
        x = _fuse(x, encoder.get_layer(layer_name).output, channels, name=f'stride_{stride}')
    logits = layers.Conv2D(1, 1, dtype='float32', name='to_logit')(x)
    return keras.Model(image, LogPrior(name='prior')(logits), name=name)


def build_attention(size: Size, encoder_weights: str | None) -> keras.Model:
    """The same network, to be trained with a classifier instead of on fixations.

    Its last convolution starts at zero, so that its map starts at one everywhere and training
    begins with the image that the backbone knows.

    Args:
        size: As for `build_mlnet_light`.
        encoder_weights: `imagenet`, a Keras MobileNetV2 file (alpha 1, no top), or None: random.

    Returns:
        A model named `attention`; shapes as `build_mlnet_light`.
    """
    network = build_mlnet_light(size, name='attention')
    if encoder_weights:
        load_imagenet_encoder(network, encoder_weights)
    last = network.get_layer('to_logit')
    last.set_weights([np.zeros(weight.shape) for weight in last.weights])
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    return network


def load_imagenet_encoder(network: keras.Model, weights_path: str) -> None:
    """Copies the encoder's weights from a Keras MobileNetV2 file (alpha 1, no top)."""
    source = keras.applications.MobileNetV2(
        input_shape=(224, 224, 3), include_top=False, weights=weights_path
    )
    names = {layer.name for layer in source.layers if layer.weights}
    for layer in network.layers:
        if layer.name in names:
            layer.set_weights(source.get_layer(layer.name).get_weights())


def is_encoder_layer(layer: keras.layers.Layer) -> bool:
    """Whether a layer belongs to the pretrained MobileNetV2, or VGG16 in ML-Net."""
    return layer.name.startswith(('Conv1', 'bn_Conv1', 'expanded_conv', 'block'))


def _encoder(image: Any) -> keras.Model:
    return keras.applications.MobileNetV2(input_tensor=image, include_top=False, weights=None)


def _fuse(coarse: Any, fine: Any, channels: int, *, name: str) -> Any:
    """1x1 convolution of the finer level, plus the coarser one doubled in size, then a 5x5."""
    x = layers.Conv2D(channels, 1, use_bias=False, name=f'{name}_lateral')(fine)
    x = layers.BatchNormalization(momentum=0.95, name=f'{name}_lateral_norm')(x)
    if coarse is None:
        x = _add_context(x, channels, name=name)
    else:
        if coarse.shape[-1] != channels:
            coarse = layers.Conv2D(channels, 1, use_bias=False, name=f'{name}_coarse')(coarse)
        size = tuple(fine.shape[1:3])
        x = layers.Add(name=f'{name}_sum')([x, ResizeMap(size, name=f'{name}_up')(coarse)])
    x = layers.ReLU(name=f'{name}_relu')(x)
    y = layers.SeparableConv2D(channels, 5, padding='same', use_bias=False, name=f'{name}_conv')(x)
    y = layers.BatchNormalization(momentum=0.95, name=f'{name}_norm')(y)
    return layers.ReLU(name=f'{name}_out')(layers.Add(name=f'{name}_skip')([x, y]))


def _add_context(x: Any, channels: int, *, name: str) -> Any:
    """Adds the mean over the image: what else is in the picture changes what stands out."""
    mean = layers.GlobalAveragePooling2D(keepdims=True, name=f'{name}_mean')(x)
    mean = layers.Dense(channels, name=f'{name}_context')(mean)
    return layers.Add(name=f'{name}_with_context')([x, mean])
