"""What a caller may give for photos in Python, one or many, and how each becomes a picture."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.inference.photos import Picture
from tfds_builders import pictures
from tfds_builders.errors import InvalidPictureError, MissingPictureError

# RGB uint8 `[height, width, 3]`, a file's name, its bytes, the open file, or a picture of Pillow.
ImageInput = np.ndarray | str | os.PathLike[str] | bytes | BinaryIO | Image.Image
_ALLOWED = (
    'uint8 array [height, width, 3] (RGB), path, bytes of a file, open binary file, or PIL image'
)


def as_pictures(given: ImageInput | Iterable[ImageInput]) -> Iterator[Picture]:
    """One picture after the other, of one photo or of any iterable of photos.

    What cannot be read, or of many is missing, is a `Picture` with its problem, and the next
    follows. Warns where a photo was not read as a viewer shows it: as a `UserWarning`.

    >>> [picture.image.shape for picture in as_pictures(np.zeros((2, 4, 5, 3), np.uint8))]
    [(4, 5, 3), (4, 5, 3)]
    >>> [picture.problem for picture in as_pictures([b''])]
    ['the picture is empty (0 bytes), and no picture: copy it again.']

    Raises:
        InvalidInputError: One is no photo of an allowed type.
        MissingFileError: It is one path, and there is no such file.
    """
    given = _as_array(given)
    if _is_one(given):
        try:
            yield _as_picture(given)
        except MissingPictureError as error:
            raise MissingFileError(str(error)) from error
        return
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise InvalidInputError(
            f'Photos must be one, or an iterable, of: {_ALLOWED}. Received: {_describe(given)}.'
        )
    for one in given:
        try:
            yield _as_picture(one)
        except MissingPictureError as error:
            yield Picture(_source_of(one), None, None, str(error))


def _as_picture(given: Any) -> Picture:
    """The picture of one photo, or why it cannot be read.

    Raises:
        InvalidInputError: As for `as_pictures`.
        MissingPictureError: There is no such file.
    """
    given = _as_array(given)
    source = _source_of(given)
    try:
        image, notes = _read(given)
    except InvalidPictureError as error:
        return Picture(source, None, None, str(error))
    for note in notes:
        warnings.warn(f'{source or "the picture"}: {note}', stacklevel=2)
    return Picture(source, None, image, note='; '.join(notes))


def _read(given: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """uint8 `[height, width, 3]`, RGB, and what is to be said of it."""
    if isinstance(given, np.ndarray):
        return _require_rgb(given), ()
    if isinstance(given, Image.Image):
        return pictures.from_pillow(given)
    if hasattr(given, 'read'):
        given = _read_file(given)
    elif hasattr(given, 'read_bytes') and not isinstance(given, os.PathLike):
        given = given.read_bytes()
    if isinstance(given, bytearray | memoryview):
        given = bytes(given)
    if not isinstance(given, str | bytes | os.PathLike):
        raise InvalidInputError(
            f'A photo must be one of: {_ALLOWED}. Received: {_describe(given)}.'
        )
    reading = pictures.read(given)
    return reading.image, reading.notes


def _require_rgb(image: np.ndarray) -> np.ndarray:
    if image.ndim == 3 and image.shape[-1] == 3 and image.dtype == np.uint8 and image.size:
        return image
    hint = ''
    if image.dtype.kind == 'f':
        hint = ' Floats in [0, 1] become it by: (255 * photo).round().astype("uint8").'
    elif image.ndim == 2 or image.shape[-1:] == (1,):
        hint = ' A grey one becomes it by: numpy.repeat(photo.reshape(*photo.shape[:2], 1), 3, -1).'
    elif image.shape[-1:] == (4,):
        hint = ' One with transparency becomes it by: photo[..., :3].'
    raise InvalidInputError(
        'A photo must be uint8 [height, width, 3], RGB, of at least one pixel. '
        f'Received: {image.dtype} {list(image.shape)}.{hint}'
    )


def _read_file(file: Any) -> bytes:
    try:
        if hasattr(file, 'seekable') and file.seekable():
            file.seek(0)
        data = file.read()
    except (OSError, ValueError) as error:
        raise InvalidInputError(f'An open file must be one that can be read. ({error})') from error
    if isinstance(data, str):
        raise InvalidInputError(
            'An open file must be binary: open(path, "rb"). Received: one opened as text.'
        )
    return bytes(data)


def _is_one(given: Any) -> bool:
    if isinstance(given, np.ndarray):
        # Rows of numbers are no photos; of more dimensions the first counts them.
        return given.dtype.kind not in 'OSU' and given.ndim <= 3
    kinds = str | bytes | bytearray | memoryview | os.PathLike | Image.Image
    return isinstance(given, kinds) or hasattr(given, 'read') or hasattr(given, 'read_bytes')


def _as_array(given: Any) -> Any:
    """Tensors and columns of tables as arrays; all else as it is."""
    is_array_like = hasattr(given, '__array__') and not isinstance(given, np.ndarray | Image.Image)
    return np.asarray(given) if is_array_like else given


def _source_of(given: Any) -> str:
    if isinstance(given, str | os.PathLike):
        return os.fsdecode(given)
    name = getattr(given, 'name', '') if hasattr(given, 'read') else ''
    return name if isinstance(name, str) else ''


def _describe(given: Any) -> str:
    text = repr(given)
    return f'{type(given).__name__}, {text if len(text) < 60 else text[:57] + "..."}'
