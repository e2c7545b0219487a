"""CAT2000, the part with public fixations: 20 categories of 100 images, 18 observers each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, fixations
from tfds_builders.errors import MissingArchiveError
from tfds_builders.listed_builder import ListedDatasetBuilder

LAYOUT = '`trainSet/{Stimuli,FIXATIONLOCS,FIXATIONMAPS}/<Category>/`'


class Builder(ListedDatasetBuilder):
    """One example an image; the official test part has no fixations, so all of it is `train`.

    >>> str(Builder.VERSION)
    '1.0.0'
    """

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'First release.'}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f'Unpack trainSet.zip: {LAYOUT}.'

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=fixations.features(), homepage='http://saliency.mit.edu/results_cat2000.html'
        )

    def _list_tasks(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, Iterable[fixations.ImageTask]]:
        manual_dir = archives.manual_dir(dl_manager, 'cat2000', LAYOUT)
        root = archives.find_folder(manual_dir, 'cat2000', LAYOUT)
        if not (root / 'trainSet' / 'Stimuli').exists():
            raise MissingArchiveError(f'{root} must hold {LAYOUT}: `trainSet/Stimuli` is missing.')
        part = root / 'trainSet'
        categories = sorted(path for path in (part / 'Stimuli').iterdir() if path.is_dir())
        # `Output` subfolders hold the authors' smaller copies; `list_images` stays above them.
        images = [image for folder in categories for image in fixations.list_images(folder)]
        return {'train': fixations.list_tasks(_make, images, part)}


def _make(image: epath.Path, root: epath.Path) -> tuple[str, dict[str, Any]]:
    folder, name = image.parent.name, image.stem
    locations = root / 'FIXATIONLOCS' / folder / f'{name}.mat'
    xy = fixations.points_of(fixations.read_mat(locations, 'fixLocs'))
    map_path = root / 'FIXATIONMAPS' / folder / f'{name}.jpg'
    return f'{folder}/{image.name}', fixations.example(image, xy, map_path)
