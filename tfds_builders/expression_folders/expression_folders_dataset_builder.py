"""Photos of your own: a folder an expression, a file a photo."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions
from tfds_builders.errors import InvalidArchiveError
from tfds_builders.expression_builder import ExpressionConfig, ExpressionDatasetBuilder

LAYOUT = '<class>/<subject>*.jpg or .png, such as happy/017_2.jpg'
SUBJECT_PATTERN = r'(?P<subject>[^_.\- ]+)'
SUBJECTS_FILE = 'subjects.csv'
_CLASSES = expressions.BASIC_AND_CONTEMPT
# The first name is ours; the others are those of published lists.
_COLUMNS = {
    'subject_id': ('subject_id', 'subject', 'face_id', 'id'),
    'gender': ('gender', 'face_gender', 'sex'),
    'group': ('group', 'face_eth', 'ethnicity'),
    'age': ('age', 'face_age'),
}

archives.register(
    'expression_folders',
    archives.Signature(
        lambda path: expressions.find(path.parent.name) is not None, is_general=True
    ),
)


class Builder(ExpressionDatasetBuilder):
    """Folders of photos, one for each of the seven basic expressions and contempt.

    >>> [config.name for config in Builder.BUILDER_CONFIGS][:2]
    ['faces', 'originals']
    """

    VERSION = tfds.core.Version('1.1.0')
    RELEASE_NOTES = {
        '1.1.0': 'With the feature pixel_hash; images and splits are those of 1.0.0.',
        '1.0.0': 'First release.',
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = f'Sort your photos into folders: {LAYOUT}.'
    BUILDER_CONFIGS = [
        ExpressionConfig(name='faces', description='Aligned face crops.', classes=_CLASSES),
        ExpressionConfig(
            name='originals', description='Untouched files.', classes=_CLASSES, crops_faces=False
        ),
        ExpressionConfig(
            name='faces_leaky_image_split',
            description='As faces, but split by image: the same people train and test.',
            classes=_CLASSES,
            splits_images=True,
        ),
    ]
    EXTRA_FEATURES = {
        'gender': tfds.features.Text(),
        'group': tfds.features.Text(),
        'age': np.int64,
    }

    def __init__(self, *, subject_pattern: str | None = None, **options: Any) -> None:
        """Takes what every builder takes, and a pattern.

        Args:
            subject_pattern: Regular expression that finds the person at the start of a file's name,
                in its group `subject`; `SUBJECT_PATTERN` by default.
            **options: Those of `tfds.core.GeneratorBasedBuilder`.

        Raises:
            InvalidArchiveError: It is no regular expression with a group `subject`.
        """
        subject_pattern = subject_pattern or SUBJECT_PATTERN
        check_pattern(subject_pattern)
        self.subject_pattern = subject_pattern
        super().__init__(**options)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=self._features(),
            supervised_keys=('image', 'label'),
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return self._split_photos(archives.manual_dir(dl_manager, self.name, LAYOUT))

    def _read_archive(self, manual_dir: epath.Path) -> archives.Archive:
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        _check_classes(folder)
        self._people = read_subjects(folder / SUBJECTS_FILE)
        archive = archives.read_folder(folder, self._parse, LAYOUT)
        self.info.metadata['subject_pattern'] = self.subject_pattern
        if len({photo.subject_id for photo in archive.photos}) == len(archive.photos):
            self.info.metadata['warning'] = (
                'Every photo has a person of its own. If people are shown more than once, give '
                '--subject_pattern, or they may be in several splits.'
            )
        return archive

    def _parse(self, path: epath.Path, parts: tuple[str, ...]) -> archives.Photo | None:
        if parts == (SUBJECTS_FILE,):
            raise archives.Skip('the table of people, read')
        archives.require_image(path)
        if len(parts) < 2:
            raise archives.Skip('not inside the folder of a class')
        match = re.match(self.subject_pattern, path.stem)
        if match is None:
            raise archives.Skip(f'no person by {self.subject_pattern!r}')
        label = expressions.canonical(parts[0])
        if label not in self.builder_config.classes:
            return None
        subject_id = match['subject']
        extras = {'gender': '', 'group': '', 'age': -1} | dict(self._people.get(subject_id, {}))
        return archives.Photo(path, '/'.join(parts), label, subject_id, extras)


def check_pattern(subject_pattern: str) -> None:
    """Raises `InvalidArchiveError` unless it is a regular expression with a group `subject`."""
    try:
        fault = '' if 'subject' in re.compile(subject_pattern).groupindex else 'no such group'
    except re.error as error:
        fault = f'not a regular expression: {error}'
    if fault:
        raise InvalidArchiveError(
            '`subject_pattern` must be a regular expression with a group `subject`, such as '
            f'{SUBJECT_PATTERN!r}. Received: {subject_pattern!r}, {fault}.'
        )


def read_subjects(path: epath.Path) -> dict[str, dict[str, Any]]:
    """Reads gender, group and age (whole years) of each person; empty without the file.

    Raises:
        InvalidArchiveError: The table has no column of persons.
    """
    if not path.exists():
        return {}
    rows = csv.DictReader(io.StringIO(path.read_text('utf-8').lstrip('\ufeff')))
    own = {
        ours: name
        for ours, names in _COLUMNS.items()
        for name in reversed(names)
        if name in (rows.fieldnames or [])
    }
    if 'subject_id' not in own:
        raise InvalidArchiveError(
            f'{path} must have a column named one of {list(_COLUMNS["subject_id"])}. '
            f'Received the columns {list(rows.fieldnames or [])}.'
        )
    subject_column = own.pop('subject_id')
    return {row[subject_column].strip(): _describe(row, own) for row in rows}


def _describe(row: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, Any]:
    known: dict[str, Any] = {ours: (row[name] or '').strip() for ours, name in columns.items()}
    if 'age' in known:
        years = re.match(r'\d+', known['age'])
        known['age'] = int(years[0]) if years else -1
    return known


def _check_classes(folder: epath.Path) -> None:
    """Refuses a folder whose name is no expression, before any photo is read."""
    names = [path.name for path in folder.iterdir() if path.is_dir() and path.name[:1] not in '._']
    unknown = sorted(name for name in names if expressions.find(name) is None)
    if unknown:
        raise InvalidArchiveError(
            f'Each folder in {folder} must be named for an expression: '
            f'{", ".join(expressions.CLASS_NAMES)}, or a synonym: '
            f'{", ".join(expressions.SYNONYMS)}. Received: {", ".join(unknown)}. '
            'Rename these folders or move them elsewhere.'
        )
