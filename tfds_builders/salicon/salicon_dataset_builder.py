"""SALICON, and any set in its layout (OSIE, your own recordings)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, fixations
from tfds_builders.errors import InvalidArchiveError, MissingArchiveError
from tfds_builders.listed_builder import ListedDatasetBuilder

LAYOUT = '`images/{train,val,test}/`, `fixations/{train,val}/*.mat`, `maps/{train,val}/*.png`'
SPLITS = ('train', 'val', 'test')


class Builder(ListedDatasetBuilder):
    """One example an image, the fixations of all observers pooled.

    >>> str(Builder.VERSION)
    '1.0.0'
    """

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'First release.'}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f'Unpack images, fixations and maps into one folder: {LAYOUT}.'

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=fixations.features(), homepage='http://salicon.net/'
        )

    def _list_tasks(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, Iterable[fixations.ImageTask]]:
        manual_dir = archives.manual_dir(dl_manager, 'salicon', LAYOUT)
        root = archives.find_folder(manual_dir, 'salicon', LAYOUT)
        present = [split for split in SPLITS if (root / 'images' / split).exists()]
        if not present:
            raise MissingArchiveError(f'{root} must hold {LAYOUT}: `images/` has none of {SPLITS}.')
        return {
            split: fixations.list_tasks(
                _make, fixations.list_images(root / 'images' / split), root, split
            )
            for split in present
        }


def _make(image: epath.Path, root: epath.Path, split: str) -> tuple[str, dict[str, Any]]:
    # The fixations of the test part were never published.
    if split == 'test':
        return image.name, fixations.example(image, np.zeros((0, 2)), None)
    xy = read_fixations(root / 'fixations' / split / f'{image.stem}.mat')
    map_path = root / 'maps' / split / f'{image.stem}.png'
    return image.name, fixations.example(image, xy, map_path)


def read_fixations(path: epath.Path) -> np.ndarray:
    """Fixations of all observers, (x, y) from 0: float32 `[n, 2]`.

    `gaze` is a struct array, one entry an observer; its coordinates count from 1. We read
    `fixations` and not `location`, the raw samples, which may leave the frame.
    """
    gaze = fixations.read_mat(path, 'gaze')
    if gaze.dtype.names is None or 'fixations' not in gaze.dtype.names:
        raise InvalidArchiveError(
            f'{path}: `gaze` must be a struct array with a field `fixations`.'
        )
    observers = [np.reshape(entry, (-1, 2)) for entry in gaze['fixations'].ravel()]
    if not observers:
        return np.zeros((0, 2), np.float32)
    return np.concatenate(observers).astype(np.float32) - 1.0
