"""MixUp and CutMix: two images of a batch become two others, with shares of both labels.

Images are mixed in pairs, the first with the second, the third with the fourth: the order is
shuffled, so that any two can meet. Workers mix the images of their own shares of a batch: without a
cache these are what one worker would mix, with it each worker has images of its own.
"""

from __future__ import annotations

import tensorflow as tf


def draw_mix(seed: tf.Tensor, *, mixup_alpha: float, cutmix_alpha: float) -> tf.Tensor:
    """Draws how one image is mixed; where both kinds are on, each in one of two images.

    Args:
        seed: int64 `[2]`.
        mixup_alpha: Of the share, Beta(alpha, alpha) (Zhang et al. 2018, ICLR); 0 is off.
        cutmix_alpha: The same for CutMix (Yun et al. 2019, ICCV); 0 is off.

    Returns:
        float32 `[4]`: whether it is cut (0 or 1), the share of the image itself, and the centre of
        the rectangle, y and x in [0, 1].
    """
    seeds = tf.unstack(tf.random.split(seed, 2))
    draws = tf.random.stateless_uniform((3,), seeds[0])
    is_cut = tf.constant(mixup_alpha == 0) | ((draws[0] < 0.5) & (cutmix_alpha > 0))
    alpha = tf.where(is_cut, cutmix_alpha, mixup_alpha)
    gammas = tf.random.stateless_gamma((2,), seeds[1], alpha)
    share = gammas[0] / tf.maximum(tf.reduce_sum(gammas), 1e-30)
    return tf.stack([tf.cast(is_cut, tf.float32), share, draws[1], draws[2]])


@tf.autograph.experimental.do_not_convert
def mix(images: tf.Tensor, labels: tf.Tensor, draws: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixes each image of a batch with its neighbour, a saliency map as its image.

    Args:
        images: float32 `[batch, height, width, channels]`; `batch` is even.
        labels: float32 `[batch, classes]`, one-hot or shares of the sum 1.
        draws: float32 `[batch, 4]`, from `draw_mix`.

    Returns:
        The same shapes. MixUp: `share * own + (1 - share) * other`. CutMix: a rectangle of the area
        `1 - share`, cut off at the rim, is the other's; the labels follow the area that is left.
    """
    is_cut, share, center_y, center_x = tf.unstack(draws, axis=1)
    size = tf.cast(tf.shape(images)[1:3], tf.float32)
    half = tf.sqrt(1 - share) / 2
    rows = _covered(size[0], center_y, half)[:, :, None]
    columns = _covered(size[1], center_x, half)[:, None, :]
    inside = rows * columns
    own = tf.where(is_cut[:, None, None] > 0, 1 - inside, share[:, None, None])[..., None]
    mixed = own * images + (1 - own) * _neighbours(images)
    own_label = tf.reduce_mean(own, axis=(1, 2))
    return mixed, own_label * labels + (1 - own_label) * _neighbours(labels)


def _covered(length: tf.Tensor, center: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
    """1 where a pixel's middle lies within `half` of the centre, else 0: `[batch, length]`."""
    middles = (tf.range(length) + 0.5) / length
    return tf.cast(tf.abs(middles[None] - center[:, None]) < half[:, None], tf.float32)


def _neighbours(values: tf.Tensor) -> tf.Tensor:
    """The first and second change places, the third and fourth, and so on."""
    pairs = tf.reshape(values, tf.concat([[-1, 2], tf.shape(values)[1:]], 0))
    return tf.reshape(tf.reverse(pairs, [1]), tf.shape(values))
