"""The three networks of MTCNN as TensorFlow ops.

Their weights are those of the package `mtcnn`: lists of NumPy arrays, which each graph gets as
constants, whose layout the kernels can choose.
Reference: Zhang et al. 2016, IEEE Signal Processing Letters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfds_builders.mtcnn_weights import read_weights

Weights = Sequence[np.ndarray]


def load_networks() -> tuple[Weights, Weights, Weights]:
    """The weights of the proposal, the refinement and the output network."""
    return read_weights('pnet'), read_weights('rnet'), read_weights('onet')


def run_proposal_net(net: Weights, images: tf.Tensor) -> tf.Tensor:
    """`[batch, y, x, 5]`: the shift of each cell's box, and the logit of its score."""
    x = _convolve(images, *net[:3])
    x = tf.nn.max_pool2d(x, 2, 2, 'SAME')
    x = _convolve(_convolve(x, *net[3:6]), *net[6:9])
    shift, score = net[9:11], net[11:13]
    # Of the two outputs of a softmax only the difference counts.
    kernel = np.concatenate([shift[0], score[0][..., 1:] - score[0][..., :1]], axis=-1)
    bias = np.concatenate([shift[1], score[1][1:] - score[1][:1]])
    return tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, 'VALID'), bias)


def run_trunk(net: Weights, patches: tf.Tensor, *paddings: str) -> tf.Tensor:
    """Convolutions with pools of these paddings between them, then a dense layer."""
    x = patches
    for block, padding in enumerate(paddings):
        x = _convolve(x, *net[3 * block : 3 * block + 3])
        width = 3 if block < 2 else 2
        x = tf.nn.max_pool2d(x, width, 2, padding)
    first = 3 * len(paddings)
    x = _convolve(x, *net[first : first + 3])
    kernel, bias, slope = net[first + 3 : first + 6]
    # The networks come from Caffe, whose maps are transposed: columns are flattened first.
    x = tf.reshape(tf.transpose(x, (0, 2, 1, 3)), (-1, kernel.shape[0]))
    return _prelu(tf.matmul(x, kernel) + bias, slope)


def run_heads(weights: Weights, features: tf.Tensor, count: tf.Tensor) -> list[tf.Tensor]:
    """What each pair of kernel and bias makes of the first `count` rows of features."""
    pairs = zip(weights[::2], weights[1::2], strict=True)
    return [(tf.matmul(features, kernel) + bias)[:count] for kernel, bias in pairs]


def _convolve(x: tf.Tensor, kernel: np.ndarray, bias: np.ndarray, slope: np.ndarray) -> tf.Tensor:
    return _prelu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, 'VALID'), bias), slope)


def _prelu(x: tf.Tensor, slope: np.ndarray) -> tf.Tensor:
    if slope.max() <= 1:
        return tf.maximum(x, slope * x)
    return tf.nn.relu(x) + slope * tf.minimum(x, 0.0)


def cut_patches(image: tf.Tensor, boxes: tf.Tensor, size_px: int) -> tf.Tensor:
    """The boxes of a square image, resized: float32 `[max(n, 1), size, size, 3]`.

    Without boxes there is one patch of the corner: convolutions of nothing fail in TensorFlow 2.21.
    """
    is_empty = tf.cast(tf.equal(tf.shape(boxes)[0], 0), tf.int32)
    boxes = tf.pad(boxes, [[0, is_empty], [0, 0]])
    corners = tf.gather(boxes, [1, 0, 3, 2], axis=1) / tf.cast(tf.shape(image)[0], tf.float32)
    zeros = tf.zeros(tf.shape(boxes)[:1], tf.int32)
    return tf.image.crop_and_resize(image[None], corners, zeros, (size_px, size_px))
