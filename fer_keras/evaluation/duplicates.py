"""The same image in two places, whatever its size and compression."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from fer_keras.config.evaluation import DuplicatesConfig
from fer_keras.data.datasets import label_names, open_dataset
from fer_keras.data.image_hashes import HashedImages, hash_images
from fer_keras.data.splits import read_split

LARGEST_DISTANCE = DuplicatesConfig.largest_distance
_ROWS_AT_A_TIME = 2000


def hash_data_sets(names: Sequence[str], data_dir: str) -> list[HashedImages]:
    """Hashes every split of prepared data sets, `name/config`, each a place of its own.

    Raises:
        MissingFileError: One is not prepared in `data_dir`.
    """
    places = []
    for name in dict.fromkeys(names):
        builder = open_dataset(name, data_dir)
        classes = label_names([builder])
        for split in builder.info.splits:
            source = read_split([builder], split, classes)
            places.append(hash_images(f'{name} {split}', source.examples))
    return places


def find_duplicates(
    places: Sequence[HashedImages], largest_distance: int = LARGEST_DISTANCE
) -> pd.DataFrame:
    """Pairs of images in two of the places that look the same.

    Args:
        places: At least two.
        largest_distance: Bits of 255 in which a pair may differ.

    Returns:
        A row a pair: `place`, `file_name` and `subject_id`, the same three with `other_` before,
        and `distance` in bits; the closest first.
    """
    rows: list[tuple[object, ...]] = []
    for number, one in enumerate(places):
        for other in places[number + 1 :]:
            rows += _pairs(one, other, largest_distance)
    keys = ('place', 'file_name', 'subject_id')
    columns = [*keys, *(f'other_{key}' for key in keys), 'distance']
    return pd.DataFrame(rows, columns=columns).sort_values('distance', ignore_index=True)


def _pairs(
    one: HashedImages, other: HashedImages, largest_distance: int
) -> Iterable[tuple[object, ...]]:
    signs = 2 * other.hashes.astype(np.float32) - 1
    for first in range(0, len(one.hashes), _ROWS_AT_A_TIME):
        block = 2 * one.hashes[first : first + _ROWS_AT_A_TIME].astype(np.float32) - 1
        # Of signs, the product is the bits that agree minus those that differ.
        distances = (block.shape[1] - block @ signs.T) / 2
        for row, column in zip(*np.nonzero(distances <= largest_distance), strict=True):
            yield (
                one.place,
                one.file_names[first + row],
                one.subjects[first + row],
                other.place,
                other.file_names[column],
                other.subjects[column],
                int(distances[row, column]),
            )
