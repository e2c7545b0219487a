"""A picture's file before its pixels: its bytes, format and size, and what is wrong with them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator

from PIL import Image, UnidentifiedImageError

from tfds_builders import picture_formats
from tfds_builders.errors import (
    InvalidPictureError,
    MissingPictureError,
    TooLargePictureError,
)
from tfds_builders.picture_formats import FORMATS, Header

# Longer files are not loaded; what they unpack to would be too large in any format.
LARGEST_FILE_BYTES = 500_000_000

# In place of the names of Pillow's exceptions, which say nothing to users.
_REASONS: dict[type[Exception], str] = {
    UnidentifiedImageError: 'its start is damaged',
    OSError: 'its end is missing, or its content is damaged',
    SyntaxError: 'its content is damaged',
    EOFError: 'its end is missing',
}

Source = str | os.PathLike[str] | bytes


@dataclasses.dataclass(frozen=True)
class PictureFile:
    """A file that is a picture by its first bytes, of a size that is read.

    Attributes:
        name: For messages.
        kind: Its format, a key of `picture_formats.FORMATS`.
        data: Its bytes.
        header: What its header says; None for a format whose header another library reads.

    >>> PictureFile('a.gif', 'GIF', b'GIF89a', None).kind
    'GIF'
    """

    name: str
    kind: str
    data: bytes
    header: Header | None


def load(source: Source) -> PictureFile:
    """Loads a file, and looks at its header.

    Raises:
        InvalidPictureError: It is no picture, or by its header damaged or (as the subclass
            `TooLargePictureError`) too large.
        MissingPictureError: There is no such file.
    """
    name, data = _name_of(source), _read_bytes(source)
    kind = _require_format(name, data)
    file = PictureFile(name, kind, data, picture_formats.read_header(kind, data))
    _check_size(file)
    return file


def _read_bytes(source: Source) -> bytes:
    """The bytes of a file that is no device, and not too long."""
    if isinstance(source, bytes):
        return source
    name, path = _name_of(source), pathlib.Path(source)
    try:
        if path.is_dir():
            raise InvalidPictureError(
                f'{name} is a folder, and no picture: give its files, in Python '
                'sorted(pathlib.Path(FOLDER).iterdir()).'
            )
        if path.exists() and not path.is_file():
            raise InvalidPictureError(f'{name} is a device or pipe, and no picture.')
        size = path.stat().st_size
        if size > LARGEST_FILE_BYTES:
            raise TooLargePictureError(
                f'{name} must have at most {LARGEST_FILE_BYTES:,} bytes. Received: {size:,}. '
                'Save it smaller, as JPEG or PNG.'
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        target = f': it is a link to {printable(os.readlink(path))}' if path.is_symlink() else ''
        raise MissingPictureError(f'{name} does not exist{target}.') from error
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidPictureError):
            raise
        reason = getattr(error, 'strerror', None) or str(error)
        raise InvalidPictureError(f'{name} cannot be opened: {reason}.') from error


def _require_format(name: str, data: bytes) -> str:
    head = data[: picture_formats.HEAD_BYTES]
    kind = picture_formats.find_format(head)
    if kind is not None:
        return kind
    if not data:
        raise InvalidPictureError(f'{name} is empty (0 bytes), and no picture: copy it again.')
    other = picture_formats.describe_other(head)
    if other == 'a video':
        raise InvalidPictureError(f'{name} is a video, and no picture.')
    if other:
        raise InvalidPictureError(f'{name} is {other}, and no picture. Save it as JPEG or PNG.')
    raise InvalidPictureError(_damaged(name, 'its first bytes are those of no known format'))


def _check_size(file: PictureFile) -> None:
    name, kind, header, num_bytes = file.name, file.kind, file.header, len(file.data)
    if header is None:
        if FORMATS[kind].in_graph:
            raise InvalidPictureError(_damaged(name, f'{kind}: its header is incomplete'))
        return
    if header.least_bytes > num_bytes:
        raise InvalidPictureError(
            _damaged(name, f'{num_bytes:,} bytes cannot hold {header.width}x{header.height} pixels')
        )
    if header.is_cut:
        raise InvalidPictureError(_damaged(name, f'{kind}: its end is missing'))
    limit = FORMATS[kind].largest_pixels
    if header.is_animated or kind == 'TIFF':
        limit = min(limit, picture_formats.LARGEST_PIXELS_UNREDUCED)
    if header.pixels > limit:
        raise TooLargePictureError(too_large(name, limit, header.width, header.height))
    most = picture_formats.LARGEST_COEFFICIENT_BYTES
    most = picture_formats.LARGEST_UNPACKED_BYTES if kind == 'TIFF' else most
    if header.kept_bytes > most:
        raise TooLargePictureError(
            f'{name} must unpack to at most {most:,} bytes. Received: {header.kept_bytes:,}, of '
            f'{header.width}x{header.height} pixels. Save it smaller, or as a usual JPEG.'
        )


@contextlib.contextmanager
def named(file: PictureFile) -> Iterator[None]:
    """Gives whatever goes wrong with a picture its name and one type."""
    try:
        yield
    except (InvalidPictureError, MissingPictureError):
        raise
    except Image.DecompressionBombError as error:
        raise TooLargePictureError(
            f'{file.name} has too many pixels. Save it smaller, as JPEG or PNG.'
        ) from error
    except Exception as error:  # Pillow raises a dozen kinds for damaged files, of no common base.
        reason = _REASONS.get(type(error), type(error).__name__)
        # Those of libheif end with a new line.
        reason = ' '.join(str(error).split()) if type(error) is ValueError else reason
        raise InvalidPictureError(_damaged(file.name, f'{file.kind}: {reason}')) from error


def printable(name: str) -> str:
    """A name with its bytes that are no UTF-8 written as `\\xff`.

    >>> printable('caf\\udce9.jpg')
    'caf\\\\xe9.jpg'
    """
    return name.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')


def _name_of(source: Source) -> str:
    return 'the picture' if isinstance(source, bytes) else printable(os.fspath(source))


def _damaged(name: str, reason: str) -> str:
    return f'{name} is damaged or no picture; open it in a viewer. ({reason})'


def too_large(name: str, limit: int, width: int, height: int) -> str:
    return (
        f'{name} must have at most {limit:,} pixels. Received: {width}x{height}. '
        'Save it smaller, as JPEG or PNG.'
    )
