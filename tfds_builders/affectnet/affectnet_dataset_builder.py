"""AffectNet: faces found by web search, eight classes, valence and arousal."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions
from tfds_builders.affectnet.annotations import (
    LABELS,
    Annotated,
    open_list,
    read_arrays,
    read_list,
    read_objects,
)
from tfds_builders.errors import InvalidArchiveError
from tfds_builders.expression_builder import ExpressionConfig
from tfds_builders.official_splits import TEST_IS_VALIDATION, OfficialSplitBuilder

LAYOUT = (
    'Manually_Annotated_file_lists/ with training.csv and validation.csv beside '
    'Manually_Annotated_Images/ (2017); or train_set/ and val_set/, each with images/ and '
    'annotations/ (2021, and AffectNet+ below human_annotated/)'
)
# The validation part is what papers test on: there is no other.
_LISTS = {'training.csv': 'train', 'validation.csv': 'test'}
_AUTOMATIC = 'automatically_annotated.csv'
_FOLDERS = {'train_set': 'train', 'val_set': 'test', 'validation_set': 'test'}
_ANNOTATION = re.compile(r'\d+(_exp\.npy|\.json)')

archives.register(
    'affectnet',
    archives.Signature(
        lambda path: (
            path.name.lower() == _AUTOMATIC
            or (path.name.lower() in _LISTS and 'annotated' in path.parent.name.lower())
            or (_ANNOTATION.fullmatch(path.name) is not None and path.parent.name == 'annotations')
        ),
        is_whole=True,
    ),
)


@dataclasses.dataclass(kw_only=True)
class AffectNetConfig(ExpressionConfig):
    """Which labels.

    Attributes:
        is_automatic: Those of a network, of the pictures that nobody annotated.

    >>> AffectNetConfig(name='eight_faces').is_automatic
    False
    """

    is_automatic: bool = False


def _config(kind: str, what: str) -> AffectNetConfig:
    pictures = {'faces': 'Aligned face crops', 'originals': 'Untouched files'}[what]
    labels = {
        'eight': 'eight classes by hand',
        'seven': 'seven classes by hand, without contempt',
        'automatic': 'eight classes by a network',
    }[kind]
    return AffectNetConfig(
        name=f'{kind}_{what}',
        description=f'{pictures}; {labels}.',
        classes=expressions.BASIC if kind == 'seven' else expressions.BASIC_AND_CONTEMPT,
        crops_faces=what == 'faces',
        is_automatic=kind == 'automatic',
    )


class Builder(OfficialSplitBuilder):
    """AffectNet, and AffectNet+.

    >>> [config.name for config in Builder.BUILDER_CONFIGS][:2]
    ['eight_faces', 'eight_originals']
    """

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'First release.'}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f'Ask its authors for AffectNet and put it into one folder: {LAYOUT}.'
    )
    LAYOUT = LAYOUT
    HOMEPAGE = 'http://mohammadmahoor.com/affectnet/'
    TERMS = 'on request, research that is not commercial'
    SPLIT_NOTES = TEST_IS_VALIDATION
    BUILDER_CONFIGS = [
        _config(kind, what)
        for kind in ('eight', 'seven', 'automatic')
        for what in ('faces', 'originals')
    ]
    EXTRA_FEATURES = {
        'valence': np.float32,
        'arousal': np.float32,
        # Soft labels, in the order of the classes; those of `seven` go without the last.
        'votes': tfds.features.Tensor(shape=(len(LABELS),), dtype=np.float32),
        'subset': tfds.features.Text(),
        'gender': tfds.features.Text(),
        'group': tfds.features.Text(),
        'age': tfds.features.Text(),
    }

    builder_config: AffectNetConfig

    def _read_archive(self, manual_dir: epath.Path) -> archives.Archive:
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        self._official: dict[str, str] = {}
        skipped: dict[str, str] = {}
        photos, others = [], 0
        for one, split in self._read(folder, skipped):
            label = LABELS[one.code] if one.code < len(LABELS) else None
            if label not in self.builder_config.classes:
                others += 1
            elif one.place in self._official:
                skipped[f'{one.place}, again'] = 'a second annotation of one picture'
            else:
                self._official[one.place] = split
                photos.append(archives.Photo(one.path, one.place, str(label), '', one.extras))
        if not photos:
            reasons = [f'{name}: {reason}' for name, reason in skipped.items()]
            raise InvalidArchiveError(
                f'{folder} must hold {LAYOUT}, with labels of the config '
                f'{self.builder_config.name}. Received: none'
                f'{f", such as {archives.first_lines(reasons)}" if reasons else ""}. '
                f'{archives.guess_set(folder, self.name)}'
            )
        return archives.Archive(tuple(photos), skipped, others)

    def _read(self, folder: epath.Path, skipped: dict[str, str]) -> Iterator[tuple[Annotated, str]]:
        """Every annotated picture of the form that lies there, and its official split."""
        lists, parts = _find_lists(folder), _find_folders(folder)
        if lists and parts:
            raise InvalidArchiveError(
                f'{folder} must hold AffectNet in one form: {LAYOUT}. Received: '
                f'{archives.first_lines(map(str, [*lists, *parts]))}. They hold the same '
                'pictures; move one form elsewhere.'
            )
        for file in lists:
            is_automatic = file.name.lower() == _AUTOMATIC
            if is_automatic == self.builder_config.is_automatic:
                how = 'Automatically' if is_automatic else 'Manually'
                pictures = file.parent.parent / f'{how}_Annotated_Images'
                split = _LISTS.get(file.name.lower(), 'train')
                table = open_list(file)
                if table.notes:
                    notes = self.info.metadata.setdefault('table_notes', {})
                    notes[file.name] = '; '.join(table.notes)
                yield from ((one, split) for one in read_list(table, pictures, skipped))
        for part in [] if self.builder_config.is_automatic else parts:
            has_objects = any((part / 'annotations').glob('*.json'))
            read = read_objects if has_objects else read_arrays
            yield from ((one, _FOLDERS[part.name.lower()]) for one in read(part, skipped))

    def _official_split(self, photo: archives.Photo) -> str:
        return self._official[photo.file_name]


def _find_lists(folder: epath.Path) -> list[epath.Path]:
    names = (*_LISTS, _AUTOMATIC)
    return [
        path
        for path in sorted([*folder.glob('*/*.csv'), *folder.glob('*/*/*.csv')])
        if path.name.lower() in names
    ]


def _find_folders(folder: epath.Path) -> list[epath.Path]:
    places = sorted([*folder.glob('*'), *folder.glob('*/*')])
    return [path for path in places if path.name.lower() in _FOLDERS and (path / 'images').is_dir()]
