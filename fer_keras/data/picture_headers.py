"""What the first bytes of a picture's file say: its format, its size, and what is wrong with it."""

from __future__ import annotations

import tensorflow as tf

from tfds_builders.picture_formats import LARGEST_PIXELS_IN_GRAPH

UNKNOWN, JPEG, PNG, WEBP = range(4)
# Of a chunk of PNG: length, name and checksum; and the name of the last one as a number.
_PNG_FRAME_BYTES, _IEND = 12, 0x49454E44
_WITH_TEXTS = r'\C*(tEXt|zTXt|iTXt|iCCP|eXIf|sPLT)\C*'


@tf.autograph.experimental.do_not_convert
def find_problem(
    image_bytes: tf.Tensor, largest_pixels: int = LARGEST_PIXELS_IN_GRAPH
) -> tf.Tensor:
    """What its first bytes say against decoding a file: string `[]`, empty where nothing does.

    Raises:
        tf.errors.InvalidArgumentError: A JPEG without a readable header.
    """
    head = read_head(image_bytes)
    return problem_of(image_bytes, head, format_of(head), largest_pixels)


def problem_of(
    image_bytes: tf.Tensor, head: tf.Tensor, kind: tf.Tensor, largest_pixels: int
) -> tf.Tensor:
    height, width = tf.unstack(_size_of(kind, head, image_bytes))
    # A quotient, because a product of two sizes could overflow.
    is_too_large = height > largest_pixels // tf.maximum(width, 1)
    return tf.case(
        [
            (
                kind == UNKNOWN,
                lambda: tf.constant('must be a JPEG, PNG or WebP file. Received: another one.'),
            ),
            (
                (kind == WEBP) & _is_animated(head),
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
            return is_whole & (read_integers(data, start[None] + 4, 4)[0] != _IEND)

        def next_start(start: tf.Tensor) -> tuple[tf.Tensor]:
            return (start + _PNG_FRAME_BYTES + read_integers(data, start[None], 4)[0],)

        (end,) = tf.while_loop(is_inside, next_start, (tf.constant(8, tf.int64),))
        return end > size

    def look() -> tf.Tensor:
        has_texts = tf.strings.regex_full_match(image_bytes, _WITH_TEXTS)
        return tf.cond(has_texts, walk, lambda: tf.constant(False))

    return tf.cond(kind == PNG, look, lambda: tf.constant(False))


def _size_of(kind: tf.Tensor, head: tf.Tensor, image_bytes: tf.Tensor) -> tf.Tensor:
    """int64 `[2]`, height and width as the header has them; zeros for an unknown format."""
    # libjpeg reads the size itself: a parser of our own could be led to another one.
    return tf.switch_case(
        kind,
        [
            lambda: tf.zeros(2, tf.int64),
            lambda: tf.cast(tf.io.extract_jpeg_shape(image_bytes)[:2], tf.int64),
            lambda: read_integers(head, tf.constant([20, 16], tf.int64), 4),
            lambda: _webp_size(head),
        ],
    )


def read_head(image_bytes: tf.Tensor) -> tf.Tensor:
    """The first 32 bytes, uint8 `[32]`; zeros where there are fewer."""
    return tf.io.decode_raw(image_bytes, tf.uint8, fixed_length=32)


def format_of(head: tf.Tensor) -> tf.Tensor:
    """int32 `[]`: `UNKNOWN`, `JPEG`, `PNG` or `WEBP`."""
    is_jpeg = _starts(head, b'\xff\xd8\xff')
    is_png = _starts(head, b'\x89PNG\r\n\x1a\n')
    is_webp = _starts(head, b'RIFF') & _starts(head[8:], b'WEBP')
    flags = tf.stack([is_jpeg, is_png, is_webp])
    return tf.reduce_max(tf.cast(flags, tf.int32) * tf.constant([JPEG, PNG, WEBP]))


def _is_animated(head: tf.Tensor) -> tf.Tensor:
    """Whether a WebP file holds more than one picture."""
    has_animation = tf.bitwise.bitwise_and(head[20], 2) > 0
    return _starts(head[12:], b'VP8X') & has_animation


def _webp_size(head: tf.Tensor) -> tf.Tensor:
    """int64 `[2]`, height and width (RFC 9649, sections 2.5 to 2.7 and 3.4)."""

    def field(start: int, length: int, mask: int, shift: int = 0) -> tf.Tensor:
        number = read_integers(head, tf.constant([start], tf.int64), length, tf.constant(True))[0]
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


def read_integers(
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
