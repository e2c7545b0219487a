"""FER+: the pictures of FER2013, each with the votes of ten people."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions
from tfds_builders.errors import InvalidArchiveError
from tfds_builders.expression_builder import ExpressionConfig
from tfds_builders.fer2013 import fer2013_dataset_builder as fer2013
from tfds_builders.fer2013.grey_pictures import parse_row
from tfds_builders.official_splits import OfficialSplitBuilder
from tfds_builders.table_files import Row, Table, one_of, open_table

LAYOUT = (
    'fer2013new.csv beside fer2013.csv or icml_face_data.csv; or the folders FER2013Train/, '
    'FER2013Valid/ and FER2013Test/, each with label.csv and its pictures'
)
VOTES_NAME = 'fer2013new.csv'
# In the order of the table; the last two are no expressions.
ANSWERS = (
    *('neutral', 'happiness', 'surprise', 'sadness', 'anger', 'disgust', 'fear', 'contempt'),
    *('unknown', 'NF'),
)
LABELS = tuple(str(expressions.find(name)) for name in ANSWERS[:8])
FOLDERS = {'FER2013Train': 'train', 'FER2013Valid': 'validation', 'FER2013Test': 'test'}
# Of `label.csv`, which has no header.
_COLUMNS = ('picture', 'box', *ANSWERS)
_PICTURE = re.compile(r'fer\d{7}\.png', re.IGNORECASE)

archives.register(
    'fer_plus',
    archives.Signature(lambda path: path.name.lower() == VOTES_NAME, is_whole=True),
)


@dataclasses.dataclass(frozen=True)
class PictureInTable:
    """A picture that a table holds.

    >>> PictureInTable(b'PNG').read_bytes()
    b'PNG'
    """

    data: bytes

    def read_bytes(self) -> bytes:
        """Its PNG file."""
        return self.data


class Builder(OfficialSplitBuilder):
    """FER+, labels by the majority rule of its authors.

    >>> [config.name for config in Builder.BUILDER_CONFIGS]
    ['majority']
    """

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'First release.'}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f'Download FER2013 and FER+ into one folder: {LAYOUT}.'
    LAYOUT = LAYOUT
    HOMEPAGE = 'https://github.com/microsoft/FERPlus'
    TERMS = 'votes under the MIT licence, pictures as FER2013'
    BUILDER_CONFIGS = [
        ExpressionConfig(
            name='majority',
            description='The 48 x 48 px pictures on whose expression most people agree.',
            classes=expressions.BASIC_AND_CONTEMPT,
            crops_faces=False,
        )
    ]
    EXTRA_FEATURES = {
        # In the order of the classes, and then those of `unknown` and `no face`.
        'votes': tfds.features.Tensor(shape=(10,), dtype=np.int64),
    }
    validates_with_a_tenth = False

    def _read_archive(self, manual_dir: epath.Path) -> archives.Archive:
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        self._official: dict[str, str] = {}
        self._skipped: dict[str, str] = {}
        files = {path.name.lower(): path for path in archives.list_files(folder)}
        is_of_folders = any((folder / name / 'label.csv').exists() for name in FOLDERS)
        read = self._read_folders(folder) if is_of_folders else self._read_tables(folder, files)
        photos = tuple(read)
        if not photos:
            reasons = (f'{name}: {reason}' for name, reason in self._skipped.items())
            raise InvalidArchiveError(
                f'{folder} must hold {LAYOUT}. Received: no picture with a label, such as '
                f'{archives.first_lines(reasons)}.'
            )
        return archives.Archive(photos, self._skipped)

    def _official_split(self, photo: archives.Photo) -> str:
        return self._official[photo.file_name]

    def _read_tables(
        self, folder: epath.Path, files: dict[str, epath.Path]
    ) -> Iterator[archives.Photo]:
        """Row by row: names drift from row 60 on, so that the order alone joins the two."""
        pictures = next((files[name] for name in fer2013.CSV_NAMES if name in files), None)
        if VOTES_NAME not in files or pictures is None:
            raise InvalidArchiveError(
                f'{folder} must hold {LAYOUT}. Received: '
                f'{archives.first_lines(path.name for path in folder.iterdir())}. The folders '
                'train/<class>/ of FER2013 have no order, so that no vote can be found for them.'
            )
        votes = open_table(files[VOTES_NAME], one_of('Usage', *ANSWERS), ('Usage', *ANSWERS))
        columns = ('emotion', 'pixels', 'Usage')
        table = open_table(pictures, one_of(*columns), columns)
        notes = {one.path.name: '; '.join(one.notes) for one in (votes, table) if one.notes}
        if notes:
            self.info.metadata['table_notes'] = notes
        for of_picture, of_votes in itertools.zip_longest(table.rows(), votes.rows()):
            if of_picture is None or of_votes is None:
                longer = votes if of_picture is None else table
                raise InvalidArchiveError(
                    f'{votes.path} and {table.path} must have a row for each other. Received: more '
                    f'rows in {longer.path.name}. Take both as they were published.'
                )
            _require_same_usage(table, of_picture, votes, of_votes)
            file_name = f'{table.path.name}:{of_picture.line}'
            try:
                split, data, _ = parse_row(of_picture.cells, table)
                counts = _counts(votes, of_votes)
            except ValueError as error:
                self._skipped[file_name] = f'not a row of FER2013 and FER+: {error}'
                continue
            yield from self._vote(PictureInTable(data), file_name, split, counts)

    def _read_folders(self, folder: epath.Path) -> Iterator[archives.Photo]:
        for name, split in FOLDERS.items():
            labels = folder / name / 'label.csv'
            if not labels.exists():
                self._skipped[f'{name}/'] = 'there is no label.csv in it'
                continue
            table = open_table(labels, one_of(*_COLUMNS), published=_COLUMNS)
            for row in table.rows():
                path = folder / name / row.cells.get('picture', '')
                try:
                    counts = _counts(table, row)
                except ValueError as error:
                    self._skipped[f'{name}/label.csv:{row.line}'] = f'not a row of FER+: {error}'
                    continue
                if not _PICTURE.fullmatch(path.name) or not path.exists():
                    self._skipped[f'{name}/{path.name}'] = 'the picture is not there'
                    continue
                yield from self._vote(path, f'{name}/{path.name}', split, counts)

    def _vote(
        self, path: archives.Readable, file_name: str, split: str, counts: Sequence[int]
    ) -> Iterator[archives.Photo]:
        label = majority(counts)
        if label is None:
            self._skipped[file_name] = 'no expression has most of the votes'
            return
        by_name = dict(zip(LABELS, counts, strict=False))
        votes = [by_name[name] for name in self.builder_config.classes] + list(counts[8:])
        self._official[file_name] = split
        yield archives.Photo(path, file_name, label, '', {'votes': np.array(votes, np.int64)})


def majority(counts: Sequence[int]) -> str | None:
    """The label by the rule of the authors of FER+, or None.

    Single votes count nothing; of what is left the largest must be more than half (Barsoum et al.
    2016, and the code that they published).

    Args:
        counts: Votes in the order of `ANSWERS`.

    >>> majority([4, 0, 3, 1, 1, 0, 0, 0, 1, 0]), majority([5, 5, 0, 0, 0, 0, 0, 0, 0, 0])
    ('neutral', None)
    """
    kept = [count if count > 1 else 0 for count in counts]
    largest = max(range(len(kept)), key=kept.__getitem__)
    if 2 * kept[largest] <= sum(kept) or largest >= len(LABELS):
        return None
    return LABELS[largest]


def _counts(table: Table, row: Row) -> list[int]:
    """The votes of a row, in the order of `ANSWERS`.

    Raises:
        ValueError: One is missing or no whole number.
    """
    return [table.whole_number(row.cells.get(name, '')) for name in ANSWERS]


def _require_same_usage(table: Table, row: Row, votes: Table, of_votes: Row) -> None:
    one, other = row.cells.get('Usage', ''), of_votes.cells.get('Usage', '')
    if one.lower() != other.lower():
        raise InvalidArchiveError(
            'The rows of both tables must be in one order. Received: Usage '
            f'{one!r} in {table.where(row)}, and {other!r} in {votes.where(of_votes)}. Take both '
            'tables as they were published.'
        )
