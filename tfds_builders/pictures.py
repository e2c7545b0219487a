"""Reads pictures outside TensorFlow: the one place that says what a readable picture is.

`fer_keras.data.decoding` is the same as a TensorFlow graph. Both give equal pixels, but for CMYK
(`LARGEST_CMYK_DIFFERENCE`), and both read the size before the pixels, so that a small file which
unpacks to gigabytes is refused before it is unpacked.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import os
import pathlib
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image, ImageOps

from tfds_builders.errors import (
    InvalidPictureError,
    MissingPictureError,
    TooLargePictureError,
)

# Decoding holds up to 7 bytes a pixel for a moment: 560 MB.
LARGEST_PIXELS = 80_000_000
# In TensorFlow decoding and resizing take 15 bytes a pixel for a moment: 375 MB.
LARGEST_PIXELS_IN_GRAPH = 25_000_000
# Grey levels by which OpenCV's conversion of CMYK is off the one of TensorFlow and Pillow.
LARGEST_CMYK_DIFFERENCE = 1

Source = str | os.PathLike[str] | bytes


@dataclasses.dataclass(frozen=True)
class PictureFormat:
    """A format that pictures may have.

    Attributes:
        suffixes: How names of its files end, in lower case; a file is read by its content.
        in_archives: Whether the archives of the data sets have such files.
        in_graph: Whether the TensorFlow decoder reads it, too.

    >>> FORMATS['JPEG'].suffixes
    ('.jpg', '.jpeg')
    """

    suffixes: tuple[str, ...]
    in_archives: bool = False
    in_graph: bool = False


# By Pillow's name. It knows fifty more, and hands some of them to other programs.
FORMATS = {
    'JPEG': PictureFormat(('.jpg', '.jpeg'), in_archives=True, in_graph=True),
    'PNG': PictureFormat(('.png',), in_archives=True, in_graph=True),
    'BMP': PictureFormat(('.bmp',)),
    'WEBP': PictureFormat(('.webp',), in_graph=True),
    'TIFF': PictureFormat(('.tif', '.tiff')),
    'GIF': PictureFormat(()),
}
IMAGE_SUFFIXES = tuple(suffix for known in FORMATS.values() for suffix in known.suffixes)
ARCHIVE_SUFFIXES = tuple(
    suffix for known in FORMATS.values() if known.in_archives for suffix in known.suffixes
)


def read_picture(source: Source) -> np.ndarray:
    """Reads a picture as a person sees it.

    >>> png = cv2.imencode('.png', np.full((1, 2, 3), (3, 2, 1), np.uint8))[1].tobytes()
    >>> read_picture(png).tolist()
    [[[1, 2, 3], [1, 2, 3]]]

    Args:
        source: A file, or the bytes of one.

    Returns:
        uint8 `[height, width, 3]`, RGB: turned as EXIF says, grey repeated, 16 bits reduced to 8,
        transparency dropped.

    Raises:
        InvalidPictureError: It is no picture of `FORMATS`, is damaged, or (as the subclass
            `TooLargePictureError`) has more than `LARGEST_PIXELS`. A `ValueError`.
        MissingPictureError: There is no such file. A `FileNotFoundError`.
    """
    with open_picture(source) as picture:
        if FORMATS[_format_of(picture)].in_graph:
            # Not by Pillow, whose parser of EXIF fails on what OpenCV and TensorFlow read.
            return cv2.cvtColor(_decode(source, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        with _named(source):
            return _to_rgb(ImageOps.exif_transpose(picture))


def read_unchanged(source: Source) -> np.ndarray:
    """Reads a picture as the file has it: not turned, in its own channels and depth.

    Returns:
        uint8 or uint16, `[height, width]` where it is grey, `[height, width, 3 or 4]` else: BGR.

    Raises:
        InvalidPictureError: As for `read_picture`.
        MissingPictureError: As for `read_picture`.
    """
    with open_picture(source):
        return _decode(source, cv2.IMREAD_UNCHANGED)


def pixel_hash(image: np.ndarray) -> str:
    """What a picture is known by, whatever it is called and however its pixels are stored.

    >>> pixel_hash(np.zeros((2, 3, 3), np.uint8))
    '2ecec42c1a2e1f2a41760e6700c904aa'

    Args:
        image: uint8 `[height, width, 3]`, RGB, upright, as `read_picture` gives it.

    Returns:
        The first 16 bytes of the SHA-256 of `<height>x<width>:` and the pixels row by row, in hex.
    """
    height, width = image.shape[:2]
    found = hashlib.sha256(f'{height}x{width}:'.encode())
    found.update(np.ascontiguousarray(image).tobytes())
    return found.hexdigest()[:32]


def open_picture(source: Source) -> Image.Image:
    """Opens a picture, its format and size checked and no pixel read.

    Returns:
        Pillow's picture, as the file has it: neither turned nor converted.

    Raises:
        InvalidPictureError: As for `read_picture`.
        MissingPictureError: As for `read_picture`.
    """
    with _named(source):
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        picture = Image.open(file, formats=tuple(FORMATS))
    width, height = picture.size
    if width * height > LARGEST_PIXELS:
        picture.close()
        raise TooLargePictureError(_too_large(source, f'{width}x{height}'))
    return picture


def shrink(image: np.ndarray, longest_side_px: int) -> np.ndarray:
    """Shrinks an image, averaging over areas, unless its longer side is short enough.

    >>> shrink(np.zeros((40, 20, 3), np.uint8), 10).shape
    (10, 5, 3)

    Args:
        image: uint8 or float32 `[height, width(, channels)]`.
        longest_side_px: Of the result, at most.
    """
    scale = longest_side_px / max(image.shape[:2])
    return image if scale >= 1 else shrink_by(image, scale)


def shrink_by(image: np.ndarray, scale: float) -> np.ndarray:
    """Shrinks both sides by a scale in (0, 1), averaging over areas."""
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


@contextlib.contextmanager
def _named(source: Source) -> Iterator[None]:
    """Gives whatever goes wrong with a picture its name and one type."""
    name = _name_of(source)
    try:
        yield
    except FileNotFoundError as error:
        raise MissingPictureError(f'{name} does not exist.') from error
    except Image.DecompressionBombError as error:
        received = f'more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,}'
        raise TooLargePictureError(_too_large(source, received)) from error
    except Exception as error:  # Pillow raises a dozen kinds for damaged files, of no common base.
        raise InvalidPictureError(_damaged(name, type(error).__name__)) from error


def _decode(source: Source, how: int) -> np.ndarray:
    with _named(source):
        data = source if isinstance(source, bytes) else pathlib.Path(source).read_bytes()
        image: np.ndarray | None = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if image is None:
        raise InvalidPictureError(_damaged(_name_of(source), 'incomplete'))
    return image


def _to_rgb(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith('I'):  # 16 bits; `convert` would clip at 255.
        grey = np.asarray(picture).astype(np.int64) >> 8
        return np.repeat(grey[..., None].clip(0, 255).astype(np.uint8), 3, axis=-1)
    return np.array(picture.convert('RGB'))


def _format_of(picture: Image.Image) -> str:
    # MPO is a JPEG that holds more pictures behind its first.
    return 'JPEG' if picture.format == 'MPO' else str(picture.format)


def _name_of(source: Source) -> str:
    return 'the picture' if isinstance(source, bytes) else os.fspath(source)


def _damaged(name: str, reason: str) -> str:
    return f'{name} is damaged or no picture; open it in a viewer. ({reason})'


def _too_large(source: Source, received: str) -> str:
    return (
        f'{_name_of(source)} must have at most {LARGEST_PIXELS:,} pixels. '
        f'Received: {received}. Shrink it first.'
    )
