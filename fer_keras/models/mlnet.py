"""ML-Net (Cornia, Baraldi, Serra, Cucchiara, ICPR 2016): the published graph, loss and prior.

VGG16 to conv5_3 whose fourth pooling has stride 1, so that pool3, pool4 and conv5_3 all have 1/8
of the input's resolution; the three are concatenated, encoded to one map and multiplied by a
learned prior.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from fer_keras.models.saliency_layers import EPSILON, DivideByMaximum, ResizeMap, Size

PUBLISHED_INPUT: Size = (480, 640)
PRIOR_SIZE: Size = (6, 8)
MEAN_BGR = (103.939, 116.779, 123.68)
# block: (convolutions, filters, stride of the pooling after it); None: no pooling.
VGG16_BLOCKS = ((2, 64, 2), (2, 128, 2), (3, 256, 2), (3, 512, 1), (3, 512, None))


@keras.saving.register_keras_serializable(package='fer_keras')
class LearnedPrior(layers.Layer):
    """x * upsample(1 + W): a coarse grid W, zero at the start, says where people tend to look.

    float32 `[batch, h, w, 1]` -> the same shape. Penalty (1 / cells) * sum(W^2), as published.
    The upsampling has the phase of Theano's, so that published weights mean what they meant, and
    stretches to any size, which a face crop needs.

    >>> float(ops.max(LearnedPrior()(ops.ones((1, 60, 80, 1)))))
    1.0
    """

    def __init__(self, size: Size = PRIOR_SIZE, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})
        self.size = (int(size[0]), int(size[1]))

    def build(self, input_shape: tuple) -> None:
        self.grid = self.add_weight(
            name='grid',
            shape=self.size,
            initializer='zeros',
            regularizer=keras.regularizers.L2(1.0 / (self.size[0] * self.size[1])),
        )

    def call(self, maps: Any) -> Any:
        height, width = maps.shape[1:3]
        rows = ops.convert_to_tensor(interpolation_matrix(self.size[0], height))
        columns = ops.convert_to_tensor(interpolation_matrix(self.size[1], width))
        grid = 1.0 + ops.convert_to_tensor(self.grid)
        prior = ops.matmul(ops.matmul(rows, grid), ops.transpose(columns))
        return maps * prior[None, :, :, None]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'size': self.size}


@keras.saving.register_keras_serializable(package='fer_keras')
class Letterbox(layers.Layer):
    """Fits an image into `size` at its own aspect, centred on zeros, in whole grey levels.

    float32 `[batch, h, w, c]` in [0, 255] -> float32 `[batch, *size, c]`. The authors' code pads
    before it subtracts the mean, so the bars end up at minus the mean.

    >>> boxed = Letterbox((4, 8))(ops.full((1, 2, 2, 1), 9.0))
    >>> ops.convert_to_numpy(boxed)[0, 0, :, 0].tolist()
    [0.0, 0.0, 9.0, 9.0, 9.0, 9.0, 0.0, 0.0]
    """

    def __init__(self, size: Size = PUBLISHED_INPUT, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})
        self.size = (int(size[0]), int(size[1]))

    def call(self, images: Any) -> Any:
        rows, columns = fitted_size(tuple(images.shape[1:3]), self.size)
        images = ops.image.resize(
            images, (rows, columns), interpolation='bilinear', data_format='channels_last'
        )
        top, left = (self.size[0] - rows) // 2, (self.size[1] - columns) // 2
        bottom, right = self.size[0] - rows - top, self.size[1] - columns - left
        return ops.pad(ops.round(images), [[0, 0], [top, bottom], [left, right], [0, 0]])

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'size': self.size}


@keras.saving.register_keras_serializable(package='fer_keras')
class UndoLetterbox(layers.Layer):
    """Resizes a letterboxed map until the image inside it has `size`, then crops the bars.

    float32 `[batch, h, w, 1]` -> float32 `[batch, *size, 1]`, in the order of the authors' code.

    >>> boxed = Letterbox((4, 8))(ops.full((1, 2, 2, 1), 9.0))
    >>> ops.convert_to_numpy(UndoLetterbox((2, 2))(boxed)).ravel().tolist()
    [9.0, 9.0, 9.0, 9.0]
    """

    def __init__(self, size: Size, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})
        self.size = (int(size[0]), int(size[1]))

    def call(self, maps: Any) -> Any:
        rows, columns = covering_size(tuple(maps.shape[1:3]), self.size)
        maps = ops.image.resize(
            maps, (rows, columns), interpolation='bilinear', data_format='channels_last'
        )
        top, left = (rows - self.size[0]) // 2, (columns - self.size[1]) // 2
        return maps[:, top : top + self.size[0], left : left + self.size[1]]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'size': self.size}


@keras.saving.register_keras_serializable(package='fer_keras')
class BgrMinusMean(layers.Layer):
    """RGB in [0, 255] -> BGR minus the ImageNet mean, as VGG16 was trained.

    >>> [round(float(one), 1) for one in BgrMinusMean()(ops.zeros((1, 1, 1, 3)))[0, 0, 0]]
    [-103.9, -116.8, -123.7]
    """

    def call(self, images: Any) -> Any:
        return images[..., ::-1] - ops.convert_to_tensor(MEAN_BGR, dtype=images.dtype)


def interpolation_matrix(cells: int, length: int) -> np.ndarray:
    """Linear interpolation of `cells` values to `length` points, the border replicated.

    float32 `[length, cells]`, rows sum to 1. Theano's `bilinear_upsampling` puts cell j of an
    r-fold upsampling at point r j + (r - 1) // 2: half a point early for an even r. We do the
    same for a whole ratio, and use half-pixel centres for any other.
    """
    ratio = length / cells
    phase = (length // cells - 1) // 2 if length % cells == 0 else (ratio - 1) / 2
    position = np.clip((np.arange(length) - phase) / ratio, 0, cells - 1)
    distance = np.abs(position[:, None] - np.arange(cells)[None, :])
    return np.maximum(0.0, 1.0 - distance).astype('float32')


def fitted_size(size: Size, box: Size) -> Size:
    """Largest (rows, columns) of `size`'s aspect inside `box`, rounded down as published."""
    rows, columns = size
    if rows / box[0] > columns / box[1]:
        return box[0], max(1, columns * box[0] // rows)
    return max(1, rows * box[1] // columns), box[1]


def covering_size(size: Size, box: Size) -> Size:
    """Smallest (rows, columns) of `size`'s aspect that covers `box`."""
    rows, columns = size
    if box[0] / rows > box[1] / columns:
        return box[0], max(box[1], columns * box[0] // rows)
    return max(box[0], rows * box[1] // columns), box[1]


def mlnet_loss(target: Any, predicted: Any, alpha: float = 1.1) -> Any:
    """Mean of `mlnet_losses` over the images."""
    return ops.mean(mlnet_losses(target, predicted, alpha))


def mlnet_losses(target: Any, predicted: Any, alpha: float = 1.1) -> Any:
    """Mean of ((p / max p - y)^2 / (alpha - y)) of each image, Cornia et al. 2016, equation 2.

    Args:
        target: `[batch, h, w, 1]` in [0, 1].
        predicted: `[batch, h, w, 1]`, non-negative; divided by its maximum per image.
        alpha: 1.1, the published `1 - y + 0.1`: errors weigh most where people look.

    Returns:
        `[batch]`.

    Deviation: the maximum is at least EPSILON; the published loss of an all-zero map is NaN.
    """
    maximum = ops.max(predicted, axis=(1, 2, 3), keepdims=True)
    error = predicted / ops.maximum(maximum, EPSILON) - target
    return ops.mean(ops.square(error) / (alpha - target), axis=(1, 2, 3))


def build_mlnet(size: Size = PUBLISHED_INPUT, *, name: str = 'mlnet') -> keras.Model:
    """The network alone: RGB float32 `[batch, *size, 3]` in [0, 255] -> `[batch, h/8, w/8, 1]`.

    15 452 145 parameters at every size. Layer names are Keras's own VGG16 names, so that its
    weights load by name.
    """
    image = keras.Input((*size, 3), name='image')
    levels, x = [], BgrMinusMean(name='bgr_minus_mean')(image)
    for number, (convolutions, filters, stride) in enumerate(VGG16_BLOCKS, start=1):
        x = _vgg_block(x, number, convolutions, filters)
        if stride:
            # Theano pads `same` pooling at the top and left; after a ReLU zero is no maximum.
            x = layers.ZeroPadding2D(((1, 0), (1, 0)), name=f'block{number}_pad')(x)
            x = layers.MaxPooling2D(2, stride, 'valid', name=f'block{number}_pool')(x)
        if number >= 3:
            levels.append(x)
    x = layers.Concatenate(name='multi_level_features')(levels)
    x = layers.Dropout(0.5, name='dropout')(x)
    x = layers.Conv2D(
        64, 3, padding='same', activation='relu', kernel_initializer='glorot_normal', name='encode'
    )(x)
    x = layers.Conv2D(1, 1, activation='relu', kernel_initializer='glorot_normal', name='to_map')(x)
    x = LearnedPrior(name='prior')(x)
    return keras.Model(image, layers.ReLU(name='map', dtype='float32')(x), name=name)


def _vgg_block(x: Any, number: int, convolutions: int, filters: int) -> Any:
    for index in range(1, convolutions + 1):
        convolution = layers.Conv2D(
            filters, 3, padding='same', activation='relu', name=f'block{number}_conv{index}'
        )
        x = convolution(x)
    return x


def letterboxed_mlnet(image: Any, network: keras.Model) -> Any:
    """The published prediction: letterbox, network, resize and crop back, divide by the maximum."""
    boxed = Letterbox(network.input_shape[1:3], name='letterbox')(image)
    small_map = network(boxed)
    back = UndoLetterbox(image.shape[1:3], name='undo_letterbox')(small_map)
    return DivideByMaximum(name='saliency_map')(back)


def direct_mlnet(image: Any, network: keras.Model) -> Any:
    """The same network on the crop itself, without bars: cheaper, and the prior stretches."""
    back = ResizeMap(image.shape[1:3], name='resize_map')(network(image))
    return DivideByMaximum(name='saliency_map')(back)
