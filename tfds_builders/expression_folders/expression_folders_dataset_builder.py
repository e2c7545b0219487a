"""Photos of your own: a folder an expression, a file a photo."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions, splits
from tfds_builders.errors import InvalidArchiveError, InvalidPictureError
from tfds_builders.expression_builder import ExpressionConfig, ExpressionDatasetBuilder
from tfds_builders.expression_folders.doubts import (
    advise,
    describe,
    find_doubts,
    warn_of_numbers,
)
from tfds_builders.expression_folders.people import (
    SUBJECT_PATTERN,
    Named,
    check_pattern,
    read_person,
)
from tfds_builders.expression_folders.subject_table import (
    SUBJECTS_FILE,
    find_subjects_file,
    is_subjects_file,
    read_subjects,
)
from tfds_builders.pictures import read_picture

LAYOUT = (
    '<class>/<subject>*.jpg or .png, such as happy/017_2.jpg, or <class>/<subject>/<file>, such as '
    'happy/anna/1.jpg'
)
# Where people were read from, as the metadata of a prepared set say.
FOLDERS, FILES, NOBODY = 'folders', 'file names', 'nobody'
_CLASSES = expressions.BASIC_AND_CONTEMPT

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
    LAYOUT = LAYOUT
    TERMS = 'your own photographs'
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

    def __init__(
        self,
        *,
        subject_pattern: str | None = None,
        no_subjects: bool = False,
        accept_subjects: bool = False,
        **options: Any,
    ) -> None:
        """Takes what every builder takes, and how people are read.

        Args:
            subject_pattern: Regular expression that finds the person at the start of a file's name,
                in its group `subject`, or, where it holds a `/`, of the path inside the folder of
                the class. By default the folder below that of the class is the person, and without
                one `SUBJECT_PATTERN` is matched.
            no_subjects: Nobody is named: `subject_id` is empty, and images are split by content.
            accept_subjects: The people are as they are read, however unlikely that looks.
            **options: Those of `tfds.core.GeneratorBasedBuilder`.

        Raises:
            InvalidArchiveError: The pattern is no regular expression with a group `subject`, or is
                given although nobody is named.
        """
        if subject_pattern and no_subjects:
            raise InvalidArchiveError(
                '`subject_pattern` says who is shown and `no_subjects` that nobody is named: one '
                f'must be left out. Received: {subject_pattern!r}, and `no_subjects`.'
            )
        check_pattern(subject_pattern or SUBJECT_PATTERN)
        self._subject_pattern = subject_pattern
        self._has_subjects = not no_subjects
        self._accepts_subjects = accept_subjects
        super().__init__(**options)

    def _read_archive(self, manual_dir: epath.Path) -> archives.Archive:
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        _check_classes(folder)
        people = read_subjects(find_subjects_file(folder))
        self._named: list[Named] = []
        archive = archives.read_folder(
            folder, self._parse, LAYOUT, is_aside=_is_aside, own=self.name
        )
        self.info.metadata['subject_pattern'] = self._subject_pattern or SUBJECT_PATTERN
        if self._has_subjects:
            self._check_people(folder, archive)
        else:
            self.info.metadata['people_from'] = NOBODY
        known = people.assign(photo.subject_id for photo in archive.photos if photo.subject_id)
        if people.notes:
            self.info.metadata['table_notes'] = {SUBJECTS_FILE: '; '.join(people.notes)}
        photos = (
            dataclasses.replace(one, extras={**one.extras, **known.get(one.subject_id, {})})
            for one in archive.photos
        )
        return dataclasses.replace(archive, photos=tuple(photos))

    def _check_people(self, folder: epath.Path, archive: archives.Archive) -> None:
        """Writes down how people were read.

        Raises:
            InvalidArchiveError: They were probably read wrongly, and nobody said that it is right.
        """
        named = self._named
        slots = None if self.builder_config.splits_images else self._subject_slots(archive.photos)
        found, examples = find_doubts(named, slots), describe(named)
        people = len({photo.subject_id for photo in named})
        if found and not self._accepts_subjects:
            aside = f' {len(archive.skipped)} other files were left out.' if archive.skipped else ''
            raise InvalidArchiveError(
                f'{folder} has {len(named)} images of {people} people, as their names were read: '
                f'{"; ".join(examples)}. That is unlikely: {"; ".join(found)}.{aside} '
                f'{advise(named, folder)}'
            )
        in_folders = sum(photo.is_in_folder for photo in named)
        self.info.metadata.update(
            people_from=FOLDERS if 2 * in_folders > len(named) else FILES,
            people={'count': people, 'examples': examples},
        )
        if found:
            self.info.metadata['warning'] = (
                f'these people were taken as they were read, although {"; ".join(found)}.'
            )
        elif warning := warn_of_numbers(named):
            self.info.metadata['warning'] = warning

    def _slots(self, photos: Sequence[archives.Photo]) -> list[int]:
        if self._has_subjects:
            return super()._slots(photos)
        return [splits.hash_slot(self.name, _content(photo.path)) for photo in photos]

    def _parse(self, path: epath.Path, parts: tuple[str, ...]) -> archives.Photo | None:
        if len(parts) == 1 and is_subjects_file(parts[0]):
            raise archives.Skip('the table of people, read')
        archives.require_image(path)
        if len(parts) < 2:
            raise archives.Skip('not inside the folder of a class')
        label = expressions.canonical(parts[0])
        if label not in self.builder_config.classes:
            raise archives.Skip(f'{label} is no class of {self.name}')
        extras = {'gender': '', 'group': '', 'age': -1}
        if not self._has_subjects:
            return archives.Photo(path, '/'.join(parts), label, '', extras)
        named = read_person(parts, label, self._subject_pattern)
        if named is None:
            pattern = self._subject_pattern or SUBJECT_PATTERN
            raise archives.Skip(f'no person by {pattern!r}')
        self._named.append(named)
        return archives.Photo(path, named.file_name, label, named.subject_id, extras)


def _content(path: archives.Readable) -> bytes:
    """The upright pixels, so that copies of a picture stay together; of a broken file its bytes."""
    data = path.read_bytes()
    try:
        image = read_picture(data)
    except InvalidPictureError:
        return data
    return f'{image.shape}'.encode() + image.tobytes()


def _is_aside(name: str) -> bool:
    """Whether a folder is set aside by its name, at whatever depth."""
    return name.startswith('_')


def _check_classes(folder: epath.Path) -> None:
    """Refuses a folder whose name is no expression, before any photo is read."""
    names = [path.name for path in folder.iterdir() if path.is_dir()]
    read = [name for name in names if not name.startswith('.') and not _is_aside(name)]
    unknown = sorted(name for name in read if expressions.find(name) is None)
    if unknown:
        raise InvalidArchiveError(
            f'Each folder in {folder} must be named for an expression: '
            f'{", ".join(expressions.CLASS_NAMES)}, or a synonym: '
            f'{", ".join(expressions.SYNONYMS)}. Received: {", ".join(unknown)}. '
            'Rename these folders, move them elsewhere, or set them aside by a name that begins '
            'with _.'
        )
