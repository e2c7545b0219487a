"""Augmentation of one image: pure functions of the image and a seed.

Each takes `image`, float32 `[height, width, 3]`, RGB in [0, 255], and `seed`, int64 `[2]`, and
returns an image of the same shape and range. The same seed gives the same image.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

Augment = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def flip(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirrors left and right in one of two images."""
    return tf.cond(_uniform(seed, ()) < 0.5, lambda: tf.reverse(image, [1]), lambda: image)


def warp(
    image: tf.Tensor,
    seed: tf.Tensor,
    *,
    rotation_deg: float,
    zoom: float,
    shift: float,
    shear: float = 0.0,
) -> tf.Tensor:
    """Rotates, zooms, stretches, shears and shifts about the centre; the edge is mirrored outwards.

    Args:
        image: The image.
        seed: The seed.
        rotation_deg: Largest rotation to either side, degrees.
        zoom: Largest change of either side's scale, as a share: 0.1 is 1/1.1 to 1.1.
        shift: Largest shift in either direction, as a share of the side.
        shear: Largest horizontal shear, as a share.
    """
    draws = _uniform(seed, (6,), -1.0, 1.0)
    angle = draws[0] * rotation_deg * math.pi / 180
    # The two sides share most of the zoom: faces differ in width, but less than in distance.
    common, aspect = draws[1] * math.log1p(zoom), draws[2] * math.log1p(zoom) / 3
    scale_x, scale_y = tf.exp(common + aspect), tf.exp(common - aspect)
    cos, sin = tf.cos(angle), tf.sin(angle)
    matrix = [[cos * scale_x, (draws[3] * shear - sin) * scale_y], [sin * scale_x, cos * scale_y]]
    height, width = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float32))
    center_x, center_y = (width - 1) / 2, (height - 1) / 2
    shift_x, shift_y = draws[4] * shift * width, draws[5] * shift * height
    offset_x = center_x + shift_x - matrix[0][0] * center_x - matrix[0][1] * center_y
    offset_y = center_y + shift_y - matrix[1][0] * center_x - matrix[1][1] * center_y
    transform = tf.stack([*matrix[0], offset_x, *matrix[1], offset_y, 0.0, 0.0])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None],
        transforms=transform[None],
        output_shape=tf.shape(image)[:2],
        fill_value=0.0,
        interpolation='BILINEAR',
        fill_mode='REFLECT',
    )[0]


def adjust_light(
    image: tf.Tensor, seed: tf.Tensor, *, gain: float, contrast: float, gamma: float
) -> tf.Tensor:
    """Changes exposure, contrast about the mean, and gamma; each within 1/(1+x) to 1+x."""
    draws = _uniform(seed, (3,), -1.0, 1.0)
    limits = tf.math.log1p(tf.constant([gain, contrast, gamma]))
    gains = tf.exp(draws * limits)
    mean = tf.reduce_mean(image)
    image = (image - mean) * gains[1] + mean * gains[0]
    return 255 * tf.clip_by_value(image / 255, 0.0, 1.0) ** gains[2]


def adjust_color(image: tf.Tensor, seed: tf.Tensor, *, saturation: float, cast: float) -> tf.Tensor:
    """Changes saturation within 1 - x to 1 + x, and each channel's gain within 1/(1+x) to 1+x."""
    draws = _uniform(seed, (4,), -1.0, 1.0)
    luma = tf.image.rgb_to_grayscale(image)
    image = luma + (image - luma) * (1 + draws[0] * saturation)
    return tf.clip_by_value(image * tf.exp(draws[1:] * math.log1p(cast)), 0.0, 255.0)


def relight(image: tf.Tensor, seed: tf.Tensor, *, strength: float) -> tf.Tensor:
    """Lights one side and darkens the other: a linear ramp of gain in a random direction."""
    draws = _uniform(seed, (2,))
    angle, slope = draws[0] * 2 * math.pi, draws[1] * math.log1p(strength)
    y = tf.linspace(-1.0, 1.0, tf.shape(image)[0])[:, None]
    x = tf.linspace(-1.0, 1.0, tf.shape(image)[1])[None, :]
    ramp = tf.exp(slope * (tf.cos(angle) * x + tf.sin(angle) * y))
    return tf.clip_by_value(image * ramp[..., None], 0.0, 255.0)


def blur(image: tf.Tensor, seed: tf.Tensor, *, largest: float) -> tf.Tensor:
    """Lowers the resolution by a factor of 1 to `largest` and brings it back."""
    size = tf.shape(image)[:2]
    factor = _uniform(seed, (), 1.0, largest)
    small = tf.cast(tf.cast(size, tf.float32) / factor, tf.int32)
    return tf.image.resize(tf.image.resize(image, small, antialias=True), size)


def add_noise(image: tf.Tensor, seed: tf.Tensor, *, largest: float) -> tf.Tensor:
    """Adds Gaussian noise of a random deviation up to `largest` grey levels."""
    deviation = _uniform(seed, (), 0.0, largest)
    noise = tf.random.stateless_normal(tf.shape(image), tf.bitwise.invert(seed))
    return tf.clip_by_value(image + deviation * noise, 0.0, 255.0)


def erase(image: tf.Tensor, seed: tf.Tensor, *, largest: float) -> tf.Tensor:
    """Replaces a rectangle of up to `largest` of each side by the image's mean (Zhong 2020)."""
    draws = _uniform(seed, (4,))
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    extent = draws[:2] * largest * size
    start = draws[2:] * (size - extent)
    y = tf.range(size[0])[:, None, None]
    x = tf.range(size[1])[None, :, None]
    inside = (
        (y >= start[0]) & (y < start[0] + extent[0]) & (x >= start[1]) & (x < start[1] + extent[1])
    )
    return tf.where(inside, tf.reduce_mean(image, axis=[0, 1]), image)


def compose(geometry: list[Augment], light: list[Augment]) -> Augment:
    """Applies the steps in order, each with a seed of its own.

    Geometry moves every channel, so that a saliency map in a fourth one stays with its face; light
    changes the first three.
    """

    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        shape = image.shape
        seeds = tf.unstack(tf.random.split(seed, max(len(geometry) + len(light), 1)))
        for step, step_seed in zip(geometry, seeds, strict=False):
            image = step(image, step_seed)
        rgb, others = image[..., :3], image[..., 3:]
        for step, step_seed in zip(light, seeds[len(geometry) :], strict=False):
            rgb = step(rgb, step_seed)
        return tf.ensure_shape(tf.concat([rgb, others], axis=-1), shape)

    return apply


def _with(step: Callable[..., tf.Tensor], **options: float) -> Augment:
    return lambda image, seed: step(image, seed, **options)


# Geometry before light, light before noise: as in a camera.
AUGMENTATIONS: dict[str, Augment] = {
    'none': compose([], []),
    'light': compose(
        [
            flip,
            _with(warp, rotation_deg=10, zoom=0.1, shift=0.04),
        ],
        [
            _with(adjust_light, gain=0.2, contrast=0.2, gamma=0.0),
        ],
    ),
    'strong': compose(
        [
            flip,
            _with(warp, rotation_deg=15, zoom=0.25, shift=0.08, shear=0.1),
        ],
        [
            _with(adjust_light, gain=0.4, contrast=0.6, gamma=0.6),
            _with(adjust_color, saturation=0.9, cast=0.2),
            _with(relight, strength=0.8),
            _with(blur, largest=3.0),
            _with(add_noise, largest=8.0),
            _with(erase, largest=0.4),
        ],
    ),
}


def _uniform(
    seed: tf.Tensor, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0
) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, seed, low, high)
