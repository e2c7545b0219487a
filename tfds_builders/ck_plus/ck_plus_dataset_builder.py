"""CK+: sequences from a neutral face to the peak of an expression, 123 people."""

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

LAYOUT = (
    'the folders cohn-kanade-images/S005/001/ with S005_001_00000001.png and so on, and '
    'Emotion/S005/001/ with S005_001_00000011_emotion.txt'
)
NUM_PEOPLE = 123
# Of the numbers in the files of labels.
LABELS = {
    0: 'neutral',
    1: 'angry',
    2: 'contemptuous',
    3: 'disgusted',
    4: 'fearful',
    5: 'happy',
    6: 'sad',
    7: 'surprised',
}
_FRAME = re.compile(r'S(?P<person>\d{3})_(?P<sequence>\d{3})_(?P<frame>\d{8})\.png', re.IGNORECASE)
_EMOTION = re.compile(r'S(?P<person>\d{3})_(?P<sequence>\d{3})_\d{8}_emotion\.txt', re.IGNORECASE)
_TABLE = 'ckextended.csv'
_PEAK = 'the last frame of each labelled sequence, and its first as neutral'
_LAST = 'the last three frames of each labelled sequence, and its first as neutral'

_Sequence = tuple[str, str]

archives.register('ck_plus', archives.Signature(lambda p: _FRAME.fullmatch(p.name) is not None))


def _config(name: str, description: str, **choices: Any) -> ExpressionConfig:
    classes = expressions.BASIC_AND_CONTEMPT
    return ExpressionConfig(name=name, description=description, classes=classes, **choices)


class Builder(ExpressionDatasetBuilder):
    """Extended Cohn-Kanade.

    >>> [config.name for config in Builder.BUILDER_CONFIGS][:2]
    ['last_three_faces', 'last_three_originals']
    """

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'First release.'}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f'Ask its authors for CK+ and put it into one folder: {LAYOUT}.'
    LAYOUT = LAYOUT
    HOMEPAGE = 'https://www.jeffcohn.net/resources'
    TERMS = 'on request, for research'
    BUILDER_CONFIGS = [
        _config('last_three_faces', f'Aligned face crops; {_LAST}.'),
        _config('last_three_originals', f'Untouched files; {_LAST}.', crops_faces=False),
        _config('peak_faces', f'Aligned face crops; {_PEAK}.'),
        _config('peak_originals', f'Untouched files; {_PEAK}.', crops_faces=False),
    ]
    EXTRA_FEATURES = {'sequence': tfds.features.Text(), 'frame': np.int64}

    def _read_archive(self, manual_dir: epath.Path) -> archives.Archive:
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        if (folder / _TABLE).exists():
            raise InvalidArchiveError(
                f'CK+ must be {LAYOUT}. Received: {folder / _TABLE}, a copy of 48 x 48 px that '
                'names nobody, so that no split of it is subject-independent. Ask the authors for '
                'the original.'
            )
        files = archives.list_files(folder)
        self._label_of, self._unread = _read_labels(files)
        if not self._label_of:
            raise InvalidArchiveError(
                f'{folder} must hold {LAYOUT}. Received: {len(files)} files, and no label among '
                f'them{_first_reasons(self._unread)}. The labels are an archive of their own, '
                '`Emotion_labels.zip`: unpack it beside the images.'
            )
        self._last_of: dict[_Sequence, int] = {}
        for path in files:
            if match := _FRAME.fullmatch(path.name):
                of = match['person'], match['sequence']
                self._last_of[of] = max(self._last_of.get(of, 0), int(match['frame']))
        return archives.read_folder(folder, self._parse, LAYOUT, own=self.name)

    def _parse(self, path: epath.Path, parts: tuple[str, ...]) -> archives.Photo | None:
        if path.name in self._unread:
            raise archives.Skip(self._unread[path.name])
        if _EMOTION.fullmatch(path.name):
            return None
        archives.require_image(path)
        match = _FRAME.fullmatch(path.name)
        if match is None:
            raise archives.Skip('not a name of CK+')
        frame, sequence = int(match['frame']), (match['person'], match['sequence'])
        if sequence not in self._label_of:
            return None  # 266 of 593 sequences have no label.
        count = 1 if self.builder_config.name.startswith('peak') else 3
        if frame == 1:
            label = 'neutral'
        elif frame > self._last_of[sequence] - count:
            label = self._label_of[sequence]
        else:
            return None
        extras = {'sequence': match['sequence'], 'frame': frame}
        return archives.Photo(path, '/'.join(parts), label, f'S{match["person"]}', extras)

    def _subject_slots(self, photos: Sequence[archives.Photo]) -> Mapping[str, int]:
        """Everyone of whom there are images is dealt, so that labels move nobody."""
        return self._deal('CK+', {f'S{person}': () for person, _ in self._last_of}, NUM_PEOPLE)


def _read_labels(files: Sequence[epath.Path]) -> tuple[dict[_Sequence, str], dict[str, str]]:
    """The label of each sequence that has one, and why files of labels cannot be read."""
    labels, unread = {}, {}
    for path in files:
        match = _EMOTION.fullmatch(path.name)
        if match is None:
            continue
        try:
            text = path.read_text().strip()
            labels[match['person'], match['sequence']] = LABELS[int(float(text))]
        except (ValueError, KeyError, OSError) as error:
            unread[path.name] = f'no label of CK+, which is 0 to 7: {error}'
    return labels, unread


def _first_reasons(unread: Mapping[str, str]) -> str:
    named = archives.first_lines(f'{name}: {reason}' for name, reason in unread.items())
    return f', such as {named}' if unread else ''
