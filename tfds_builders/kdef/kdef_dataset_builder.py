"""KDEF: 70 people, seven expressions, five angles, two sessions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions
from tfds_builders.expression_builder import ExpressionConfig, ExpressionDatasetBuilder

LAYOUT = 'files such as AF01/AF01ANS.JPG, in one folder or several'
NUM_PEOPLE = 70
LABELS = {
    'NE': 'neutral',
    'HA': 'happy',
    'SA': 'sad',
    'AN': 'angry',
    'SU': 'surprised',
    'DI': 'disgusted',
    'AF': 'fearful',
}
ANGLES = {
    'FL': 'full_left',
    'HL': 'half_left',
    'S': 'straight',
    'HR': 'half_right',
    'FR': 'full_right',
}
GENDERS = {'F': 'female', 'M': 'male'}
_NAME = re.compile(
    r'(?P<session>[AB])(?P<person>(?P<gender>[FM])\d\d)(?P<label>AF|AN|DI|HA|NE|SA|SU)'
    r'(?P<angle>S|HL|HR|FL|FR)\.jpe?g',
    re.IGNORECASE,
)
_STRAIGHT = 'straight camera, seven classes, two sessions'
_ALL = 'five angles, seven classes, two sessions'

archives.register('kdef', archives.Signature(lambda path: _NAME.fullmatch(path.name) is not None))


def _config(name: str, description: str, **choices: Any) -> ExpressionConfig:
    return ExpressionConfig(
        name=name, description=description, classes=expressions.BASIC, **choices
    )


class Builder(ExpressionDatasetBuilder):
    """Karolinska Directed Emotional Faces.

    >>> [config.name for config in Builder.BUILDER_CONFIGS][:2]
    ['frontal_faces', 'frontal_originals']
    """

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'First release.'}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f'Ask its authors for KDEF and put it into one folder: {LAYOUT}.'
    LAYOUT = LAYOUT
    HOMEPAGE = 'https://kdef.se'
    TERMS = 'for research, with a registration'
    BUILDER_CONFIGS = [
        _config('frontal_faces', f'Aligned face crops; {_STRAIGHT}.'),
        _config('frontal_originals', f'Untouched files; {_STRAIGHT}.', crops_faces=False),
        _config('all_faces', f'Aligned face crops; {_ALL}.'),
        _config('all_originals', f'Untouched files; {_ALL}.', crops_faces=False),
    ]
    EXTRA_FEATURES = {
        'camera': tfds.features.Text(),
        'gender': tfds.features.Text(),
        'session': tfds.features.Text(),
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
            raise archives.Skip('not a name of KDEF')
        known = {key: value.upper() for key, value in match.groupdict().items()}
        gender = GENDERS[known['gender']]
        # F01 and M01 are two people; A and B are two sessions of one.
        self._stratum_of[known['person']] = (gender,)
        if self.builder_config.name.startswith('frontal') and known['angle'] != 'S':
            return None
        extras = {'camera': ANGLES[known['angle']], 'gender': gender, 'session': known['session']}
        label = LABELS[known['label']]
        return archives.Photo(path, '/'.join(parts), label, known['person'], extras)

    def _subject_slots(self, photos: Sequence[archives.Photo]) -> Mapping[str, int]:
        """Dealt by gender, which the file names tell."""
        return self._deal('KDEF', self._stratum_of, NUM_PEOPLE)
