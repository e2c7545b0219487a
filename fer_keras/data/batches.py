"""Batches of faces for a classifier, to train on and to evaluate.

Images are float32 `[batch, size, size, channels]`. Three channels are RGB in [0, 255]. Where there
are saliency maps, the fourth channel is the map in [0, 255] as well, whether it was read from a
folder or made by a saliency model and kept; the layer `MapChannel` brings either to [0, 1]. Labels
are float32 `[batch, num_classes]`, one-hot unless images are mixed.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from fer_keras.config.data import DataConfig
from fer_keras.data.augmentation import AUGMENTATIONS
from fer_keras.data.decoding import decode, to_model_input
from fer_keras.data.epochs import EpochBatches, Example
from fer_keras.data.map_cache import add_kept_map
from fer_keras.data.map_folder import read_map
from fer_keras.data.mixing import draw_mix, mix
from fer_keras.data.splits import Source
from fer_keras.errors import InvalidInputError


class TrainingBatches(EpochBatches):
    """Shuffled, augmented batches of a split; the module says what they hold.

    Args:
        source: The split.
        data: How it is read, drawn from, augmented and mixed.
        num_classes: Of the model.
        seed: Of the order, the augmentation and the mixing.

    >>> image = tf.io.encode_png(tf.zeros((8, 8, 3), tf.uint8))
    >>> example = {'image': image, 'label': tf.constant(1, tf.int64), 'file_name': 'a.png'}
    >>> examples = tf.data.Dataset.from_tensors({**example, 'position': tf.constant(0, tf.int64)})
    >>> data = DataConfig(image_size_px=32, batch_size=2)
    >>> batches = TrainingBatches(Source(examples, (0, 1)), data, num_classes=2, seed=0)
    >>> [(images.shape, labels.numpy().tolist()) for images, labels in batches.epoch(0)]
    [(TensorShape([2, 32, 32, 3]), [[0.0, 1.0], [0.0, 1.0]])]
    """

    def __init__(self, source: Source, data: DataConfig, *, num_classes: int, seed: int) -> None:
        self._source = source
        self._data = data
        self._num_classes = num_classes
        labels = [label for label, count in enumerate(source.counts) if count]
        # One part an epoch is drawn from, or one a class.
        wanted = labels if data.balance == 'sampling' else [None]
        super().__init__(
            [_part(source.examples, label) for label in wanted],
            [_count(source.counts, label) for label in wanted],
            batch_size=data.batch_size,
            seed=seed,
            cache=data.cache,
            pools=[
                [(_part(one, label), _count(counts, label)) for one, counts in source.pooled]
                for label in wanted
            ],
        )

    def prepare(self, example: Example) -> Example:
        # The cache holds uint8: a quarter of the memory, and `to_model_input` gives whole numbers.
        image = decode_example(example, self._data.image_size_px, self._source.maps_folder)
        kept = {key: example[key] for key in ('label', 'position')}
        return {'image': tf.cast(image, tf.uint8), **kept}

    def finish(self, seed: tf.Tensor, example: Example) -> tuple[Any, ...]:
        data = self._data
        image = tf.cast(example['image'], tf.float32)
        image = add_kept_map(image, example['position'], self._source.maps)
        augmented = AUGMENTATIONS[data.augmentation](image, seed)
        label = tf.one_hot(example['label'], self._num_classes)
        if not data.mixes:
            return augmented, label
        draws = draw_mix(
            tf.bitwise.invert(seed), mixup_alpha=data.mixup_alpha, cutmix_alpha=data.cutmix_alpha
        )
        return augmented, label, draws

    def gather(self, examples: tf.data.Dataset, size: int) -> tf.data.Dataset:
        """Makes batches, and mixes the images of each.

        Raises:
            InvalidInputError: Images are mixed in pairs and a replica's share of a batch is odd.
        """
        batches = super().gather(examples, size)
        if not self._data.mixes:
            return batches
        if size % 2:
            raise InvalidInputError(
                'MixUp and CutMix mix images in pairs: `batch_size` must give each replica an even '
                f'share. Received: batch_size={self.batch_size}, of which a replica has {size}.'
            )
        return batches.map(mix)


def _part(examples: tf.data.Dataset, label: int | None) -> tf.data.Dataset:
    """The examples of one label, or all."""
    if label is None:
        return examples
    return examples.filter(lambda example: example['label'] == label)


def _count(counts: tuple[int, ...], label: int | None) -> int:
    return sum(counts) if label is None else counts[label]


def evaluation_batches(source: Source, data: DataConfig, *, num_classes: int) -> tf.data.Dataset:
    """Batches in the order of the data set, the last one partial; shapes as `TrainingBatches`."""

    def read(example: Example) -> tuple[tf.Tensor, tf.Tensor]:
        image = decode_example(example, data.image_size_px, source.maps_folder)
        image = add_kept_map(image, example['position'], source.maps)
        return image, tf.one_hot(example['label'], num_classes)

    batches = (
        source.examples.map(read, tf.data.AUTOTUNE)
        .batch(data.batch_size)
        .apply(tf.data.experimental.assert_cardinality(-(-source.size // data.batch_size)))
    )
    return batches.cache() if data.cache else batches.prefetch(tf.data.AUTOTUNE)


def decode_example(example: Example, image_size_px: int, maps_folder: str) -> tf.Tensor:
    """The image, and behind it the map where there is a folder of them, resized alike."""
    image = decode(example['image'], image_size_px)
    if not maps_folder:
        return image
    saliency_map = tf.numpy_function(
        lambda name, set_name: 255 * read_map(maps_folder, name.decode(), set_name.decode()),
        [example['file_name'], example['data_set']],
        tf.float32,
    )
    saliency_map = tf.ensure_shape(saliency_map, (None, None))[..., None]
    resized = to_model_input(saliency_map, image_size_px)[..., :1]
    return tf.ensure_shape(tf.concat([image, resized], axis=-1), (*image.shape[:2], 4))
