"""What files, folders and patterns stand for: each file in them once, and what is left out."""

from __future__ import annotations

import codecs
import collections
import fnmatch
import glob
import os
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.inference.photos import read_head
from fer_keras.inference.videos import VIDEO_SUFFIXES, camera_of
from tfds_builders import picture_formats, walking

_KNOWN_SUFFIXES = picture_formats.IMAGE_SUFFIXES + VIDEO_SUFFIXES


class Sources(NamedTuple):
    """What is to be looked at, and what is not.

    Attributes:
        names: Files and cameras, in the order given; the files of a folder by name.
        left_out: How many other files there are, by their suffixes or the reason.

    >>> Sources(['a.jpg', 'camera:0'], {'.txt': 2}).left_out['.txt']
    2
    """

    names: list[str]
    left_out: Mapping[str, int]

    def describe_left_out(self) -> str:
        """A phrase for the end of a command; empty where nothing was left out.

        >>> Sources([], {'.txt': 2, '.pdf': 1}).describe_left_out()
        'left out as no pictures or videos: 2 .txt, 1 .pdf'
        """
        if not self.left_out:
            return ''
        counts = sorted(self.left_out.items(), key=lambda item: (-item[1], item[0]))
        listed = ', '.join(f'{count} {reason}' for reason, count in counts)
        return f'left out as no pictures or videos: {listed}'


def find_sources(inputs: Sequence[str], input_list: str = '') -> Sources:
    """Files and cameras, such as `camera:0`.

    A folder stands for the pictures and videos below it, told by their content or their names, and
    a pattern such as `trip/**/*.jpg` for what fits it. Hidden files are left out, and a folder is
    entered once, whatever links lead to it.

    Args:
        inputs: Files, folders, patterns and cameras.
        input_list: A file that `read_list` reads, for what follows; empty: nothing follows.

    Raises:
        MissingFileError: One does not exist, or a folder holds neither.
        InvalidInputError: The list cannot be read.
    """
    names: list[str] = []
    left_out: collections.Counter[str] = collections.Counter()
    for given in inputs:
        if camera_of(given) is not None:
            names.append(given)
        else:
            names += _files_of(given, left_out)
    if input_list:
        names += read_list(input_list)
    return Sources(names, left_out)


def read_list(path: str) -> list[str]:
    """The files that a text names, one a line, whether they exist or not.

    What fails of millions of files is known by its row. A name is taken as it is, whatever bytes it
    has, and is no pattern; empty lines are passed over.

    Raises:
        MissingFileError: There is no such text.
        InvalidInputError: It cannot be read.
    """
    try:
        with open(path, 'rb') as file:
            lines = file.read().removeprefix(codecs.BOM_UTF8).split(b'\n')
    except FileNotFoundError as error:
        raise MissingFileError(f'{path} does not exist. Give a text with a file a line.') from error
    except OSError as error:
        raise InvalidInputError(f'{path} cannot be read: {error.strerror}.') from error
    names = (os.fsdecode(line.removesuffix(b'\r')) for line in lines)
    return [name for name in names if name.strip()]


def list_inputs(inputs: Sequence[str]) -> list[pathlib.Path]:
    """The files of `find_sources`."""
    return [pathlib.Path(name) for name in find_sources(inputs).names]


def walk(folder: str) -> list[str]:
    """All files below a folder once, sorted, without hidden ones and those of systems."""
    kept: dict[str, str] = {}
    for file, is_double in walking.walk(pathlib.Path(folder), _shown):
        if not is_double:
            kept.setdefault(os.path.realpath(file), str(file))
    return list(kept.values())


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or one of systems, by its name.

    >>> [is_hidden(name) for name in ('._a.jpg', '__MACOSX', 'a.jpg')]
    [True, True, False]
    """
    return name.startswith('.') or walking.is_of_systems(name)


def _files_of(given: str, left_out: collections.Counter[str]) -> Iterator[str]:
    # A bytes' name that is no UTF-8 stays as Python has it.
    path = os.path.expanduser(given)
    # A file may have brackets in its name, so a pattern is what does not exist.
    fitting = [path] if os.path.lexists(path) else _fit(path)
    if not fitting:
        raise MissingFileError(
            f'{path} does not exist. Give files, folders, or patterns: --input=PATH'
        )
    for found in fitting:
        if os.path.isdir(found):
            yield from _pictures_below(found, left_out)
        else:
            yield found


def _fit(pattern: str) -> list[str]:
    """What fits a pattern, sorted; `**` is any number of folders, as in a shell."""
    parts = pathlib.PurePath(pattern).parts
    if '**' not in parts:
        found = sorted(glob.glob(pattern))
        return [name for name in found if not is_hidden(os.path.basename(name))]
    # Not by `glob`, which follows links that form a loop.
    first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    root = os.path.join(*parts[:first]) if first else '.'
    expression = ''.join(
        '(?:[^/]+/)*' if part == '**' else fnmatch.translate(part)[:-2] + '/'
        for part in parts[first:]
    )
    # A pattern that ends in `**` fits every file below.
    tail = '[^/]+' if parts[-1] == '**' else ''
    matches = re.compile(expression.rstrip('/') + tail)
    files = walk(root) if os.path.isdir(root) else []
    return [file for file in files if matches.fullmatch(os.path.relpath(file, root))]


def _pictures_below(folder: str, left_out: collections.Counter[str]) -> list[str]:
    others: collections.Counter[str] = collections.Counter()
    found = []
    for file in walk(folder):
        reason = _reason_against(file)
        if reason:
            others[reason] += 1
        else:
            found.append(file)
    if not found:
        listed = Sources([], others).describe_left_out()
        raise MissingFileError(
            f'{folder} holds no picture and no video. {listed[:1].upper() + listed[1:]}'.strip()
        )
    left_out.update(others)
    return found


def _reason_against(file: str) -> str:
    """Why a file of a folder is no picture or video; empty for one, if only by its name."""
    suffix = os.path.splitext(file)[1].lower()
    # What is called a picture has its row, whatever is wrong with it.
    if suffix in _KNOWN_SUFFIXES:
        return ''
    head = read_head(file)
    if picture_formats.find_format(head) or picture_formats.is_video(head):
        return ''
    if os.path.islink(file) and not os.path.exists(file):
        return 'links to nothing'
    return suffix.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace') or 'without suffix'


def _shown(folder: pathlib.Path) -> list[pathlib.Path]:
    try:
        return [path for path in folder.iterdir() if not is_hidden(path.name)]
    except OSError as error:
        raise InvalidInputError(f'{folder} cannot be opened: {error.strerror}.') from error
