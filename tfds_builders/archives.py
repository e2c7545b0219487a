"""Walks a folder of photos: what is a photo of the set, what is not, and why."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from etils import epath

from tfds_builders.errors import InvalidArchiveError, MissingArchiveError
from tfds_builders.picture_files import LARGEST_FILE_BYTES, printable
from tfds_builders.picture_formats import HEAD_BYTES, IMAGE_SUFFIXES, find_format
from tfds_builders.walking import is_of_systems, walk


class Readable(Protocol):
    """A file, or whatever else gives the bytes of an image.

    >>> photo: Readable = epath.Path('happy/017.jpg')
    """

    def read_bytes(self) -> bytes:
        """The content of a picture's file."""


@dataclasses.dataclass(frozen=True)
class Photo:
    """A photo whose file name says what it shows.

    Attributes:
        path: Where its bytes are.
        file_name: Its path inside the archive, with forward slashes.
        label: Canonical name of the expression.
        subject_id: The person; empty where the set does not know.
        extras: What else the set knows, a value for each of the set's own features.

    >>> Photo(epath.Path('cfee/02_109.jpg'), '02_109.jpg', 'happy', '109').label
    'happy'
    """

    path: Readable
    file_name: str
    label: str
    subject_id: str
    extras: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Archive:
    """All photos of a folder, and every other file with the reason why it is none.

    `num_other_photos` counts photos of the set that the chosen config leaves out.

    >>> Archive(photos=(), skipped={'notes.txt': 'not an image'}).num_other_photos
    0
    """

    photos: tuple[Photo, ...]
    skipped: Mapping[str, str]
    num_other_photos: int = 0


@dataclasses.dataclass(frozen=True)
class Signature:
    """What the archive of a set can be told by, for the message about a wrong one.

    Attributes:
        matches: Whether a file is one of the set's, by its path.
        is_whole: One such file is all of the set.
        is_general: Files of other sets may match as well; these are named first.

    >>> Signature(lambda path: path.suffix == '.csv').matches(epath.Path('fer2013.csv'))
    True
    """

    matches: Callable[[epath.Path], bool]
    is_whole: bool = False
    is_general: bool = False


# Archives of archives: nothing in them is read.
_PACKED = ('.zip', '.rar', '.7z', '.tar', '.gz', '.tgz', '.bz2', '.xz')
_signatures: dict[str, Signature] = {}


def register(name: str, signature: Signature) -> None:
    """Tells `guess_set` what a set looks like; each set's module does it."""
    _signatures[name] = signature


class Skip(Exception):
    """Raised by a reader of file names for a file that cannot be used; its text is the reason.

    >>> str(Skip('code 04 has no label'))
    'code 04 has no label'
    """


def find_folder(manual_dir: epath.Path, name: str, layout: str) -> epath.Path:
    """The folder of a set: `manual_dir/name` where that exists, else `manual_dir` itself.

    Raises:
        MissingArchiveError: The folder is missing or empty; says what belongs into it.
    """
    folder = manual_dir / name if (manual_dir / name).is_dir() else manual_dir
    state = 'does not exist' if not folder.is_dir() else 'is empty'
    if not folder.is_dir() or not any(folder.iterdir()):
        raise MissingArchiveError(
            f'The archive of {name} must lie in {folder}, which {state}. Expected {layout}. Put it '
            f'there, or type: python -m tfds_builders.build {name} --manual_dir=FOLDER_OF_{name}'
        )
    return folder


def read_folder(
    folder: epath.Path,
    parse: Callable[[epath.Path, tuple[str, ...]], Photo | None],
    layout: str,
    is_aside: Callable[[str], bool] = lambda name: False,
    own: str = '',
) -> Archive:
    """Reads the names of all files under a folder, in their sorted order.

    Args:
        folder: Root of the archive.
        parse: From a file and the parts of its path inside the archive to a photo, or None for a
            photo that the chosen config leaves out; raises `Skip` for a file that is no photo.
        layout: What the folder should hold, for the message.
        is_aside: Whether a folder is set aside, by its name; hidden ones are.
        own: The set that is read, for the message.

    Raises:
        InvalidArchiveError: Not one file is a photo of the set.
    """
    photos, skipped, others = [], {}, 0
    for path, is_double in _walk(folder):
        # Names of other bytes than UTF-8 could be written nowhere.
        parts = tuple(printable(part) for part in path.relative_to(folder).parts)
        try:
            _refuse_aside(parts, is_aside)
            if is_double:
                raise Skip('a link to another file of the archive')
            require_file(path)
            photo = parse(path, parts)
        except Skip as reason:
            skipped['/'.join(parts)] = str(reason)
            continue
        if photo is None:
            others += 1
        else:
            photos.append(photo)
    if not photos:
        raise InvalidArchiveError(_nothing_found(folder, layout, skipped, others, own))
    return Archive(tuple(photos), skipped, others)


def list_files(folder: epath.Path) -> list[epath.Path]:
    """All files under a folder, sorted, without hidden ones and those in hidden folders."""
    found = [
        (path, path.relative_to(folder).parts) for path, is_double in _walk(folder) if not is_double
    ]
    return [path for path, parts in found if not any(part.startswith('.') for part in parts)]


def _walk(folder: epath.Path) -> list[tuple[epath.Path, bool]]:
    """As `walking.walk`, without what systems add to folders and archives."""
    return walk(folder, lambda one: [p for p in one.iterdir() if not is_of_systems(p.name)])


def require_file(path: epath.Path) -> None:
    """Raises `Skip` for what cannot be read as a file, or is too long for a picture."""
    try:
        status = os.stat(path)
    except OSError as error:
        if os.path.islink(path):
            raise Skip(f'a link to {printable(os.readlink(path))}, which is not there') from error
        return  # Not a local file; whoever reads it will say what is wrong.
    if not stat.S_ISREG(status.st_mode):
        raise Skip('a device or pipe')
    if status.st_size > LARGEST_FILE_BYTES:
        raise Skip(f'more than {LARGEST_FILE_BYTES:,} bytes')


def listing_hash(folder: epath.Path) -> str:
    """What an archive is known by without reading it: SHA-256 of names and sizes of its files."""
    found = hashlib.sha256()
    for path, _ in _walk(folder):
        name = '/'.join(path.relative_to(folder).parts)
        size = os.stat(path).st_size if path.exists() else -1  # A link may be broken.
        found.update(f'{name}\t{size}\n'.encode(errors='surrogateescape'))
    return found.hexdigest()


def _refuse_aside(parts: Sequence[str], is_aside: Callable[[str], bool]) -> None:
    for part in parts[:-1]:
        if part.startswith('.') or is_aside(part):
            raise Skip(f'in {part}/, which is set aside by its name')
    if parts[-1].startswith('.'):
        raise Skip('a hidden file')


def require_image(path: epath.Path) -> None:
    """Raises `Skip` for a file that is no picture, neither by its name nor by its content."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return
    try:
        with path.open('rb') as file:
            is_picture = find_format(file.read(HEAD_BYTES)) is not None
    except OSError as error:
        raise Skip(f'cannot be opened: {error.strerror}') from error
    if not is_picture:
        raise Skip('not an image')


def first_lines(names: Iterable[str], limit: int = 3) -> str:
    """A few names for a message, and how many more there are."""
    listed = list(names)
    more = f' and {len(listed) - limit} more' if len(listed) > limit else ''
    return ', '.join(listed[:limit]) + more


def _nothing_found(
    folder: epath.Path, layout: str, skipped: Mapping[str, str], others: int, own: str
) -> str:
    left_out = f'; {others} photos are outside the chosen config' if others else ''
    return (
        f'{folder} must hold {layout}. Found no such photo but {len(skipped)} other files'
        f'{f", such as {first_lines(skipped)}" if skipped else ""}{left_out}. '
        f'{guess_set(folder, own)}'
    )


def guess_set(folder: epath.Path, own: str = '') -> str:
    """What is wrong with a folder that does not hold what it should, and what to do, as a sentence.

    Args:
        folder: The folder.
        own: The set that it should hold, which is then no advice.
    """
    files = list_files(folder)
    packed = [path.name for path in files if path.suffix.lower() in _PACKED]
    if packed:
        return (
            f'Still packed: {first_lines(packed)}. Unpack it where it is, and type the same again.'
        )

    def likeness(name: str) -> tuple[bool, int, bool]:
        known = _signatures[name]
        count = sum(known.matches(path) for path in files)
        return known.is_whole and count > 0, count, not known.is_general

    name = max(_signatures, key=likeness)
    is_whole, count, _ = likeness(name)
    if name != own and (is_whole or count * 2 > len(files)):
        return (
            f'This looks like the archive of another set, {name}. '
            f'Type: python -m tfds_builders.build {name}={folder} --data_dir=DATA'
        )
    return 'Is this the archive of another set, a part of it, or a folder too high or too low?'


def manual_dir(dl_manager: Any, name: str, layout: str) -> epath.Path:
    """The folder that the user named.

    Raises:
        MissingArchiveError: There is none; TFDS itself would only fail an assertion.
    """
    try:
        return epath.Path(dl_manager.manual_dir)
    except AssertionError as error:
        raise MissingArchiveError(
            f'The archive of {name} is not downloaded for you: no manual folder was found. '
            f'Expected {layout}. Type: python -m tfds_builders.build {name} --manual_dir=FOLDER '
            'where FOLDER is the archive, or holds it under the name of the set.'
        ) from error
