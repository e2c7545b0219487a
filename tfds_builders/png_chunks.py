"""The chunks of PNG files (W3C, Portable Network Graphics, third edition, section 5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_SIGNATURE_BYTES = 8
# Length, name and checksum.
_FRAME_BYTES = 12
END = b'\0\0\0\0IEND\xaeB`\x82'
_OF_ANIMATIONS = (b'acTL', b'fcTL', b'fdAT')


class Chunk(NamedTuple):
    """A chunk, and where it lies.

    Attributes:
        name: Four letters.
        start: Of its length, the first of its fields.
        end: Behind its checksum; behind the file, where that is cut off.

    >>> next(walk(bytes(8) + END))
    Chunk(name=b'IEND', start=8, end=20)
    """

    name: bytes
    start: int
    end: int


def walk(data: bytes) -> Iterator[Chunk]:
    """The chunks up to the one that ends the picture; others may follow it."""
    start, name = _SIGNATURE_BYTES, b''
    while name != b'IEND' and start + _FRAME_BYTES <= len(data):
        name = data[start + 4 : start + 8]
        # OpenCV makes room for as many bytes as a chunk says to have.
        end = start + _FRAME_BYTES + struct.unpack_from('>I', data, start)[0]
        yield Chunk(name, start, end)
        start = end


def without_animation(data: bytes) -> bytes:
    """The file as readers see it that know no animations, as TensorFlow does.

    OpenCV ends the process by a segmentation fault where an animation is damaged.

    >>> without_animation(bytes(8) + bytes(4) + b'acTL' + bytes(4) + END) == bytes(8) + END
    True
    """
    if not any(name in data for name in _OF_ANIMATIONS):
        return data
    kept = [(chunk.start, chunk.end) for chunk in walk(data) if chunk.name not in _OF_ANIMATIONS]
    return data[:_SIGNATURE_BYTES] + b''.join(data[start:end] for start, end in kept)
