"""RaFD: 67 models, eight expressions, three gazes, five cameras."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions
from tfds_builders.errors import InvalidArchiveError
from tfds_builders.expression_builder import ExpressionConfig, ExpressionDatasetBuilder

LAYOUT = 'files such as Rafd090_01_Caucasian_female_angry_frontal.jpg, in one folder or several'
NUM_MODELS = 67
FRONTAL_CAMERA = 90
LABELS = expressions.BASIC_AND_CONTEMPT  # The file names use the canonical words.
_NAME = re.compile(
    r'Rafd(?P<camera>000|045|090|135|180)_(?P<subject_id>\d+)_(?P<group>[A-Za-z]+)_'
    r'(?P<gender>female|male)_(?P<label>[a-z]+)_(?P<gaze>left|frontal|right)\.jpe?g',
    re.IGNORECASE,
)
_FRONTAL = 'camera 090, seven classes, three gazes'
_ALL = 'five cameras, eight classes, three gazes'


archives.register('rafd', archives.Signature(lambda path: _NAME.fullmatch(path.name) is not None))


def _config(name: str, description: str, **choices: Any) -> ExpressionConfig:
    frontal = name.startswith('frontal')
    classes = expressions.BASIC if frontal else LABELS
    return ExpressionConfig(name=name, description=description, classes=classes, **choices)


class Builder(ExpressionDatasetBuilder):
    """Radboud Faces Database.

    >>> [config.name for config in Builder.BUILDER_CONFIGS][:2]
    ['frontal_faces', 'frontal_originals']
    """

    VERSION = tfds.core.Version('1.1.0')
    RELEASE_NOTES = {
        '1.1.0': 'With the feature pixel_hash; images and splits are those of 1.0.0.',
        '1.0.0': 'First release.',
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = f'Ask its authors for RaFD and put it into one folder: {LAYOUT}.'
    LAYOUT = LAYOUT
    HOMEPAGE = 'https://rafd.socsci.ru.nl'
    TERMS = 'on individual request, accredited researchers'
    BUILDER_CONFIGS = [
        _config('frontal_faces', f'Aligned face crops; {_FRONTAL}.'),
        _config('frontal_originals', f'Untouched files; {_FRONTAL}.', crops_faces=False),
        _config('all_faces', f'Aligned face crops; {_ALL}.'),
        _config('all_originals', f'Untouched files; {_ALL}.', crops_faces=False),
        _config(
            'frontal_faces_leaky_image_split',
            f'As frontal_faces, but split by image: the same people train and test; {_FRONTAL}.',
            splits_images=True,
        ),
    ]
    EXTRA_FEATURES = {
        'camera': np.int64,
        'gaze': tfds.features.Text(),
        'gender': tfds.features.Text(),
        'group': tfds.features.Text(),
    }

    def _read_archive(self, manual_dir: epath.Path) -> archives.Archive:
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        # Of the whole archive, whatever the config takes of it, so that all configs split alike.
        self._stratum_of: dict[str, tuple[str, ...]] = {}
        return archives.read_folder(folder, self._parse, LAYOUT, own=self.name)

    def _parse(self, path: epath.Path, parts: tuple[str, ...]) -> archives.Photo | None:
        archives.require_image(path)
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise archives.Skip('not a name of RaFD')
        known = match.groupdict()
        label = known.pop('label').lower()
        if label not in LABELS:
            raise archives.Skip(f'unknown expression {label!r}')
        self._check_stratum(path, known)
        camera = int(known.pop('camera'))
        if self.builder_config.name.startswith('frontal') and camera != FRONTAL_CAMERA:
            return None
        if label not in self.builder_config.classes:
            return None
        subject_id = known.pop('subject_id')
        extras = {'camera': camera, **known}
        return archives.Photo(path, '/'.join(parts), label, subject_id, extras)

    def _subject_slots(self, photos: Sequence[archives.Photo]) -> Mapping[str, int]:
        """Dealt by group and gender, which the file names tell."""
        return self._deal('RaFD', self._stratum_of, NUM_MODELS, 'models')

    def _check_stratum(self, path: epath.Path, known: Mapping[str, str]) -> None:
        stratum = known['group'].capitalize(), known['gender'].lower()
        expected = self._stratum_of.setdefault(known['subject_id'], stratum)
        if stratum != expected:
            raise InvalidArchiveError(
                'All file names of a model must tell the same group and gender. Received: '
                f'{path.name}, but {" ".join(expected)} in others. Restore the original names.'
            )
