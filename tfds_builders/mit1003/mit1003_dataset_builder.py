"""MIT1003: 1003 photographs, 15 observers, three seconds each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, fixations
from tfds_builders.listed_builder import ListedDatasetBuilder

LAYOUT = '`ALLSTIMULI/*.jpeg` and `ALLFIXATIONMAPS/*_fixMap.jpg, *_fixPts.jpg`'
# The marks are white pixels that went through JPEG: what is not nearly white is its ringing.
MARK_THRESHOLD = 127


class Builder(ListedDatasetBuilder):
    """One example an image; the set has no official split, so all of it is `train`.

    >>> str(Builder.VERSION)
    '1.0.0'
    """

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'First release.'}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f'Unpack both archives into one folder: {LAYOUT}.'

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=fixations.features(),
            homepage='https://people.csail.mit.edu/tjudd/WherePeopleLook/',
        )

    def _list_tasks(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, Iterable[fixations.ImageTask]]:
        manual_dir = archives.manual_dir(dl_manager, 'mit1003', LAYOUT)
        root = archives.find_folder(manual_dir, 'mit1003', LAYOUT)
        # Going by the stimuli leaves out the one stray `..._p1010764fixPts.jpg`.
        images = fixations.list_images(root / 'ALLSTIMULI')
        return {'train': fixations.list_tasks(_make, images, root)}


def _make(image: epath.Path, root: epath.Path) -> tuple[str, dict[str, Any]]:
    stem = root / 'ALLFIXATIONMAPS' / image.stem
    marks = fixations.read_grey(epath.Path(f'{stem}_fixPts.jpg')) > MARK_THRESHOLD
    map_path = epath.Path(f'{stem}_fixMap.jpg')
    return image.name, fixations.example(image, fixations.points_of(marks), map_path)
