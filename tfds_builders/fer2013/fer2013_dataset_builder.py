"""FER2013: 35 887 grey pictures of 48 x 48 px in seven classes, found by web search."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions, splits
from tfds_builders.errors import InvalidArchiveError, InvalidPictureError
from tfds_builders.expression_builder import describe_problem
from tfds_builders.picture_files import printable
from tfds_builders.pictures import pixel_hash, read, read_picture, read_unchanged
from tfds_builders.table_files import Table, one_of, open_table

LAYOUT = 'fer2013.csv or icml_face_data.csv, or else the folders train/<class>/ and test/<class>/'
SIZE_PX = 48
CSV_NAMES = ('fer2013.csv', 'icml_face_data.csv')
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
_COLUMNS = ('emotion', 'pixels', 'Usage')
_WHERE_TO_GET = (
    'Take fer2013.csv or icml_face_data.csv of the challenge, which have all three, or sort the '
    'pictures into folders and build expression_folders with --no_subjects.'
)
_FOLDER_SPLITS = ('train', 'test')
# Grey levels by which the channels of a grey picture saved in colours may differ.
_LARGEST_CHANNEL_DIFFERENCE = 8

_Example = tuple[str, str, bytes, str]

archives.register(
    'fer2013', archives.Signature(lambda path: path.name.lower() in CSV_NAMES, is_whole=True)
)


class Builder(tfds.core.GeneratorBasedBuilder):
    """Facial Expression Recognition 2013. Nobody is named, so people may be in several splits.

    >>> Builder.BUILDER_CONFIGS[0].name
    'originals'
    """

    VERSION = tfds.core.Version('1.1.0')
    RELEASE_NOTES = {
        '1.1.0': 'With the feature pixel_hash; images and splits are those of 1.0.0.',
        '1.0.0': 'First release.',
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = f'Download FER2013 from Kaggle into one folder: {LAYOUT}.'
    TERMS = 'Kaggle; its pictures carry no licence'
    NAMES_PEOPLE = False
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name='originals', description='The 48 x 48 px pictures.')
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    'image': tfds.features.Image(shape=(SIZE_PX, SIZE_PX, 1)),
                    'label': tfds.features.ClassLabel(names=list(expressions.BASIC)),
                    'subject_id': tfds.features.Text(),
                    'file_name': tfds.features.Text(),
                    'pixel_hash': tfds.features.Text(),
                    'fold': np.int64,
                }
            ),
            supervised_keys=('image', 'label'),
            homepage='https://www.kaggle.com/datasets/deadskull7/fer2013',
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        manual_dir = archives.manual_dir(dl_manager, self.name, LAYOUT)
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        file = find_form(folder)
        table = open_table(file, one_of(*_COLUMNS), _COLUMNS, _WHERE_TO_GET) if file else None
        if table:
            check_usages(table)
            if table.notes:
                self.info.metadata['table_notes'] = {table.path.name: '; '.join(table.notes)}
        self._skipped: dict[str, str] = {}
        self._re_encoded: dict[str, str] = {}
        self._rows: list[tuple[str, str, str, str]] = []
        self._counts = {split: dict.fromkeys(expressions.BASIC, 0) for split in splits.SPLITS}

        def read() -> Iterator[_Example]:
            return self._read_csv(table) if table else self._read_folders(folder)

        return {split: self._generate_examples(split, read()) for split in splits.SPLITS}

    def _generate_examples(
        self, split: str, examples: Iterator[_Example]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        # The file is read once a split: memory stays flat, and it is small.
        for file_name, own_split, image, label in examples:
            if own_split != split:
                continue
            known_by = pixel_hash(read_picture(image))
            self._rows.append((file_name, split, label, known_by))
            self._counts[split][label] += 1
            slot = splits.hash_slot(self.name, image)
            yield (
                file_name,
                {
                    'image': image,
                    'label': label,
                    'subject_id': '',
                    'file_name': file_name,
                    'pixel_hash': known_by,
                    'fold': splits.fold_of(slot),
                },
            )
        if not any(self._counts[split].values()):
            raise InvalidArchiveError(
                f'The split `{split}` of FER2013 must have a picture. Received: none; '
                f'{len(self._skipped)} files or rows were left out{self._first_reasons()}.'
            )
        self.info.metadata.update(
            {
                'split_hash': splits.split_hash((name, split) for name, split, *_ in self._rows),
                'content_hash': splits.content_hash(self._rows, self.builder_config.name),
                'images': self._counts,
                'skipped': self._skipped,
                're_encoded': self._re_encoded,
            }
        )

    def _first_reasons(self) -> str:
        named = (f'{name}: {reason}' for name, reason in self._skipped.items())
        return f', such as {archives.first_lines(named)}' if self._skipped else ''

    def _read_csv(self, table: Table) -> Iterator[_Example]:
        for row in table.rows():
            file_name = f'{table.path.name}:{row.line}'
            try:
                if row.problem and len(row.cells) in (0, len(table.header)):
                    raise ValueError(row.problem)
                yield (file_name, *parse_row(row.cells, table))
            except ValueError as error:
                self._skipped[file_name] = f'not a row of FER2013: {error}'

    def _read_folders(self, folder: epath.Path) -> Iterator[_Example]:
        for path in archives.list_files(folder):
            parts = path.relative_to(folder).parts
            file_name = printable('/'.join(parts))
            label = expressions.find(parts[1]) if len(parts) == 3 else None
            if parts[0] not in _FOLDER_SPLITS or label not in expressions.BASIC:
                self._skipped[file_name] = 'not train|test/<class>/<file>'
                continue
            try:
                archives.require_file(path)
                data, how = to_grey_file(path.read_bytes())
            except (archives.Skip, OSError, InvalidPictureError) as error:
                is_skip = isinstance(error, archives.Skip)
                self._skipped[file_name] = str(error) if is_skip else describe_problem(error)
                continue
            if how:
                self._re_encoded[file_name] = how
            yield file_name, self._folder_split(parts[0], data), data, str(label)

    def _folder_split(self, part: str, data: bytes) -> str:
        """By content, so that copies of a picture stay together."""
        in_validation = splits.hash_slot(self.name, data) in splits.TENTH_THAT_VALIDATES
        return 'validation' if part == 'train' and in_validation else part


def find_form(folder: epath.Path) -> epath.Path | None:
    """The table, or None for the form of folders.

    Raises:
        InvalidArchiveError: Both forms, several tables, or neither.
    """
    tables = [path for path in sorted(folder.iterdir()) if path.name.lower() in CSV_NAMES]
    folders = [name for name in _FOLDER_SPLITS if (folder / name).is_dir()]
    if len(tables) > 1 or (tables and folders):
        found = [*(table.name for table in tables), *(f'{name}/' for name in folders)]
        raise InvalidArchiveError(
            f'{folder} must hold FER2013 once: {LAYOUT}. Received: {", ".join(found)}. '
            'They hold the same pictures; move one form elsewhere.'
        )
    if not tables and len(folders) < len(_FOLDER_SPLITS):
        names = archives.first_lines(path.name for path in folder.iterdir())
        raise InvalidArchiveError(f'{folder} must hold {LAYOUT}. Received: {names}.')
    return tables[0] if tables else None


def check_usages(table: Table) -> None:
    """Refuses a table without rows for each split, before the first of its pictures is read.

    Raises:
        InvalidArchiveError: Names the header, and counts what there is.
    """
    splits_of_rows: collections.Counter[str] = collections.Counter()
    others: collections.Counter[str] = collections.Counter()
    for row in table.rows():
        usage = row.cells.get('Usage', '')
        try:
            splits_of_rows[_split_of(usage)] += 1
        except ValueError:
            others[row.problem or repr(usage)] += 1
    if all(splits_of_rows[split] for split in USAGES.values()):
        return
    counts = [f'{splits_of_rows[split]} of {usage}' for usage, split in USAGES.items()]
    counts += [f'{count} of others ({what})' for what, count in others.most_common(3)]
    raise InvalidArchiveError(
        f'{table.describe()}, must have rows of each Usage: {", ".join(USAGES)}. Received: '
        f'{", ".join(counts)}. {_WHERE_TO_GET}'
    )


def _split_of(usage: str) -> str:
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
    missing = [name for name in _COLUMNS if not row.get(name)]
    if missing:
        raise ValueError(f'nothing in {", ".join(missing)}')
    split = _split_of(row['Usage'])
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
