"""Images, maps and fixations for training a saliency model; one random draw for all three.

Fixations travel as points until the last step, since points survive a crop and a flip exactly.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from fer_keras.config.saliency import SaliencyTrainingConfig
from fer_keras.data.epochs import EpochBatches, Example
from fer_keras.errors import InvalidInputError

Size = tuple[int, int]
FEWEST_FIXATIONS = 5


class FixationBatches(EpochBatches):
    """Shuffled, augmented pairs of images and targets, as `to_pair` gives them.

    Args:
        examples: Dictionaries of `image`, `map`, `fixations` and `file_name`, of any size.
        count: How many they are.
        size: (height, width) at which the network is trained.
        config: Batch size, augmentation and seed.

    >>> image = tf.zeros((8, 12, 3), tf.uint8)
    >>> example = {'image': image, 'map': image[..., :1], 'fixations': tf.ones((6, 2))}
    >>> examples = tf.data.Dataset.from_tensors({**example, 'file_name': 'a.jpg'}).repeat(2)
    >>> config = SaliencyTrainingConfig(batch_size=2)
    >>> batches = FixationBatches(examples, 2, (4, 6), config)
    >>> [(images.shape, targets.shape) for images, targets in batches.epoch(0)]
    [(TensorShape([2, 4, 6, 3]), TensorShape([2, 4, 6, 2]))]
    """

    def __init__(
        self, examples: tf.data.Dataset, count: int, size: Size, config: SaliencyTrainingConfig
    ) -> None:
        self._size = size
        self._config = config
        super().__init__(
            [examples], [count], batch_size=config.batch_size, seed=config.seed, cache=True
        )

    def prepare(self, example: Example) -> Example:
        return resize_example(example, self._size)

    def finish(self, seed: tf.Tensor, example: Example) -> tuple[tf.Tensor, tf.Tensor]:
        return to_pair(augment(example, seed, self._config))


def saliency_splits(config: SaliencyTrainingConfig) -> tuple[str, str]:
    """Slices of `train` to learn from and to choose the epoch on."""
    border = round(100 * (1 - config.validation_share))
    return f'train[:{border}%]', f'train[{border}%:]'


def read_fixations(builder: tfds.core.DatasetBuilder, split: str) -> tuple[tf.data.Dataset, int]:
    """The examples of a split in a fixed order, and how many they are.

    Raises:
        InvalidInputError: There are none.
    """
    count = builder.info.splits[split].num_examples
    if not count:
        raise InvalidInputError(
            f'`{split}` of {builder.info.full_name} must hold images. Received: none of '
            f'{builder.info.splits["train"].num_examples}. Change --validation_share.'
        )
    read_config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    return builder.as_dataset(split, shuffle_files=False, read_config=read_config), count


def evaluation_batches(examples: tf.data.Dataset, size: Size, batch_size: int) -> tf.data.Dataset:
    """The same pairs, in order, once, as they are."""

    @tf.autograph.experimental.do_not_convert
    def read(example: Example) -> tuple[tf.Tensor, tf.Tensor]:
        return to_pair(resize_example(example, size))

    return examples.map(read, tf.data.AUTOTUNE).batch(batch_size).cache()


def resize_example(example: Example, size: Size) -> Example:
    """uint8 `image` and `map` of `size`; `fixations` become shares of the sides, in [0, 1]."""
    sides = tf.cast(tf.shape(example['image'])[1::-1], tf.float32)
    return {
        'image': _resize(example['image'], size),
        'map': _resize(example['map'], size),
        'fixations': (example['fixations'] + 0.5) / sides,
    }


def _resize(image: tf.Tensor, size: Size) -> tf.Tensor:
    image = tf.image.resize(tf.cast(image, tf.float32), size, antialias=True)
    return tf.cast(tf.round(tf.clip_by_value(image, 0, 255)), tf.uint8)


def augment(example: Example, seed: tf.Tensor, config: SaliencyTrainingConfig) -> Example:
    """Flips half of the images, crops some, and varies brightness and contrast a little."""
    seeds = tf.unstack(tf.random.split(seed, 4))
    example = flip_example(example, tf.random.stateless_uniform((), seeds[0]) < 0.5)
    box = random_box(seeds[1], config)
    example = crop_example(example, box)
    image = tf.cast(example['image'], tf.float32)
    image = tf.image.stateless_random_contrast(image, 0.8, 1.25, seeds[2])
    image = tf.image.stateless_random_brightness(image, 20.0, seeds[3])
    return {**example, 'image': tf.clip_by_value(image, 0, 255)}


def flip_example(example: Example, mirrored: Any) -> Example:
    """Mirrors image, map and fixations left to right where `mirrored` is true."""
    x, y = tf.unstack(example['fixations'], 2, axis=1)
    flipped = {
        'image': tf.reverse(example['image'], [1]),
        'map': tf.reverse(example['map'], [1]),
        'fixations': tf.stack([1 - x, y], axis=1),
    }
    return {key: tf.where(mirrored, flipped[key], example[key]) for key in flipped}


def random_box(seed: tf.Tensor, config: SaliencyTrainingConfig) -> tf.Tensor:
    """(top, left, bottom, right) in shares: the whole image, or a crop of its aspect."""
    draws = tf.random.stateless_uniform((4,), seed)
    side = 1 - draws[0] * (1 - config.smallest_zoom)
    side = tf.where(draws[1] < config.zoom_probability, side, 1.0)
    top, left = draws[2] * (1 - side), draws[3] * (1 - side)
    return tf.stack([top, left, top + side, left + side])


def crop_example(example: Example, box: tf.Tensor) -> Example:
    """Enlarges `box` to the size of the image; left out where almost nobody looked there."""
    sides = box[3:1:-1] - box[1::-1]
    points = (example['fixations'] - box[1::-1]) / sides
    inside = tf.reduce_all((points >= 0) & (points < 1), axis=1)
    if_cropped = {
        'image': _crop(example['image'], box),
        'map': _crop(example['map'], box),
        'fixations': tf.boolean_mask(points, inside),
    }
    enough = tf.math.count_nonzero(inside) >= FEWEST_FIXATIONS
    return tf.cond(enough, lambda: if_cropped, lambda: example)


def _crop(image: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
    height, width = image.shape[:2]
    # crop_and_resize counts a box between the centres of the corner pixels.
    to_corners = tf.constant([height, width, height, width], tf.float32)
    shift = tf.constant([-0.5, -0.5, -0.5, -0.5])
    zoom = tf.stack([box[2] - box[0], box[3] - box[1]])
    half = tf.concat([zoom, -zoom], 0) / 2
    corners = (box * to_corners + shift + half) / (to_corners - 1)
    image = tf.cast(image, tf.float32)[None]
    cropped = tf.image.crop_and_resize(image, corners[None], [0], (height, width))[0]
    return tf.cast(tf.round(cropped), tf.uint8)


def to_pair(example: Example) -> tuple[tf.Tensor, tf.Tensor]:
    """float32 image in [0, 255] and target: the map in [0, 1] and the number of fixations."""
    height, width = example['map'].shape[:2]
    grid = tf.constant([width, height], tf.float32)
    x, y = tf.unstack(tf.cast(example['fixations'] * grid, tf.int32), 2, axis=1)
    cells = tf.clip_by_value(y, 0, height - 1) * width + tf.clip_by_value(x, 0, width - 1)
    counts = tf.math.bincount(cells, minlength=height * width, dtype=tf.float32)
    counts = tf.reshape(counts, (height, width, 1))
    saliency_map = tf.cast(example['map'], tf.float32) / 255.0
    return tf.cast(example['image'], tf.float32), tf.concat([saliency_map, counts], axis=-1)
