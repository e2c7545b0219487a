"""What images are known by: pixels, and perceptual hashes that survive size and compression."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
import tensorflow as tf

from fer_keras.data.decoding import decode_upright
from fer_keras.provenance.record import PIXEL_HASH_BYTES, Hashes, People, people_in
from tfds_builders.pictures import pixel_hash

# 8x8, as is usual, takes two people in one laboratory's aligned crops for one image.
_HASH_SIDE = 16
_THUMBNAIL_PX = 32
_BATCH = 1024
_TEXTS = ('file_name', 'subject_id', 'data_set', 'pixel_hash')


@dataclasses.dataclass(frozen=True, eq=False)
class HashedImages:
    """Images of one place, by their hashes, in the order of their data set.

    Attributes:
        place: Where they are, such as `cfee/basic_faces train`.
        file_names: One each.
        subjects: One each; empty where nobody is known.
        hashes: bool `[images, 255]`, perceptual.
        data_sets: One each, such as `cfee/basic_faces`.
        originals: uint8 `[images, 6]`, of the originals' pixels; where the data set does not know
            them, of the stored ones.
        stored: uint8 `[images, 6]`, of the stored pixels, which may be a crop's.

    >>> images = HashedImages('faces train', ('1.png',), ('anna',), np.zeros((1, 255), bool))
    >>> images.size
    1
    """

    place: str
    file_names: tuple[str, ...]
    subjects: tuple[str, ...]
    hashes: npt.NDArray[np.bool_]
    data_sets: tuple[str, ...] = ()
    originals: Hashes = dataclasses.field(default_factory=lambda: _no_hashes())
    stored: Hashes = dataclasses.field(default_factory=lambda: _no_hashes())

    @property
    def size(self) -> int:
        """How many images."""
        return len(self.file_names)

    @property
    def people(self) -> People:
        """Everyone named."""
        return people_in(zip(self.data_sets, self.subjects, strict=True))


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


def pack(hashes: npt.NDArray[np.bool_]) -> Hashes:
    """255 bits in 32 bytes, uint8 `[images, 32]`."""
    return np.packbits(hashes, axis=1)


def unpack(packed: Hashes) -> npt.NDArray[np.bool_]:
    """bool `[images, 255]` of what `pack` gave."""
    return np.unpackbits(packed, axis=1, count=_HASH_SIDE**2 - 1).astype(bool)


def hash_images(place: str, examples: tf.data.Dataset) -> HashedImages:
    """Hashes `data.splits.Source.examples`."""
    hashes = [np.zeros((0, _HASH_SIDE**2 - 1), bool)]
    texts: dict[str, list[bytes]] = {key: [] for key in (*_TEXTS, 'stored')}
    # Batch by batch: the thumbnails of a large set would fill the memory.
    for batch in examples.map(_describe, tf.data.AUTOTUNE).batch(_BATCH).as_numpy_iterator():
        hashes.append(perceptual_hashes(batch['thumbnail']))
        for key, values in texts.items():
            values += batch[key].tolist()
    stored = texts['stored']
    # Sets of earlier versions do not know their originals.
    originals = [one or other for one, other in zip(texts['pixel_hash'], stored, strict=True)]
    return HashedImages(
        place,
        tuple(name.decode() for name in texts['file_name']),
        tuple(person.decode() for person in texts['subject_id']),
        np.concatenate(hashes),
        tuple(name.decode() for name in texts['data_set']),
        _to_hashes(originals),
        _to_hashes(stored),
    )


@tf.autograph.experimental.do_not_convert
def _describe(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    image = decode_upright(example['image'])
    stored = tf.numpy_function(lambda pixels: pixel_hash(pixels).encode(), [image], tf.string)
    return {
        'thumbnail': _thumbnail(image),
        'stored': tf.ensure_shape(stored, ()),
        **{key: example.get(key, tf.constant('')) for key in _TEXTS},
    }


def _thumbnail(image: tf.Tensor) -> tf.Tensor:
    grey = tf.image.rgb_to_grayscale(tf.cast(image, tf.float32))
    return tf.image.resize(grey, (_THUMBNAIL_PX, _THUMBNAIL_PX), method='area')[..., 0]


def _to_hashes(texts: Sequence[bytes]) -> Hashes:
    data = b''.join(bytes.fromhex(text.decode())[:PIXEL_HASH_BYTES] for text in texts)
    return np.frombuffer(data, np.uint8).reshape(-1, PIXEL_HASH_BYTES)


def _no_hashes() -> Hashes:
    return np.zeros((0, PIXEL_HASH_BYTES), np.uint8)
