"""The same image in two places: perceptual hashes that survive another size or compression."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.fft
import tensorflow as tf

from fer_keras.config.evaluation import DuplicatesConfig
from fer_keras.data.datasets import label_names, open_dataset
from fer_keras.data.decoding import decode_upright
from fer_keras.data.splits import read_split

# 8x8, as is usual, takes two people in one laboratory's aligned crops for one image.
_HASH_SIDE = 16
_THUMBNAIL_PX = 32
LARGEST_DISTANCE = DuplicatesConfig.largest_distance
_ROWS_AT_A_TIME = 2000


@dataclasses.dataclass(frozen=True)
class HashedImages:
    """Images of one place, by their hashes.

    Attributes:
        place: Where they are, such as `cfee/basic_faces train`.
        file_names: One each.
        subjects: One each; empty where nobody is known.
        hashes: bool `[images, 255]`.

    >>> hashes = np.zeros((1, 255), bool)
    >>> train = HashedImages('faces train', ('1.png',), ('anna',), hashes)
    >>> test = HashedImages('faces test', ('2.png',), ('bert',), hashes)
    >>> find_duplicates([train, test])['other_file_name'].tolist()
    ['2.png']
    """

    place: str
    file_names: tuple[str, ...]
    subjects: tuple[str, ...]
    hashes: npt.NDArray[np.bool_]


def perceptual_hashes(thumbnails: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """The signs of the low frequencies against their median (Zauner 2010, section 3.2.1).

    Args:
        thumbnails: Grey, float `[images, 32, 32]`.

    Returns:
        bool `[images, 255]`; the mean of the image is left out.
    """
    frequencies = scipy.fft.dctn(thumbnails, axes=(1, 2))[:, :_HASH_SIDE, :_HASH_SIDE]
    low = frequencies.reshape(len(thumbnails), -1)[:, 1:]
    hashes: npt.NDArray[np.bool_] = low > np.median(low, axis=1, keepdims=True)
    return hashes


def hash_images(place: str, examples: tf.data.Dataset) -> HashedImages:
    """Hashes `data.splits.Source.examples`."""
    described = examples.map(
        lambda e: (_thumbnail(e['image']), e['file_name'], e['subject_id']), tf.data.AUTOTUNE
    )
    found = list(described.as_numpy_iterator())
    thumbnails = np.array([one[0] for one in found]).reshape(-1, _THUMBNAIL_PX, _THUMBNAIL_PX)
    names, subjects = ([one[i].decode() for one in found] for i in (1, 2))
    return HashedImages(place, tuple(names), tuple(subjects), perceptual_hashes(thumbnails))


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


def _thumbnail(image_bytes: tf.Tensor) -> tf.Tensor:
    grey = tf.image.rgb_to_grayscale(tf.cast(decode_upright(image_bytes), tf.float32))
    return tf.image.resize(grey, (_THUMBNAIL_PX, _THUMBNAIL_PX), method='area')[..., 0]
