"""JAFFE: ten Japanese women, seven expressions, grey photographs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions
from tfds_builders.expression_builder import ExpressionConfig, ExpressionDatasetBuilder

LAYOUT = 'files such as KA.AN1.39.tiff, in one folder'
NUM_PEOPLE = 10
LABELS = {
    'NE': 'neutral',
    'HA': 'happy',
    'SA': 'sad',
    'AN': 'angry',
    'SU': 'surprised',
    'DI': 'disgusted',
    'FE': 'fearful',
}
_NAME = re.compile(
    r'(?P<person>[A-Z]{2})\.(?P<label>AN|DI|FE|HA|NE|SA|SU)\d*\.\d+\.tiff?', re.IGNORECASE
)

archives.register('jaffe', archives.Signature(lambda path: _NAME.fullmatch(path.name) is not None))


class Builder(ExpressionDatasetBuilder):
    """Japanese Female Facial Expression.

    >>> [config.name for config in Builder.BUILDER_CONFIGS]
    ['faces', 'originals']
    """

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'First release.'}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f'Ask its authors for JAFFE and put it into one folder: {LAYOUT}.'
    )
    LAYOUT = LAYOUT
    HOMEPAGE = 'https://zenodo.org/records/3451524'
    TERMS = 'on request, research that is not commercial'
    BUILDER_CONFIGS = [
        ExpressionConfig(
            name='faces', description='Aligned face crops.', classes=expressions.BASIC
        ),
        ExpressionConfig(
            name='originals',
            description='Whole photographs, as PNG.',
            classes=expressions.BASIC,
            crops_faces=False,
        ),
    ]

    def _read_archive(self, manual_dir: epath.Path) -> archives.Archive:
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        return archives.read_folder(folder, _parse, LAYOUT, own=self.name)

    def _subject_slots(self, photos: Sequence[archives.Photo]) -> Mapping[str, int]:
        return self._deal('JAFFE', {photo.subject_id: () for photo in photos}, NUM_PEOPLE)


def _parse(path: epath.Path, parts: tuple[str, ...]) -> archives.Photo:
    archives.require_image(path)
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise archives.Skip('not a name of JAFFE')
    label = LABELS[match['label'].upper()]
    return archives.Photo(path, '/'.join(parts), label, match['person'].upper())
