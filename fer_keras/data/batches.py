"""Batches of faces for a classifier, to train on and to evaluate.

Images are float32 `[batch, size, size, channels]`. Three channels are RGB in [0, 255]. Where there
are saliency maps, the fourth channel is the map in [0, 255] as well, whether it was read from a
folder or made by a saliency model and kept; the layer `MapChannel` brings either to [0, 1]. Labels
are float32 `[batch, num_classes]`, one-hot unless votes are trained on or images are mixed.
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
from fer_keras.data.votes import VOTES
from fer_keras.errors import InvalidInputError


class TrainingBatches(EpochBatches):
    """Shuffled, augmented batches of a split; the module says what they hold.

    With `label=votes` an image is taught by the shares of its votes, as `data.votes` has them; one
    without votes for the classes of the model, such as each of a pooled set that has none, by its
    label. Which class an image is drawn for (`balance=sampling`) goes by the label.

    Args:
        source: The split.
        data: How it is read, taught, drawn from, augmented and mixed.
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
        keys = ('label', 'position', *([VOTES] if self._data.label == VOTES else []))
        return {'image': tf.cast(image, tf.uint8), **{key: example[key] for key in keys}}

    def finish(self, seed: tf.Tensor, example: Example) -> tuple[Any, ...]:
        data = self._data
        image = tf.cast(example['image'], tf.float32)
        image = add_kept_map(image, example['position'], self._source.maps)
        augmented = AUGMENTATIONS[data.augmentation](image, seed)
        label = tf.one_hot(example['label'], self._num_classes)
        if data.label == VOTES:
            label = tf.where(tf.reduce_sum(example[VOTES]) > 0, example[VOTES], label)
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


class EvaluationBatches:
    """Batches in the order of the data set, the last one partial; the module says what they hold.

    Args:
        source: The split.
        data: How it is read.
        num_classes: Of the model.

    >>> image = tf.io.encode_png(tf.zeros((8, 8, 3), tf.uint8))
    >>> examples = tf.data.Dataset.from_tensors({'image': image, 'label': 1, 'position': 0})
    >>> data = DataConfig(image_size_px=32, batch_size=2)
    >>> batches = EvaluationBatches(Source(examples, (0, 1)), data, num_classes=2)
    >>> [(images.shape, labels.numpy().tolist()) for images, labels in batches.read()]
    [(TensorShape([1, 32, 32, 3]), [[0.0, 1.0]])]
    """

    def __init__(self, source: Source, data: DataConfig, *, num_classes: int) -> None:
        self._source, self._data, self._num_classes = source, data, num_classes
        # One cache for all epochs, of each worker.
        self._kept: dict[int, tf.data.Dataset] = {}

    def prepare(self, example: Example) -> tuple[tf.Tensor, tf.Tensor]:
        """An image and its label."""
        image = decode_example(example, self._data.image_size_px, self._source.maps_folder)
        image = add_kept_map(image, example['position'], self._source.maps)
        return image, tf.one_hot(example['label'], self._num_classes)

    def read(self, context: tf.distribute.InputContext | None = None) -> tf.data.Dataset:
        """The batches, or of several workers the share of one, in batches of a replica each.

        A worker prepares and keeps its share alone.
        """
        context = context or tf.distribute.InputContext()
        mine = context.input_pipeline_id
        if mine not in self._kept:
            self._kept[mine] = self._read(context)
        return self._kept[mine]

    def _read(self, context: tf.distribute.InputContext) -> tf.data.Dataset:
        size, workers = self._data.batch_size, context.num_input_pipelines
        prepare = tf.autograph.experimental.do_not_convert(self.prepare)
        examples = self._source.examples
        if workers > 1:
            share, mine = size // workers, context.input_pipeline_id
            numbered = examples.enumerate().filter(lambda at, _: at % size // share == mine)
            examples, size = (
                numbered.map(lambda _, example: example),
                context.get_per_replica_batch_size(size),
            )
        batches = examples.map(prepare, tf.data.AUTOTUNE).batch(size)
        if workers == 1:
            count = -(-self._source.size // size)
            batches = batches.apply(tf.data.experimental.assert_cardinality(count))
        return batches.cache() if self._data.cache else batches.prefetch(tf.data.AUTOTUNE)


def evaluation_batches(source: Source, data: DataConfig, *, num_classes: int) -> tf.data.Dataset:
    """All of `EvaluationBatches`."""
    return EvaluationBatches(source, data, num_classes=num_classes).read()


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
