"""Batches: those of training are a pure function of the seed, the epoch and the position."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from fer_keras.config.run import DataConfig
from fer_keras.data.augmentation import AUGMENTATIONS
from fer_keras.data.decoding import decode, to_model_input
from fer_keras.data.map_folder import read_map
from fer_keras.data.mixing import draw_mix, mix
from fer_keras.data.splits import Source

# Encoded images: what an epoch holds in memory, however many the data set has.
_SHUFFLE_BUFFER = 4096


class TrainingBatches:
    """Shuffled, augmented batches as a pure function of the seed, the epoch and the position.

    Each epoch has a fresh order, and each image in it a fresh augmentation, that nothing else
    decides: not which epochs were read before, nor how many threads read. An epoch can therefore
    be entered at any step. What does not fill a batch is left to another epoch's order.
    """

    def __init__(self, source: Source, data: DataConfig, *, num_classes: int, seed: int) -> None:
        self.steps_per_epoch = max(1, source.size // data.batch_size)
        self._source = source
        self._data = data
        self._num_classes = num_classes
        self._seed = seed
        # One part an epoch is drawn from, or one a class.
        self._sizes, self._examples = [source.size], [source.examples]
        if data.balanced_sampling:
            self._sizes = [count for count in source.counts if count]
            self._examples = [
                source.examples.filter(lambda example, label=label: example['label'] == label)
                for label, count in enumerate(source.counts)
                if count
            ]
        # One cache for all epochs.
        self._cached = [part.map(self._decode, tf.data.AUTOTUNE).cache() for part in self._examples]

    def epoch(
        self, epoch: int, first_step: int = 0, context: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """The batches of one epoch, from `first_step` on.

        Args:
            epoch: The epoch, from 0.
            first_step: The first step in it, from 0.
            context: Whose share is read. One worker has the same part of every global batch, in
                batches of a replica each, and decodes and augments nothing else.

        Returns:
            Pairs of float32 `[batch, size, size, 3]`, RGB in [0, 255], and float32
            `[batch, num_classes]`, one-hot unless images are mixed; every batch is full. A fourth
            channel is the saliency map, in [0, 255] from a folder of them and in [0, 1] where they
            are kept.

        Raises:
            ValueError: Images are mixed in pairs and a replica's share of a batch is odd.
        """
        data = self._data
        # Shuffle before decoding where nothing is cached: the buffer then holds bytes, not pixels.
        # Shuffle after the cache: it would otherwise repeat the first epoch's order.
        examples = self._ordered(self._cached if data.cache else self._examples, epoch)
        examples = examples.enumerate().skip(first_step * data.batch_size)
        context = context or tf.distribute.InputContext()
        share = data.batch_size // context.num_input_pipelines
        if context.num_input_pipelines > 1:
            mine = context.input_pipeline_id
            examples = examples.filter(
                lambda position, _: position % data.batch_size // share == mine
            )
        size = context.get_per_replica_batch_size(data.batch_size)
        if data.mixes and size % 2:
            raise ValueError(
                'MixUp and CutMix mix images in pairs: `batch_size` must give each replica an even '
                f'share. Received: batch_size={data.batch_size}, of which a replica has {size}.'
            )
        epoch_seed = tf.constant(self._epoch_seed(epoch), tf.int64)
        batches = examples.map(
            lambda position, example: self._finish(tf.stack([epoch_seed, position]), example),
            tf.data.AUTOTUNE,
        ).batch(size, drop_remainder=True)
        return (batches.map(mix) if data.mixes else batches).prefetch(tf.data.AUTOTUNE)

    def file_names(self, epoch: int, step: int) -> list[str]:
        """The files of one global batch, in its order."""
        examples = self._ordered(self._examples, epoch).skip(step * self._data.batch_size)
        names = examples.take(self._data.batch_size).map(lambda example: example['file_name'])
        return [name.decode() for name in names.as_numpy_iterator()]

    def _epoch_seed(self, epoch: int) -> int:
        return int(np.random.SeedSequence([self._seed, epoch]).generate_state(1)[0])

    def _ordered(self, parts: list[tf.data.Dataset], epoch: int) -> tf.data.Dataset:
        """As many as fill the steps of the epoch; several parts are drawn from in turn."""
        seed, images = self._epoch_seed(epoch), self.steps_per_epoch * self._data.batch_size
        shuffled = [
            part.shuffle(
                size if self._data.cache else min(size, _SHUFFLE_BUFFER),
                seed=seed,
                reshuffle_each_iteration=False,
            ).repeat()
            for part, size in zip(parts, self._sizes, strict=True)
        ]
        if len(shuffled) == 1:
            return shuffled[0].take(images)
        # Each class once in every round, and the rounds in a random order of their own.
        draws = np.random.default_rng(seed)
        rounds = [draws.permutation(len(parts)) for _ in range(-(-images // len(parts)))]
        turns = tf.data.Dataset.from_tensor_slices(np.concatenate(rounds)[:images])
        return tf.data.Dataset.choose_from_datasets(shuffled, turns, stop_on_empty_dataset=False)

    def _decode(self, example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        # The cache holds uint8: a quarter of the memory, and `to_model_input` gives whole numbers.
        image = decode_example(example, self._data.image_size_px, self._source.maps_folder)
        kept = {key: example[key] for key in ('label', 'position')}
        return {'image': tf.cast(image, tf.uint8), **kept}

    def _finish(self, seed: tf.Tensor, example: dict[str, tf.Tensor]) -> tuple[Any, ...]:
        one = example if self._data.cache else self._decode(example)
        image = with_map(tf.cast(one['image'], tf.float32), one['position'], self._source.maps)
        augmented = AUGMENTATIONS[self._data.augmentation](image, seed)
        label = tf.one_hot(one['label'], self._num_classes)
        if not self._data.mixes:
            return augmented, label
        draws = draw_mix(
            tf.bitwise.invert(seed),
            mixup_alpha=self._data.mixup_alpha,
            cutmix_alpha=self._data.cutmix_alpha,
        )
        return augmented, label, draws


def evaluation_batches(source: Source, data: DataConfig, *, num_classes: int) -> tf.data.Dataset:
    """Batches in the order of the data set, the last one partial; shapes as `TrainingBatches`."""

    def read(example: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        image = decode_example(example, data.image_size_px, source.maps_folder)
        image = with_map(image, example['position'], source.maps)
        return image, tf.one_hot(example['label'], num_classes)

    batches = (
        source.examples.map(read, tf.data.AUTOTUNE)
        .batch(data.batch_size)
        .apply(tf.data.experimental.assert_cardinality(-(-source.size // data.batch_size)))
    )
    return batches.cache() if data.cache else batches.prefetch(tf.data.AUTOTUNE)


def decode_example(
    example: dict[str, tf.Tensor], image_size_px: int, maps_folder: str
) -> tf.Tensor:
    """The image, and behind it the map where there is a folder of them, resized alike."""
    image = decode(example['image'], image_size_px)
    if not maps_folder:
        return image
    saliency_map = tf.numpy_function(
        lambda name: 255 * read_map(maps_folder, name.decode()), [example['file_name']], tf.float32
    )
    saliency_map = tf.ensure_shape(saliency_map, (None, None))[..., None]
    resized = to_model_input(saliency_map, image_size_px)[..., :1]
    return tf.ensure_shape(tf.concat([image, resized], axis=-1), (*image.shape[:2], 4))


def with_map(image: tf.Tensor, position: tf.Tensor, maps: np.ndarray | None) -> tf.Tensor:
    """Puts the kept map of an image behind it, in [0, 1]; without maps the image as it is.

    A map of the inner part of the image, which is all that the network sees, is continued to the
    rim by its outermost values, so that there is one wherever an augmentation may move the image.
    """
    if maps is None:
        return image
    # Not stateful: it may run in parallel, and the same position always gives the same map.
    kept = tf.numpy_function(lambda row: maps[row], [position], tf.float32, stateful=False)
    inner = maps.shape[1]
    margin = (image.shape[0] - inner) // 2
    nearest = np.clip(np.arange(image.shape[0]) - margin, 0, inner - 1)
    kept = tf.gather(tf.gather(tf.ensure_shape(kept, maps.shape[1:]), nearest), nearest, axis=1)
    return tf.concat([image, kept[..., None]], axis=-1)
