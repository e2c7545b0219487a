"""CAT2000, the part with public fixations: 20 categories of 100 images, 18 observers each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, fixations
from tfds_builders.errors import MissingArchiveError

LAYOUT = '`trainSet/{Stimuli,FIXATIONLOCS,FIXATIONMAPS}/<Category>/`'


class Builder(tfds.core.GeneratorBasedBuilder):
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

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        manual_dir = archives.manual_dir(dl_manager, 'cat2000', LAYOUT)
        root = archives.find_folder(manual_dir, 'cat2000', LAYOUT)
        if not (root / 'trainSet' / 'Stimuli').exists():
            raise MissingArchiveError(f'{root} must hold {LAYOUT}: `trainSet/Stimuli` is missing.')
        return {'train': self._generate_examples(root / 'trainSet')}

    def _generate_examples(self, root: epath.Path) -> Iterator[tuple[str, dict[str, Any]]]:
        for category in sorted(path for path in (root / 'Stimuli').iterdir() if path.is_dir()):
            # `Output` subfolders hold the authors' smaller copies; `list_images` stays above them.
            for image in fixations.list_images(category):
                folder, name = category.name, image.stem
                locations = root / 'FIXATIONLOCS' / folder / f'{name}.mat'
                xy = fixations.points_of(fixations.read_mat(locations, 'fixLocs'))
                map_path = root / 'FIXATIONMAPS' / folder / f'{name}.jpg'
                yield f'{folder}/{image.name}', fixations.example(image, xy, map_path)
