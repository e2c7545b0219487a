"""FER2013: 35 887 grey pictures of 48 x 48 px in seven classes, found by web search."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions, splits
from tfds_builders.errors import InvalidArchiveError, InvalidPictureError
from tfds_builders.fer2013.grey_pictures import (
    COLUMNS,
    SIZE_PX,
    USAGES,
    ListedFile,
    list_files,
    list_rows,
    split_of,
    to_grey_file,
)
from tfds_builders.listed_builder import ListedDatasetBuilder
from tfds_builders.picture_files import printable
from tfds_builders.table_files import Table, one_of, open_table
from tfds_builders.tasks import Finding, Task, describe_problem

LAYOUT = 'fer2013.csv or icml_face_data.csv, or else the folders train/<class>/ and test/<class>/'
CSV_NAMES = ('fer2013.csv', 'icml_face_data.csv')
_WHERE_TO_GET = (
    'Take fer2013.csv or icml_face_data.csv of the challenge, which have all three, or sort the '
    'pictures into folders and build expression_folders with --no_subjects.'
)
_FOLDER_SPLITS = ('train', 'test')

archives.register(
    'fer2013', archives.Signature(lambda path: path.name.lower() in CSV_NAMES, is_whole=True)
)


class Builder(ListedDatasetBuilder):
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

    def _list_tasks(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, Iterable[Task]]:
        manual_dir = archives.manual_dir(dl_manager, self.name, LAYOUT)
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        file = find_form(folder)
        table = open_table(file, one_of(*COLUMNS), COLUMNS, _WHERE_TO_GET) if file else None
        if table:
            check_usages(table)
            if table.notes:
                self.info.metadata['table_notes'] = {table.path.name: '; '.join(table.notes)}
        self._skipped: dict[str, str] = {}
        self._re_encoded: dict[str, str] = {}
        self._rows: list[tuple[str, str, str, str]] = []
        self._counts = {split: dict.fromkeys(expressions.BASIC, 0) for split in splits.SPLITS}
        self._is_table = table is not None
        if table:
            return {split: list_rows(table, split, self.name) for split in splits.SPLITS}
        files = self._list_files(folder)
        return {split: list_files(files[split], self.name) for split in splits.SPLITS}

    def _take(self, split: str, finding: Finding) -> None:
        if finding.left_out:
            self._skipped[finding.file_name] = finding.left_out
            return
        self._rows.append((finding.file_name, split, finding.label, finding.pixel_hash))
        self._counts[split][finding.label] += 1

    def _finish(self, split: str) -> None:
        # As they were listed, in whatever split they are.
        place = _line_of if self._is_table else _parts_of
        self._skipped = dict(sorted(self._skipped.items(), key=lambda one: place(one[0])))
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

    def _list_files(self, folder: epath.Path) -> dict[str, list[ListedFile]]:
        """The files of each split. All are read, for the content says which split it is."""
        found: dict[str, list[ListedFile]] = {split: [] for split in splits.SPLITS}
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
            found[self._folder_split(parts[0], data)].append((path, file_name, str(label)))
        return found

    def _folder_split(self, part: str, data: bytes) -> str:
        """By content, so that copies of a picture stay together."""
        in_validation = splits.hash_slot(self.name, data) in splits.TENTH_THAT_VALIDATES
        return 'validation' if part == 'train' and in_validation else part


def _line_of(file_name: str) -> list[int]:
    """Where a row of a table was listed."""
    return [int(file_name.rpartition(':')[2])]


def _parts_of(file_name: str) -> list[str]:
    """Where a file of the folders was listed."""
    return file_name.split('/')


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
            splits_of_rows[split_of(usage)] += 1
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
