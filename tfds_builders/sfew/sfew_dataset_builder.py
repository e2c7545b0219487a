"""SFEW 2.0: frames of films, seven classes, aligned by its authors."""

from __future__ import annotations

import re
from collections.abc import Sequence

import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions, splits
from tfds_builders.expression_builder import ExpressionConfig
from tfds_builders.official_splits import TEST_IS_VALIDATION, OfficialSplitBuilder

LAYOUT = (
    'the folders Train/Train_Aligned_Faces/ and Val/Val_Aligned_Faces/, each with a folder a class '
    'and files such as Happy/Airheads_000519240_00000005.png'
)
# The validation part is what papers test on: the labels of the test part were never given out.
SPLITS = {'train': 'train', 'val': 'test'}
_FOLDER = re.compile(r'(?P<part>Train|Val|Test)_Aligned_Faces(_new)?', re.IGNORECASE)
_NAME = re.compile(r'(?P<film>.+)_\d{9}_\d{8}\.(png|jpe?g)', re.IGNORECASE)

archives.register('sfew', archives.Signature(lambda path: _NAME.fullmatch(path.name) is not None))


class Builder(OfficialSplitBuilder):
    """Static Facial Expressions in the Wild.

    >>> [config.name for config in Builder.BUILDER_CONFIGS]
    ['aligned']
    """

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'First release.'}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f'Ask its authors for SFEW and put it into one folder: {LAYOUT}.'
    LAYOUT = LAYOUT
    HOMEPAGE = 'https://users.cecs.anu.edu.au/~few_group/AFEW.html'
    TERMS = 'on request, for research'
    SPLIT_NOTES = TEST_IS_VALIDATION
    BUILDER_CONFIGS = [
        ExpressionConfig(
            name='aligned',
            description='The faces that its authors aligned, untouched.',
            classes=expressions.BASIC,
            crops_faces=False,
        )
    ]
    EXTRA_FEATURES = {'film': tfds.features.Text()}

    def _read_archive(self, manual_dir: epath.Path) -> archives.Archive:
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        self._official: dict[str, str] = {}
        return archives.read_folder(folder, self._parse, LAYOUT, own=self.name)

    def _parse(self, path: epath.Path, parts: tuple[str, ...]) -> archives.Photo | None:
        archives.require_image(path)
        folder = next(filter(None, map(_FOLDER.fullmatch, parts)), None)
        name = _NAME.fullmatch(path.name)
        if folder is None or name is None:
            raise archives.Skip(
                'not Train|Val/Train|Val_Aligned_Faces/<class>/<film>_<time>_<number>'
            )
        part = folder['part'].lower()
        if part not in SPLITS:
            raise archives.Skip('the test part has no labels')
        label = expressions.find(parts[-2])
        if label not in expressions.BASIC:
            raise archives.Skip(f'in {parts[-2]}/, which is no class of SFEW')
        file_name = '/'.join(parts)
        self._official[file_name] = SPLITS[part]
        return archives.Photo(path, file_name, str(label), '', {'film': name['film']})

    def _slots(self, photos: Sequence[archives.Photo]) -> list[int]:
        """By film: who plays in one is not in two of training, validation and folds."""
        return [splits.hash_slot(self.name, photo.extras['film']) for photo in photos]

    def _official_split(self, photo: archives.Photo) -> str:
        return self._official[photo.file_name]
