"""Drawn people, each in a laboratory of their own, to be trained on beside photos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions
from tfds_builders.drawing.people import Drawing
from tfds_builders.expression_builder import ExpressionConfig, ExpressionDatasetBuilder
from tfds_builders.photo_tasks import PhotoTask

NUM_PEOPLE = 160  # Whole blocks of twenty, so that the splits are 14:3:3 (`splits.subject_slot`).


class Builder(ExpressionDatasetBuilder):
    """Neutral and the six basic expressions of people who do not exist.

    >>> [config.name for config in Builder.BUILDER_CONFIGS][:2]
    ['faces', 'originals']
    """

    VERSION = tfds.core.Version('1.1.0')
    RELEASE_NOTES = {
        '1.1.0': 'With the feature pixel_hash; images and splits are those of 1.0.0.',
        '1.0.0': 'First release.',
    }
    TERMS = 'drawn by the package'
    BUILDER_CONFIGS = [
        ExpressionConfig(
            name='faces', description='Aligned face crops.', classes=expressions.BASIC
        ),
        ExpressionConfig(
            name='originals',
            description='Whole drawings, as PNG.',
            classes=expressions.BASIC,
            crops_faces=False,
        ),
    ]

    def _list_tasks(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, Iterable[PhotoTask]]:
        return self._split_photos(epath.Path())  # There is no archive: everything is drawn.

    def _read_archive(self, manual_dir: epath.Path) -> archives.Archive:
        photos = [
            archives.Photo(
                Drawing(person, expression),
                f'{expression}/{person:03d}.png',
                expression,
                f'{person:03d}',
            )
            for person in range(NUM_PEOPLE)
            for expression in expressions.BASIC
        ]
        return archives.Archive(tuple(photos), {})
