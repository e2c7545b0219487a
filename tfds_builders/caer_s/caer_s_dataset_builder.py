"""CAER-S: frames of television shows, whole scenes, seven classes."""

from __future__ import annotations

import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions
from tfds_builders.expression_builder import ExpressionConfig
from tfds_builders.official_splits import OfficialSplitBuilder

LAYOUT = 'the folders train/ and test/, each with a folder a class and files such as Anger/0001.png'
_PARTS = ('train', 'test')


def _is_mine(path: epath.Path) -> bool:
    parts = [part.lower() for part in path.parts[-3:]]
    is_photo = path.suffix.lower() == '.png' and path.stem.isdigit()
    return len(parts) == 3 and parts[0] in _PARTS and is_photo and bool(expressions.find(parts[1]))


archives.register('caer_s', archives.Signature(_is_mine))


class Builder(OfficialSplitBuilder):
    """Context-Aware Emotion Recognition, static.

    >>> [config.name for config in Builder.BUILDER_CONFIGS]
    ['faces', 'originals']
    """

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'First release.'}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f'Ask its authors for CAER-S, put it into one folder: {LAYOUT}.'
    LAYOUT = LAYOUT
    HOMEPAGE = 'https://caer-dataset.github.io'
    TERMS = 'on request, research that is not commercial'
    BUILDER_CONFIGS = [
        ExpressionConfig(
            name='faces',
            description='Aligned crops of the largest face of each scene.',
            classes=expressions.BASIC,
        ),
        ExpressionConfig(
            name='originals',
            description='Whole scenes, untouched.',
            classes=expressions.BASIC,
            crops_faces=False,
        ),
    ]

    def _read_archive(self, manual_dir: epath.Path) -> archives.Archive:
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        return archives.read_folder(folder, _parse, LAYOUT, own=self.name)

    def _official_split(self, photo: archives.Photo) -> str:
        return photo.file_name.split('/')[-3].lower()


def _parse(path: epath.Path, parts: tuple[str, ...]) -> archives.Photo:
    archives.require_image(path)
    label = expressions.find(parts[-2]) if len(parts) > 2 else None
    if label not in expressions.BASIC or parts[-3].lower() not in _PARTS:
        raise archives.Skip('not train|test/<class>/<file>')
    return archives.Photo(path, '/'.join(parts), str(label), '')
