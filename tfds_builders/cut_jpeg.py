"""JPEG files that break off: whether pixels are missing, or only the marker of the end."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tfds_builders.picture_formats import LARGEST_PIXELS_UNREDUCED

END = b'\xff\xd9'
# Another way in which the file might go on.
_OTHER_END = b'\x5a' * 64 + END


def lacks_only_its_end(data: bytes) -> bool:
    """Whether a file without its last marker has all its pixels.

    What follows the last pixel is not looked at, and what comes in place of pixels changes them.

    >>> lacks_only_its_end(b'')
    False
    """
    if data.rstrip(b'\0').endswith(END):
        return False
    try:
        # By Pillow, because OpenCV prints that data are damaged, and not those of which file.
        return np.array_equal(_read(data + END), _read(data + _OTHER_END))
    except Exception:  # Pillow raises a dozen kinds for damaged files, of no common base.
        return False


def _read(data: bytes) -> np.ndarray:
    """The pixels, at half the size where it is large, neither turned nor converted."""
    with Image.open(io.BytesIO(data), formats=['JPEG']) as picture:
        if picture.width * picture.height > LARGEST_PIXELS_UNREDUCED:
            picture.draft(None, (picture.width // 2, picture.height // 2))
        return np.asarray(picture)
