"""The pictures of FER2013, rows of a table or files: how one becomes an example."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

import cv2
import numpy as np
from etils import epath

from tfds_builders import archives, expressions, splits
from tfds_builders.errors import InvalidPictureError
from tfds_builders.pictures import pixel_hash, read, read_picture, read_unchanged
from tfds_builders.table_files import Row, Table
from tfds_builders.tasks import Finding, Outcome, describe_problem

SIZE_PX = 48
# Of the pictures in the tables.
CODES = {
    0: 'angry',
    1: 'disgusted',
    2: 'fearful',
    3: 'happy',
    4: 'sad',
    5: 'surprised',
    6: 'neutral',
}
# Papers call PublicTest validation.
USAGES = {'Training': 'train', 'PublicTest': 'validation', 'PrivateTest': 'test'}
COLUMNS = ('emotion', 'pixels', 'Usage')
# Grey levels by which the channels of a grey picture saved in colours may differ.
_LARGEST_CHANNEL_DIFFERENCE = 8
# Pictures a task; a row is 9 kB of text.
_BATCH = 64
# A file, its name in the archive, and its label.
ListedFile = tuple[epath.Path, str, str]


@dataclasses.dataclass(frozen=True)
class RowTask:
    """Rows of a table to make examples of.

    Attributes:
        table: The table, for how its numbers are written.
        rows: Its rows.
        salt: The name of the set, from which folds are dealt.

    >>> len(RowTask(Table(epath.Path('a.csv'), (), ',', 'utf-8', ()), (), 'fer2013'))
    0
    """

    table: Table
    rows: tuple[Row, ...]
    salt: str

    def __len__(self) -> int:
        return len(self.rows)

    def outcomes(self) -> Iterator[Outcome]:
        """Yields the example of each row, or why it is none."""
        for row in self.rows:
            file_name = f'{self.table.path.name}:{row.line}'
            try:
                if row.problem and len(row.cells) in (0, len(self.table.header)):
                    raise ValueError(row.problem)
                _, image, label = parse_row(row.cells, self.table)
            except ValueError as error:
                yield Outcome(Finding(file_name, left_out=f'not a row of FER2013: {error}'))
                continue
            yield _describe(file_name, label, image, self.salt)


@dataclasses.dataclass(frozen=True)
class FileTask:
    """Files to make examples of.

    Attributes:
        files: The files.
        salt: The name of the set, from which folds are dealt.

    >>> len(FileTask((), 'fer2013'))
    0
    """

    files: tuple[ListedFile, ...]
    salt: str

    def __len__(self) -> int:
        return len(self.files)

    def outcomes(self) -> Iterator[Outcome]:
        """Yields the example of each file, or why it is none."""
        for path, file_name, label in self.files:
            try:
                data, _ = to_grey_file(path.read_bytes())
            except (archives.Skip, OSError, InvalidPictureError) as error:
                yield Outcome(Finding(file_name, left_out=describe_problem(error)))
                continue
            yield _describe(file_name, label, data, self.salt)


def list_rows(table: Table, split: str, salt: str) -> Iterator[RowTask]:
    """The rows of a split, which the table is read for: it is large, and never in memory.

    A row that does not say its split is given to `train`, to be listed as none.
    """
    rows = (row for row in table.rows() if _listed_split(row) == split)
    while some := tuple(itertools.islice(rows, _BATCH)):
        yield RowTask(table, some, salt)


def list_files(files: Sequence[ListedFile], salt: str) -> Iterator[FileTask]:
    """The files of a split."""
    for start in range(0, len(files), _BATCH):
        yield FileTask(tuple(files[start : start + _BATCH]), salt)


def _listed_split(row: Row) -> str:
    try:
        return split_of(row.cells.get('Usage', ''))
    except ValueError:
        return 'train'


def _describe(file_name: str, label: str, image: bytes, salt: str) -> Outcome:
    known_by = pixel_hash(read_picture(image))
    example = {
        'image': image,
        'label': label,
        'subject_id': '',
        'file_name': file_name,
        'pixel_hash': known_by,
        'fold': splits.fold_of(splits.hash_slot(salt, image)),
    }
    return Outcome(Finding(file_name, label, '', known_by), (file_name, example))


def split_of(usage: str) -> str:
    """The split of a usage, whatever the case of its letters.

    Raises:
        ValueError: It is none.
    """
    wanted = re.sub(r'[\W_]+', '', usage).lower()
    found = next((split for name, split in USAGES.items() if name.lower() == wanted), None)
    if found is None:
        raise ValueError(f'Usage is {usage!r}, none of {", ".join(USAGES)}')
    return found


def parse_row(row: Mapping[str, str], table: Table) -> tuple[str, bytes, str]:
    """Split, picture as PNG (lossless) and label of a row.

    Codes and grey levels may be written as `3.0`; a code may also be the name of the expression.

    Raises:
        ValueError: A cell is missing or out of range, or there are not 48 x 48 pixels.
    """
    missing = [name for name in COLUMNS if not row.get(name)]
    if missing:
        raise ValueError(f'nothing in {", ".join(missing)}')
    split = split_of(row['Usage'])
    levels = np.array(row['pixels'].split(), np.float64)
    if levels.size != SIZE_PX**2:
        raise ValueError(f'{levels.size} pixels, expected {SIZE_PX**2}')
    if not ((levels >= 0) & (levels <= 255) & (levels == np.floor(levels))).all():
        raise ValueError('pixels that are no whole numbers from 0 to 255')
    pixels = levels.astype(np.uint8).reshape(SIZE_PX, SIZE_PX)
    image = cv2.imencode('.png', pixels)[1].tobytes()
    return split, image, _label_of(row['emotion'], table)


def _label_of(emotion: str, table: Table) -> str:
    named = expressions.find(emotion)
    if named in expressions.BASIC:
        return str(named)
    label = CODES.get(table.whole_number(emotion))
    if label is None:
        raise ValueError(f'emotion is {emotion}, none of 0 to {max(CODES)}')
    return label


def to_grey_file(data: bytes) -> tuple[bytes, str]:
    """A grey picture's file, and how it was written again; empty where it is as it was.

    Raises:
        archives.Skip: It has another size, or colours.
        InvalidPictureError: It is no picture.
    """
    reading = read(data)
    height, width = reading.image.shape[:2]
    if (height, width) != (SIZE_PX, SIZE_PX):
        raise archives.Skip(f'not a picture of {SIZE_PX} x {SIZE_PX} px but {width} x {height}')
    channels = reading.image.astype(np.int64)
    if np.ptp(channels, axis=-1).max() > _LARGEST_CHANNEL_DIFFERENCE:
        raise archives.Skip('a picture in colours; those of FER2013 are grey')
    if reading.is_for_graph and read_unchanged(data).ndim == 2:
        return data, ''
    grey = cv2.cvtColor(reading.image, cv2.COLOR_RGB2GRAY)
    return cv2.imencode('.png', grey)[1].tobytes(), f'as grey PNG: {reading.kind}'
