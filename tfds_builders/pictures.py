"""Reads pictures outside TensorFlow: the one place that says what a readable picture is.

`fer_keras.data.decoding` is the same as a TensorFlow graph, for the formats that have `in_graph`.
Both give equal pixels, but for CMYK (`LARGEST_CMYK_DIFFERENCE`), and both read the size before the
pixels, so that a small file which unpacks to gigabytes is refused before it is unpacked.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import io
import warnings

import cv2
import numpy as np
from PIL import Image, ImageOps

from tfds_builders import cut_jpeg, exif, picture_files, picture_formats, png_chunks
from tfds_builders.deep_pictures import note_empty_bits, to_8_bits
from tfds_builders.errors import InvalidPictureError, TooLargePictureError
from tfds_builders.picture_files import PictureFile, Source, named, too_large
from tfds_builders.picture_formats import FORMATS, Header

# Grey levels by which OpenCV's conversion of CMYK is off the one of TensorFlow and Pillow.
LARGEST_CMYK_DIFFERENCE = 2
_AS_RGB_ANYWAY = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
_AT_HALF_SIZE = cv2.IMREAD_REDUCED_COLOR_2 | cv2.IMREAD_IGNORE_ORIENTATION


@dataclasses.dataclass(frozen=True)
class Reading:
    """A picture, and what is to be said of how it was read.

    Attributes:
        image: uint8 `[height, width, 3]`, RGB, as `read_picture` gives it.
        kind: Its format, a key of `picture_formats.FORMATS`.
        notes: What was left out or scaled, a phrase each.
        is_for_graph: Whether `fer_keras.data.decoding` reads the same file to the same pixels.

    >>> Reading(np.zeros((1, 1, 3), np.uint8), 'GIF', ('the first of several frames',)).is_for_graph
    False
    """

    image: np.ndarray
    kind: str
    notes: tuple[str, ...] = ()
    is_for_graph: bool = False


def read_picture(source: Source) -> np.ndarray:
    """Reads a picture as a person sees it.

    >>> png = cv2.imencode('.png', np.full((1, 2, 3), (3, 2, 1), np.uint8))[1].tobytes()
    >>> read_picture(png).tolist()
    [[[1, 2, 3], [1, 2, 3]]]

    Args:
        source: A file, or the bytes of one.

    Returns:
        uint8 `[height, width, 3]`, RGB: turned as EXIF says, grey repeated, 16 bits reduced to 8,
        transparency dropped; half the size where it has more pixels than
        `picture_formats.LARGEST_PIXELS_UNREDUCED`.

    Raises:
        InvalidPictureError: It is no picture of `FORMATS`, is damaged, or (as the subclass
            `TooLargePictureError`) has more pixels than its format may have. A `ValueError`.
        MissingPictureError: There is no such file. A `FileNotFoundError`.
    """
    return read(source).image


def read(source: Source) -> Reading:
    """As `read_picture`, with what is to be said of it.

    Raises:
        InvalidPictureError: As for `read_picture`.
        MissingPictureError: As for `read_picture`.
    """
    file = picture_files.load(source)
    with named(file):
        header = file.header
        is_plain = FORMATS[file.kind].in_graph and header and not header.is_animated
        if header and (is_plain or file.kind == 'PNG'):
            return _by_opencv(file.data, file.kind, header)
        if file.kind == 'TIFF' and picture_formats.is_deep_tiff(file.data):
            return _deep(file.data)
        return _by_pillow(file)


def from_pillow(picture: Image.Image) -> tuple[np.ndarray, tuple[str, ...]]:
    """Image and notes of a picture of Pillow, as `read` gives them for its file.

    >>> from_pillow(Image.new('L', (2, 1), 7))[0].tolist()
    [[[7, 7, 7], [7, 7, 7]]]

    Raises:
        InvalidPictureError: Its file is damaged, or its values are no numbers.
    """
    with named(PictureFile('the PIL image', str(picture.format), b'', None)):
        upright = _upright(picture)
        if upright.mode in ('F', 'I'):
            image, note = to_8_bits(np.asarray(upright))
            return image, (note,)
        return _to_rgb(upright), ()


def read_unchanged(source: Source) -> np.ndarray:
    """Reads a picture as the file has it: not turned, in its own channels and depth.

    Returns:
        uint8 or uint16, `[height, width]` where it is grey, `[height, width, 3 or 4]` else: BGR.

    Raises:
        InvalidPictureError: As for `read_picture`.
        MissingPictureError: As for `read_picture`.
    """
    file = picture_files.load(source)
    with named(file):
        return _decode(file.data, cv2.IMREAD_UNCHANGED)


def pixel_hash(image: np.ndarray) -> str:
    """What a picture is known by, whatever it is called and however its pixels are stored.

    >>> pixel_hash(np.zeros((2, 3, 3), np.uint8))
    '2ecec42c1a2e1f2a41760e6700c904aa'

    Args:
        image: uint8 `[height, width, 3]`, RGB, upright, as `read_picture` gives it.

    Returns:
        In hex, the first 16 bytes of the SHA-256 of height and width, written as `2x3` with a colon
        behind, and the pixels row by row.
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
    file = picture_files.load(source)
    with named(file):
        return _open(file)


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


def fit(image: np.ndarray, most_pixels: int) -> np.ndarray:
    """Shrinks an image, averaging over areas, unless it has at most so many pixels.

    >>> fit(np.zeros((40, 20, 3), np.uint8), 200).shape
    (20, 10, 3)
    """
    height, width = image.shape[:2]
    scale = (most_pixels / (height * width)) ** 0.5
    if scale >= 1:
        return image
    size = max(1, int(width * scale)), max(1, int(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _by_opencv(data: bytes, kind: str, header: Header) -> Reading:
    # Not by Pillow, whose parser of EXIF fails on what OpenCV and TensorFlow read.
    is_large = header.pixels > picture_formats.LARGEST_PIXELS_UNREDUCED
    how = _AT_HALF_SIZE if is_large else _AS_RGB_ANYWAY
    try:
        image, is_whole = _decode(data, how), True
    except ValueError:
        image, is_whole = _decode_without_end(data, kind, how), False
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    image = exif.turn(image, exif.find_orientation(kind, data))
    height, width = image.shape[:2]
    notes = ['the first of several frames'] * header.is_animated
    notes += [f'read at half its size, {width}x{height}, which boxes are measured in'] * is_large
    notes += ['its last bytes are missing, but no pixel'] * (not is_whole)
    notes += note_empty_bits(image) if header.depth == 16 else []
    is_small = header.pixels <= picture_formats.LARGEST_PIXELS_IN_GRAPH and not is_large
    is_for_graph = is_small and is_whole and header.is_regular
    return Reading(image, kind, tuple(notes), is_for_graph=is_for_graph)


def _decode_without_end(data: bytes, kind: str, how: int) -> np.ndarray:
    """A JPEG of which nothing is missing but the marker of its end."""
    if kind == 'JPEG' and cut_jpeg.lacks_only_its_end(data):
        return _decode(data + cut_jpeg.END, how)
    raise ValueError('its end is missing, or its content is damaged')


def _decode(data: bytes, how: int) -> np.ndarray:
    if picture_formats.find_format(data[: picture_formats.HEAD_BYTES]) == 'PNG':
        # Of an animation the picture that is shown where animations are not, as the graph reads it.
        data = png_chunks.without_animation(data)
    image: np.ndarray | None = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if image is None:
        raise ValueError('its end is missing, or its content is damaged')
    return image


def _deep(data: bytes) -> Reading:
    # Pillow has no colours of more than 8 bits, and takes unsigned numbers for signed ones.
    image, note = to_8_bits(_decode(data, cv2.IMREAD_UNCHANGED))
    return Reading(exif.turn(image, exif.find_orientation('TIFF', data)), 'TIFF', (note,))


def _by_pillow(file: PictureFile) -> Reading:
    kind = file.kind
    with _open(file) as picture, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        parts = 'pages' if kind == 'TIFF' else 'frames'
        is_one = not getattr(picture, 'is_animated', False)
        notes = [] if is_one else [f'the first of several {parts}']
        if kind == 'WEBP':
            image = exif.turn(_to_rgb(picture), exif.find_orientation(kind, file.data))
        elif kind == 'TIFF' and picture_formats.is_fax(file.data):
            image = _fax(file.data)
        else:
            image = _to_rgb(_upright(picture))
        notes += note_empty_bits(image) if picture.mode.startswith('I;16') else []
        return Reading(image, kind, tuple(notes))


def _fax(data: bytes) -> np.ndarray:
    # Pillow leaves lines that cannot be decoded as the memory was: other pixels each time.
    image = cv2.cvtColor(_decode(data, _AS_RGB_ANYWAY), cv2.COLOR_BGR2RGB)
    return exif.turn(image, exif.find_orientation('TIFF', data))


def _open(file: PictureFile) -> Image.Image:
    """Pillow's picture, of a size that it may decode."""
    name, kind = file.name, file.kind
    if kind == 'HEIF':
        try:
            importlib.import_module('pillow_heif').register_heif_opener()
        except ImportError as error:
            raise InvalidPictureError(
                f'{name} is a HEIC picture, which needs another package. Save it as JPEG, or type: '
                'pip install pillow-heif (with fer_keras: pip install "fer_keras[heic]")'
            ) from error
    Image.init()
    if kind not in Image.OPEN:
        raise InvalidPictureError(
            f'{name} is a picture of {kind}, which this Pillow does not read. Save it as JPEG, or '
            'type: pip install --upgrade pillow'
        )
    with warnings.catch_warnings():
        # Sizes are checked here, by a limit of our own.
        warnings.simplefilter('ignore')
        picture = Image.open(io.BytesIO(file.data), formats=[kind])
    limit = min(FORMATS[kind].largest_pixels, picture_formats.LARGEST_PIXELS_UNREDUCED)
    if picture.width * picture.height > limit:
        raise TooLargePictureError(too_large(name, limit, *picture.size))
    return picture


def _upright(picture: Image.Image) -> Image.Image:
    picture.load()
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # Of fields that Pillow cannot read, which are no reason to refuse.
        return picture


def _to_rgb(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith('I'):  # 16 bits; `convert` would clip at 255.
        grey = np.asarray(picture) >> 8
        return np.repeat(grey[..., None].clip(0, 255).astype(np.uint8), 3, axis=-1)
    return np.array(picture.convert('RGB'))
