"""Maps of a frozen saliency model: made once an image, kept in memory or in a file, handed out."""

from __future__ import annotations

import dataclasses
import hashlib
import os

import keras
import numpy as np
import tensorflow as tf

from fer_keras.data.decoding import decode
from fer_keras.data.splits import Source
from fer_keras.files import whole_file

# Counts up whenever the file or what it holds changes.
_VERSION = b'1'
_BATCH = 32


def keep_maps(maker: keras.Model, source: Source, folder: str = '') -> Source:
    """Makes the map of every image of a split, or finds them made.

    Args:
        maker: From float32 `[batch, size, size, 3]`, RGB in [0, 255], to maps in [0, 1].
        source: The split.
        folder: Where a file of them is kept, under a name that changes with the saliency model and
            with the images, so that no other's maps are ever read; empty: in memory alone.

    Returns:
        The split with its maps.
    """
    if not folder:
        maps = np.empty(_shape(maker, source), np.float32)
        _fill(maps, maker, source)
        return dataclasses.replace(source, maps=maps)
    folder = os.path.expanduser(folder)
    path = os.path.join(folder, f'{_fingerprint(maker, source)}.npy')
    if not os.path.isfile(path):
        with whole_file(path) as unfinished:  # Of several workers each may write it.
            maps = np.lib.format.open_memmap(
                unfinished, mode='w+', dtype=np.float32, shape=_shape(maker, source)
            )
            _fill(maps, maker, source)
            maps.flush()
    # Read page by page where they are needed: the memory does not grow with the data.
    return dataclasses.replace(source, maps=np.load(path, mmap_mode='r'))


def add_kept_map(image: tf.Tensor, position: tf.Tensor, maps: np.ndarray | None) -> tf.Tensor:
    """Puts the kept map of an image behind it, in [0, 255] as the image; without maps nothing.

    A map of the inner part of the image, which is all that the network sees, is continued to the
    rim by its outermost values, so that there is one wherever an augmentation may move the image.

    Args:
        image: float32 `[size, size, 3]`.
        position: int64, of the image in its split.
        maps: `Source.maps`, in [0, 1], or None.

    Returns:
        float32 `[size, size, 4]`, or the image as it is.
    """
    if maps is None:
        return image
    # Not stateful: it may run in parallel, and the same position always gives the same map.
    kept = tf.numpy_function(lambda row: maps[row], [position], tf.float32, stateful=False)
    inner = maps.shape[1]
    margin = (image.shape[0] - inner) // 2
    nearest = np.clip(np.arange(image.shape[0]) - margin, 0, inner - 1)
    kept = tf.gather(tf.gather(tf.ensure_shape(kept, maps.shape[1:]), nearest), nearest, axis=1)
    return tf.concat([image, 255 * kept[..., None]], axis=-1)


def _shape(maker: keras.Model, source: Source) -> tuple[int, ...]:
    return (source.size, *maker.output_shape[1:3])


def _fill(maps: np.ndarray, maker: keras.Model, source: Source) -> None:
    # In float32, as the graph has them: normalised networks blow a rounding to 16 bits up to a
    # thousandth of their answers.
    size = maker.input_shape[1]
    images = source.examples.map(lambda example: decode(example['image'], size), tf.data.AUTOTUNE)
    make = tf.function(
        lambda batch: maker(batch, training=False), reduce_retracing=True, autograph=False
    )
    for number, batch in enumerate(images.batch(_BATCH).prefetch(1)):
        made = make(batch).numpy()[..., 0]
        maps[number * _BATCH : number * _BATCH + len(made)] = made


def _fingerprint(maker: keras.Model, source: Source) -> str:
    """Of what the model is, what it does, and what it is shown."""
    found = hashlib.sha256(_VERSION)
    for weights in maker.get_weights():
        found.update(np.ascontiguousarray(weights).tobytes())
    shape = (1, *maker.input_shape[1:])
    probe = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    answer = maker(tf.constant(probe), training=False).numpy()
    found.update(np.round(answer * 255).astype(np.uint8).tobytes())
    found.update(repr((shape, answer.shape)).encode())
    for example in source.examples.map(lambda example: example['image']).as_numpy_iterator():
        found.update(hashlib.sha256(example).digest())
    return found.hexdigest()[:32]
