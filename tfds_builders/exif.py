"""The turn that EXIF asks for, as `fer_keras.data.decoding` reads it in TensorFlow: tag for tag.

Pillow fails on fields that others read, and each library takes another view of odd ones.
"""

from __future__ import annotations

import numpy as np

ORIENTATION = 0x0112
# A block of EXIF has its length in two bytes.
_LONGEST = 65_536
_MARKERS = {'JPEG': b'Exif\0\0', 'PNG': b'eXIf', 'WEBP': b'EXIF'}
# Bytes of BYTE, SHORT and LONG (TIFF 6.0, section 2).
_LENGTHS = {1: 1, 3: 2, 4: 4}
_MOST_VALUES = 16


def find_orientation(kind: str, data: bytes) -> int:
    """The tag Orientation of a file, 1 to 8; 1 without one, or with one of another type.

    Args:
        kind: JPEG, PNG, WEBP or TIFF.
        data: The whole file.
    """
    tiff: bytes | None = data
    if kind in _MARKERS:
        # Around the first marker: a picture inside the EXIF block, for a preview, comes after it.
        start = data.find(_MARKERS[kind])
        start += len(_MARKERS[kind])
        block = data[start : start + _LONGEST] if start >= len(_MARKERS[kind]) else b''
        # A chunk of WebP has its length first, and in some files JPEG's marker after it.
        found = (i for i in (0, 4, 10) if block[i : i + 4] in (b'II*\0', b'MM\0*'))
        place = next(found, None)
        tiff = None if place is None else block[place:]
    value = read_tags(tiff, only=ORIENTATION).get(ORIENTATION, [1])[0] if tiff else 1
    return value if 1 <= value <= 8 else 1


def read_tags(tiff: bytes, only: int | None = None) -> dict[int, list[int]]:
    """Tags of the first directory that are whole numbers, by number: their first values.

    The first of a number counts, what is beyond the end is zero, and other types are left out.

    >>> import struct
    >>> read_tags(b'II*' + struct.pack('<BIHHHIHH', 0, 8, 1, 0x0112, 3, 1, 6, 0))
    {274: [6]}

    Args:
        tiff: From the order of bytes, `II` or `MM`, on.
        only: The number of the only tag that is wanted.
    """
    order = 'little' if tiff[:1] == b'I' else 'big'

    def number(start: int, length: int) -> int:
        return int.from_bytes(tiff[start : start + length].ljust(length, b'\0'), order)  # type: ignore[arg-type]

    directory = number(4, 4)
    tags: dict[int, list[int]] = {}
    if directory >= len(tiff):
        return tags
    seen: set[int] = set()
    for entry in range(directory + 2, directory + 2 + 12 * number(directory, 2), 12):
        tag = number(entry, 2)
        if entry >= len(tiff) or tag in seen or (only is not None and tag != only):
            continue
        seen.add(tag)
        length, count = _LENGTHS.get(number(entry + 2, 2), 0), number(entry + 4, 4)
        if length:
            place = entry + 8 if length * count <= 4 else number(entry + 8, 4)
            # An orientation is one value, whatever is said of their count.
            place = entry + 8 if tag == ORIENTATION else place
            wanted = range(max(1, min(count, _MOST_VALUES)))
            tags[tag] = [number(place + length * i, length) for i in wanted]
    return tags


def turn(image: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes an EXIF orientation of 1 to 8 (EXIF 2.3, section 4.6.4): uint8 `[h, w, 3]`."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)
