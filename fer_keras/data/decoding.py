"""From a picture's bytes to upright pixels: `tfds_builders.pictures` in TensorFlow ops.

Training, evaluation and the served graph all call it. Sizes are read from the header first, so that
a small file which unpacks to gigabytes is refused before it is unpacked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from tfds_builders.picture_formats import LARGEST_PIXELS_IN_GRAPH

# A block of EXIF has its length in two bytes.
_LONGEST_EXIF = 65_536
_UNKNOWN, _JPEG, _PNG, _WEBP = range(4)
# Of a chunk of PNG: length, name and checksum; and the name of the last one as a number.
_PNG_FRAME_BYTES, _IEND = 12, 0x49454E44
_WITH_TEXTS = r'\C*(tEXt|zTXt|iTXt|iCCP|eXIf|sPLT)\C*'


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
        head = _head(image_bytes)
        kind = _format_of(head)
        problem = _problem_of(image_bytes, head, kind, largest_pixels)
        with tf.control_dependencies([tf.debugging.Assert(problem == '', [problem])]):
            image_bytes = tf.identity(image_bytes)
        image = _decode_as(kind, image_bytes)
        orientation = _orientation_of(kind, image_bytes)
        return tf.cond(orientation > 1, lambda: _turn(image, orientation), lambda: image)

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
        orientation = _orientation_of(tf.constant(_JPEG), image_bytes)
        return tf.cond(orientation > 1, lambda: _turn(image, orientation), lambda: image)

    is_jpeg = _format_of(_head(image_bytes)) == _JPEG
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
            return _decode_as(tf.constant(_JPEG), tf.identity(image_bytes))

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


@tf.autograph.experimental.do_not_convert
def find_problem(
    image_bytes: tf.Tensor, largest_pixels: int = LARGEST_PIXELS_IN_GRAPH
) -> tf.Tensor:
    """What its first bytes say against decoding a file: string `[]`, empty where nothing does.

    Raises:
        tf.errors.InvalidArgumentError: A JPEG without a readable header.
    """
    head = _head(image_bytes)
    return _problem_of(image_bytes, head, _format_of(head), largest_pixels)


def _problem_of(
    image_bytes: tf.Tensor, head: tf.Tensor, kind: tf.Tensor, largest_pixels: int
) -> tf.Tensor:
    height, width = tf.unstack(_size_of(kind, head, image_bytes))
    # A quotient, because a product of two sizes could overflow.
    is_too_large = height > largest_pixels // tf.maximum(width, 1)
    return tf.case(
        [
            (
                kind == _UNKNOWN,
                lambda: tf.constant('must be a JPEG, PNG or WebP file. Received: another one.'),
            ),
            (
                (kind == _WEBP) & _is_animated(head),
                lambda: tf.constant('must be one picture. Received: an animated WebP file.'),
            ),
            (
                _has_chunk_beyond_end(kind, image_bytes),
                lambda: tf.constant('must be whole. Received: a PNG file that is cut off.'),
            ),
            (
                is_too_large,
                lambda: tf.strings.format(
                    'must have at most {} pixels. Received: {} x {}. Shrink it first.',
                    (largest_pixels, width, height),
                ),
            ),
        ],
        default=lambda: tf.constant(''),
    )


def _has_chunk_beyond_end(kind: tf.Tensor, image_bytes: tf.Tensor) -> tf.Tensor:
    """Whether a chunk of a PNG file says that it is longer than the file: bool `[]`.

    libpng makes room for as much before it looks. Only files with chunks of texts and the like are
    looked through, which few have: it takes a step for each chunk.
    """

    def walk() -> tf.Tensor:
        data = tf.io.decode_raw(image_bytes, tf.uint8)
        size = tf.size(data, tf.int64)

        def is_inside(start: tf.Tensor) -> tf.Tensor:
            is_whole = start + _PNG_FRAME_BYTES <= size
            return is_whole & (_integers(data, start[None] + 4, 4)[0] != _IEND)

        def next_start(start: tf.Tensor) -> tuple[tf.Tensor]:
            return (start + _PNG_FRAME_BYTES + _integers(data, start[None], 4)[0],)

        (end,) = tf.while_loop(is_inside, next_start, (tf.constant(8, tf.int64),))
        return end > size

    def look() -> tf.Tensor:
        has_texts = tf.strings.regex_full_match(image_bytes, _WITH_TEXTS)
        return tf.cond(has_texts, walk, lambda: tf.constant(False))

    return tf.cond(kind == _PNG, look, lambda: tf.constant(False))


def _size_of(kind: tf.Tensor, head: tf.Tensor, image_bytes: tf.Tensor) -> tf.Tensor:
    """int64 `[2]`, height and width as the header has them; zeros for an unknown format."""
    # libjpeg reads the size itself: a parser of our own could be led to another one.
    return tf.switch_case(
        kind,
        [
            lambda: tf.zeros(2, tf.int64),
            lambda: tf.cast(tf.io.extract_jpeg_shape(image_bytes)[:2], tf.int64),
            lambda: _integers(head, tf.constant([20, 16], tf.int64), 4),
            lambda: _webp_size(head),
        ],
    )


def _decode_as(kind: tf.Tensor, image_bytes: tf.Tensor) -> tf.Tensor:
    image = tf.switch_case(
        kind - 1,
        [
            # libjpeg's faster transforms, TensorFlow's default, are up to 7 levels off.
            lambda: tf.io.decode_jpeg(image_bytes, channels=3, dct_method='INTEGER_ACCURATE'),
            lambda: tf.io.decode_png(image_bytes, channels=3),
            # The op refuses to leave the transparency of a WebP file out by itself.
            lambda: tf.io.decode_image(image_bytes, expand_animations=False)[..., :3],
        ],
    )
    return tf.ensure_shape(image, (None, None, 3))


def _orientation_of(kind: tf.Tensor, image_bytes: tf.Tensor) -> tf.Tensor:
    """The EXIF tag Orientation of a JPEG, PNG or WebP file, int64 `[]`, 1 to 8; 1 without one."""
    markers = tf.constant([b'none', b'Exif\0\0', b'eXIf', b'EXIF'])
    marker = tf.gather(markers, kind)
    # Around the first marker: a picture inside the EXIF block, for a preview, comes after it.
    parts = tf.raw_ops.StringSplitV2(input=[image_bytes], sep=marker, maxsplit=1).values
    # Most files have none, and what follows costs as much as the decoding of a small picture.
    return tf.cond(
        tf.size(parts) > 1,
        lambda: _orientation_in_exif(parts[1]),
        lambda: tf.constant(1, tf.int64),
    )


def _orientation_in_exif(block: tf.Tensor) -> tf.Tensor:
    """Reads what follows a marker of EXIF: string `[]` to int64 `[]`, 1 where that is no EXIF."""
    exif = tf.io.decode_raw(block, tf.uint8, fixed_length=_LONGEST_EXIF)
    # A chunk of WebP has its length first, and in some files JPEG's marker after it.
    starts = tf.constant([0, 4, 10], tf.int64)
    headers = _integers(exif, starts, 4)
    is_tiff = (headers == 0x49492A00) | (headers == 0x4D4D002A)
    return tf.cond(
        tf.reduce_any(is_tiff),
        lambda: _orientation_in_tiff(exif[tf.boolean_mask(starts, is_tiff)[0] :]),
        lambda: tf.constant(1, tf.int64),
    )


def _orientation_in_tiff(tiff: tf.Tensor) -> tf.Tensor:
    """Reads tag 0x0112 of the first directory, or 1 (TIFF 6.0, section 2): uint8 `[n]` to `[]`."""
    is_little = tiff[0] == ord('I')
    directory = _integers(tiff, tf.constant([4], tf.int64), 4, is_little)
    num_entries = _integers(tiff, directory, 2, is_little)[0]
    entries = directory + 2 + 12 * tf.range(num_entries)
    is_orientation = _integers(tiff, entries, 2, is_little) == 0x0112
    # Of the first such tag; the three lengths stand for the types BYTE, SHORT and LONG.
    place = tf.concat([tf.boolean_mask(entries, is_orientation), [0]], axis=0)[:1]
    values = [_integers(tiff, place + 8, length, is_little)[0] for length in (1, 2, 4)]
    is_type = _integers(tiff, place + 2, 2, is_little) == tf.constant([1, 3, 4], tf.int64)
    is_there = tf.reduce_any(is_orientation)
    value = tf.reduce_sum(tf.where(is_type & is_there, tf.stack(values), 0))
    return tf.where((value >= 1) & (value <= 8), value, 1)


def _turn(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Undoes an EXIF orientation of 2 to 8 (EXIF 2.3, section 4.6.4)."""
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    vertical, horizontal = (3, 4, 7, 8), (2, 3, 6, 7)
    flips = tf.reduce_any(orientation == tf.constant([vertical, horizontal], tf.int64), axis=1)
    image = tf.reverse(image, tf.boolean_mask(tf.constant([0, 1]), flips))
    return tf.ensure_shape(image, (None, None, 3))


def _head(image_bytes: tf.Tensor) -> tf.Tensor:
    """The first 32 bytes, uint8 `[32]`; zeros where there are fewer."""
    return tf.io.decode_raw(image_bytes, tf.uint8, fixed_length=32)


def _format_of(head: tf.Tensor) -> tf.Tensor:
    """int32 `[]`: `_UNKNOWN`, `_JPEG`, `_PNG` or `_WEBP`."""
    is_jpeg = _starts(head, b'\xff\xd8\xff')
    is_png = _starts(head, b'\x89PNG\r\n\x1a\n')
    is_webp = _starts(head, b'RIFF') & _starts(head[8:], b'WEBP')
    flags = tf.stack([is_jpeg, is_png, is_webp])
    return tf.reduce_max(tf.cast(flags, tf.int32) * tf.constant([_JPEG, _PNG, _WEBP]))


def _is_animated(head: tf.Tensor) -> tf.Tensor:
    """Whether a WebP file holds more than one picture."""
    has_animation = tf.bitwise.bitwise_and(head[20], 2) > 0
    return _starts(head[12:], b'VP8X') & has_animation


def _webp_size(head: tf.Tensor) -> tf.Tensor:
    """int64 `[2]`, height and width (RFC 9649, sections 2.5 to 2.7 and 3.4)."""

    def field(start: int, length: int, mask: int, shift: int = 0) -> tf.Tensor:
        number = _integers(head, tf.constant([start], tf.int64), length, tf.constant(True))[0]
        return tf.bitwise.bitwise_and(tf.bitwise.right_shift(number, shift), mask)

    return tf.case(
        [
            (
                _starts(head[12:], b'VP8X'),
                lambda: tf.stack([field(27, 3, 0xFFFFFF) + 1, field(24, 3, 0xFFFFFF) + 1]),
            ),
            (
                _starts(head[12:], b'VP8L'),
                lambda: tf.stack([field(21, 4, 0x3FFF, 14) + 1, field(21, 4, 0x3FFF) + 1]),
            ),
        ],
        default=lambda: tf.stack([field(28, 2, 0x3FFF), field(26, 2, 0x3FFF)]),
    )


def _starts(data: tf.Tensor, prefix: bytes) -> tf.Tensor:
    return tf.reduce_all(data[: len(prefix)] == tf.constant(list(prefix), tf.uint8))


def _integers(
    data: tf.Tensor, starts: tf.Tensor, length: int, is_little: tf.Tensor | bool = False
) -> tf.Tensor:
    """Unsigned numbers of `length` bytes at `starts`: int64 `[n]`; zeros beyond the end."""
    positions = starts[:, None] + tf.range(length, dtype=tf.int64)
    last = tf.size(data, tf.int64) - 1
    digits = tf.cast(tf.gather(data, tf.minimum(positions, last)), tf.int64)
    digits = tf.where(positions <= last, digits, 0)
    powers = [256**i for i in range(length)]
    weights = tf.where(
        is_little, tf.constant(powers, tf.int64), tf.constant(powers[::-1], tf.int64)
    )
    return tf.reduce_sum(digits * weights, axis=1)
