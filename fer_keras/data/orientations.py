"""How a picture is to be turned to be upright: the EXIF tag Orientation."""

from __future__ import annotations

import tensorflow as tf

from fer_keras.data.picture_headers import read_integers

# A block of EXIF has its length in two bytes.
_LONGEST_EXIF = 65_536


def read_orientation(kind: tf.Tensor, image_bytes: tf.Tensor) -> tf.Tensor:
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
    headers = read_integers(exif, starts, 4)
    is_tiff = (headers == 0x49492A00) | (headers == 0x4D4D002A)
    return tf.cond(
        tf.reduce_any(is_tiff),
        lambda: _orientation_in_tiff(exif[tf.boolean_mask(starts, is_tiff)[0] :]),
        lambda: tf.constant(1, tf.int64),
    )


def _orientation_in_tiff(tiff: tf.Tensor) -> tf.Tensor:
    """Reads tag 0x0112 of the first directory, or 1 (TIFF 6.0, section 2): uint8 `[n]` to `[]`."""
    is_little = tiff[0] == ord('I')
    directory = read_integers(tiff, tf.constant([4], tf.int64), 4, is_little)
    num_entries = read_integers(tiff, directory, 2, is_little)[0]
    entries = directory + 2 + 12 * tf.range(num_entries)
    is_orientation = read_integers(tiff, entries, 2, is_little) == 0x0112
    # Of the first such tag; the three lengths stand for the types BYTE, SHORT and LONG.
    place = tf.concat([tf.boolean_mask(entries, is_orientation), [0]], axis=0)[:1]
    values = [read_integers(tiff, place + 8, length, is_little)[0] for length in (1, 2, 4)]
    is_type = read_integers(tiff, place + 2, 2, is_little) == tf.constant([1, 3, 4], tf.int64)
    is_there = tf.reduce_any(is_orientation)
    value = tf.reduce_sum(tf.where(is_type & is_there, tf.stack(values), 0))
    return tf.where((value >= 1) & (value <= 8), value, 1)


def turn_upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Undoes an EXIF orientation of 2 to 8 (EXIF 2.3, section 4.6.4)."""
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    vertical, horizontal = (3, 4, 7, 8), (2, 3, 6, 7)
    flips = tf.reduce_any(orientation == tf.constant([vertical, horizontal], tf.int64), axis=1)
    image = tf.reverse(image, tf.boolean_mask(tf.constant([0, 1]), flips))
    return tf.ensure_shape(image, (None, None, 3))
