"""From a picture's bytes to upright pixels: `tfds_builders.pictures` in TensorFlow ops.

Training, evaluation and the served graph all call it. Sizes are read from the header first, so that
a small file which unpacks to gigabytes is refused before it is unpacked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from fer_keras.data.orientations import read_orientation, turn_upright
from fer_keras.data.picture_headers import JPEG, format_of, problem_of, read_head
from tfds_builders.picture_formats import LARGEST_PIXELS_IN_GRAPH


def decode_upright(
    image_bytes: tf.Tensor, largest_pixels: int = LARGEST_PIXELS_IN_GRAPH
) -> tf.Tensor:
    """Decodes a picture as a person sees it.

    Args:
        image_bytes: string `[]`, a JPEG, PNG or WebP file.
        largest_pixels: More are refused before decoding.

    Returns:
        uint8 `[height, width, 3]`, RGB: turned as EXIF says, grey repeated, CMYK converted, 16 bits
        reduced to 8, transparency dropped.

    Raises:
        tf.errors.InvalidArgumentError: Another format, a damaged file, too many pixels, or
            an animation.
    """
    return _decoder(largest_pixels)(image_bytes)


@functools.cache
def _decoder(largest_pixels: int) -> tf.types.experimental.GenericFunction:
    # Traced once in a process, which takes a second or two, and not in every pipeline.
    @tf.function(input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
    def decode_checked(image_bytes: tf.Tensor) -> tf.Tensor:
        head = read_head(image_bytes)
        kind = format_of(head)
        problem = problem_of(image_bytes, head, kind, largest_pixels)
        with tf.control_dependencies([tf.debugging.Assert(problem == '', [problem])]):
            image_bytes = tf.identity(image_bytes)
        image = _decode_as(kind, image_bytes)
        orientation = read_orientation(kind, image_bytes)
        return tf.cond(orientation > 1, lambda: turn_upright(image, orientation), lambda: image)

    return decode_checked


def decode_if_whole(
    image_bytes: tf.Tensor, largest_pixels: int = LARGEST_PIXELS_IN_GRAPH
) -> tf.Tensor:
    """`decode_upright` that never fails, for servers: uint8 `[0, 0, 3]` of what it refuses.

    An op that fails ends the whole graph, unless it is in a data set. That prepares its function
    anew each time, which of all of `decode_upright` would take longer than the decoding itself.
    """

    def decode_jpeg() -> tf.Tensor:
        image = _first_of(_decode_jpeg_up_to(largest_pixels), image_bytes)
        orientation = read_orientation(tf.constant(JPEG), image_bytes)
        return tf.cond(orientation > 1, lambda: turn_upright(image, orientation), lambda: image)

    is_jpeg = format_of(read_head(image_bytes)) == JPEG
    image = tf.cond(is_jpeg, decode_jpeg, lambda: _first_of(_decoder(largest_pixels), image_bytes))
    return tf.ensure_shape(image, (None, None, 3))


def _first_of(decode: Callable[[tf.Tensor], tf.Tensor], image_bytes: tf.Tensor) -> tf.Tensor:
    """What a function makes of a file; an empty picture where it fails."""
    decoded = tf.data.Dataset.from_tensors(image_bytes).map(decode).ignore_errors()
    empty = tf.data.Dataset.from_tensors(tf.zeros((0, 0, 3), tf.uint8))
    first = decoded.concatenate(empty).take(1)
    return first.with_options(without_tuning()).get_single_element()


def without_tuning() -> tf.data.Options:
    """For data sets of one request, of which tuning would take longer than the rest."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options


def _decode_jpeg_up_to(largest_pixels: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Decodes a JPEG file as it lies there, if it has no more pixels."""

    def decode_jpeg(image_bytes: tf.Tensor) -> tf.Tensor:
        height, width, _ = tf.unstack(tf.cast(tf.io.extract_jpeg_shape(image_bytes), tf.int64))
        is_small = height <= largest_pixels // tf.maximum(width, 1)
        with tf.control_dependencies([tf.debugging.Assert(is_small, ['too large'])]):
            return _decode_jpeg(tf.identity(image_bytes))

    return decode_jpeg


def to_model_input(image: tf.Tensor, image_size_px: int) -> tf.Tensor:
    """Resizes to the model's input.

    Args:
        image: uint8 or float32 `[(batch,) height, width, 3 or 1]`, RGB or grey in [0, 255].
        image_size_px: Side of the result, pixels.

    Returns:
        float32 `[(batch,) image_size_px, image_size_px, 3]`, RGB in [0, 255], whole numbers, so
        that a uint8 cache loses nothing. Bilinear with anti-aliasing; the aspect is not kept:
        face crops are square.
    """
    image = tf.image.resize(image, (image_size_px, image_size_px), antialias=True)
    image = tf.round(tf.clip_by_value(image, 0.0, 255.0))
    return tf.image.grayscale_to_rgb(image) if image.shape[-1] == 1 else image


@tf.autograph.experimental.do_not_convert
def decode(image_bytes: tf.Tensor, image_size_px: int) -> tf.Tensor:
    """Decodes a JPEG, PNG or WebP file, string `[]`, to the model's input.

    Returns:
        float32 `[image_size_px, image_size_px, 3]`, RGB in [0, 255], upright.
    """
    image = to_model_input(decode_upright(image_bytes), image_size_px)
    return tf.ensure_shape(image, (image_size_px, image_size_px, 3))


def _decode_jpeg(image_bytes: tf.Tensor) -> tf.Tensor:
    # libjpeg's faster transforms, TensorFlow's default, are up to 7 levels off.
    return tf.io.decode_jpeg(image_bytes, channels=3, dct_method='INTEGER_ACCURATE')


def _decode_as(kind: tf.Tensor, image_bytes: tf.Tensor) -> tf.Tensor:
    image = tf.switch_case(
        kind - 1,
        [
            lambda: _decode_jpeg(image_bytes),
            lambda: tf.io.decode_png(image_bytes, channels=3),
            # The op refuses to leave the transparency of a WebP file out by itself.
            lambda: tf.io.decode_image(image_bytes, expand_animations=False)[..., :3],
        ],
    )
    return tf.ensure_shape(image, (None, None, 3))
