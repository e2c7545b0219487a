"""The text of a file, whose charset nobody has written down."""

from __future__ import annotations

import codecs
import contextlib
import io
from collections.abc import Iterator
from typing import Any

from etils import epath

from tfds_builders.errors import InvalidTableError
from tfds_builders.picture_files import printable

_CHUNK_BYTES = 1 << 20
# Longer ones first: that of UTF-32 begins as that of UTF-16 does.
_MARKS = (
    (codecs.BOM_UTF32_LE, 'utf-32', 'UTF-32'),
    (codecs.BOM_UTF32_BE, 'utf-32', 'UTF-32'),
    (codecs.BOM_UTF16_LE, 'utf-16', 'UTF-16'),
    (codecs.BOM_UTF16_BE, 'utf-16', 'UTF-16'),
    (codecs.BOM_UTF8, 'utf-8-sig', ''),
)
_SAVE_AS_CSV = 'Open it in its program and save it as CSV UTF-8'
# What lies under the name of a table and is none, by its first bytes.
_NO_TABLES = {
    b'PK\x03\x04': f'a workbook of Excel or LibreOffice, or another ZIP archive. {_SAVE_AS_CSV}',
    b'\xd0\xcf\x11\xe0': f'a workbook of Excel. {_SAVE_AS_CSV}',
    b'\x1f\x8b': 'compressed by gzip. Unpack it',
    b'<!doctype html': 'a web page. Download the table itself',
    b'<html': 'a web page. Download the table itself',
    b'version https://git-lfs': 'a pointer of Git LFS. Type: git lfs pull',
}


@contextlib.contextmanager
def open_text(path: epath.Path, encoding: str) -> Iterator[io.TextIOWrapper]:
    """The text of a file, its line ends as they are: the `csv` module knows all of them."""
    with _open_bytes(path) as file, io.TextIOWrapper(file, encoding, newline='') as text:
        yield text


@contextlib.contextmanager
def _open_bytes(path: epath.Path) -> Iterator[Any]:
    try:
        with path.open('rb') as file:
            yield file if hasattr(file, 'readable') else io.BytesIO(file.read())
    except OSError as error:
        raise InvalidTableError(
            f'{printable(str(path))} cannot be opened: {error.strerror or error}.'
        ) from error


def find_encoding(path: epath.Path) -> tuple[str, str]:
    """The encoding of a file, as Python names it, and what a note says of it; empty for UTF-8.

    It is that of the byte order mark, else UTF-8, else Windows-1252; without a mark UTF-16 is known
    by its zeros. The whole file is looked at, in parts.

    Raises:
        InvalidTableError: It is no text, and what it is instead.
    """
    with _open_bytes(path) as file:
        head = file.read(4096)
    for start, what in _NO_TABLES.items():
        if head.lstrip()[: len(start)].lower() == start.lower():
            raise InvalidTableError(f'{path} must be a table of text. Received: {what}.')
    found = next((mark[1:] for mark in _MARKS if head.startswith(mark[0])), None)
    if found is None and b'\0' in head:
        found = _utf_16_by_zeros(head)
        if found is None:
            raise InvalidTableError(
                f'{path} must be a table of text. Received: binary data. {_SAVE_AS_CSV}.'
            )
    encoding, shown = found or ('utf-8', '')
    problem = _find_undecodable(path, encoding)
    if problem is None:
        return encoding, shown
    if not encoding.startswith('utf-8'):
        raise InvalidTableError(
            f'{path} must be a table of text. Received: {shown} that is damaged at byte {problem}. '
            'Save it again as CSV UTF-8.'
        )
    # Five bytes mean nothing in Windows-1252.
    is_windows = _find_undecodable(path, 'cp1252') is None
    name = 'Windows-1252' if is_windows else 'Latin-1'
    return 'cp1252' if is_windows else 'latin-1', f'{name}, for it is no UTF-8'


def _utf_16_by_zeros(head: bytes) -> tuple[str, str] | None:
    """UTF-16 without a mark: of mostly English text every second byte is zero."""
    for order, zeros, others in (('le', head[1::2], head[::2]), ('be', head[::2], head[1::2])):
        if zeros.count(0) > 0.8 * len(zeros) and others.count(0) == 0:
            return f'utf-16-{order}', 'UTF-16'
    return None


def _find_undecodable(path: epath.Path, encoding: str) -> int | None:
    """The first place, in bytes, that is not of the encoding; a large file is read in parts."""
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    with _open_bytes(path) as file:
        try:
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
                done += len(chunk)
            decoder.decode(b'', final=True)
        except UnicodeDecodeError as error:
            return done + error.start
    return None
