"""Writes files whole or not at all: under a name of their own first, which is then renamed."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import secrets
from collections.abc import Iterator
from typing import Any

from fer_keras.errors import InvalidInputError, MissingFileError, UnwritableFileError

# How the message ends about a file that cannot be written.
WHAT_TO_DO = ' Make room there, or choose another path.'
# In the name of a file that is not yet whole, before its suffix.
UNFINISHED = '.unfinished-'
_WEIGHTS = '.weights.h5'
_LONGEST_NAME = 255
# Rights, room, and files that stand where a folder should be.
_UNWRITABLE = (
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    *(errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP),
    errno.ENOENT,  # As systems have it of folders of their own, such as /proc.
)


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[str]:
    """Gives a name to write to; what was written there replaces `path` once the block is left.

    The name has the suffix of `path`, in the same folder, which is made where it is missing, and is
    one that no other process has, on whatever host. Where the block raises, nothing is left of it.

    Raises:
        UnwritableFileError: The folder, the file or its content cannot be written.
    """
    stem, suffix = _split(os.fspath(path))
    ending = f'{UNFINISHED}{secrets.token_hex(4)}{suffix}'
    folder, name = os.path.split(stem)
    # Of a name as long as file systems allow, the start.
    kept = os.fsencode(name)[: _LONGEST_NAME - len(os.fsencode(ending))]
    unfinished = os.path.join(folder, os.fsdecode(kept) + ending)
    try:
        os.makedirs(os.path.dirname(unfinished) or '.', exist_ok=True)
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        raise UnwritableFileError(
            f'{path} cannot be written: {error.strerror}.{WHAT_TO_DO}'
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.remove(unfinished)


def remove_unfinished(path: str | os.PathLike[str]) -> None:
    """Removes what processes that were killed as they wrote `path` have left; one alone writes it.

    Raises:
        OSError: It cannot be removed.
    """
    stem, suffix = _split(os.fspath(path))
    # Without the dash: as it was called by earlier versions.
    for left in glob.glob(f'{glob.escape(stem)}{UNFINISHED.rstrip("-")}*{glob.escape(suffix)}'):
        os.remove(left)


def _split(path: str) -> tuple[str, str]:
    """Stem and suffix; `.weights.h5` is one suffix, without which Keras writes no weights."""
    if path.endswith(_WEIGHTS):
        return path.removesuffix(_WEIGHTS), _WEIGHTS
    return os.path.splitext(path)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file, and waits until it is on the disk."""
    with whole_file(path) as unfinished, open(unfinished, 'wb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file of UTF-8, its line ends as they are."""
    write_bytes(path, text.encode())


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Writes JSON that people can read."""
    write_text(path, json.dumps(content, indent=2))


def read_json(path: str | os.PathLike[str]) -> Any:
    """Reads what `write_json` wrote.

    Raises:
        MissingFileError: It is not there.
        InvalidInputError: It is damaged.
    """
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except FileNotFoundError as error:
        raise MissingFileError(
            f'{path} is missing. Copy it from where the folder was whole, or give the command '
            'again that wrote it.'
        ) from error
    except ValueError as error:
        raise InvalidInputError(
            f'{path} is damaged: {error}. Copy it again from where it was whole, or delete it and '
            'give the command again that wrote it.'
        ) from error


def plain_name(name: str) -> str:
    """A name as the files of a report have it.

    >>> plain_name('learning curves, cfee/basic')
    'learning_curves__cfee_basic'
    """
    return ''.join(letter if letter.isalnum() else '_' for letter in name)
