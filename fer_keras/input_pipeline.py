"""From prepared data sets to `tf.data`: what to read, resize, augment and batch.

`decode` and `to_model_input` are the one decoding and the one resize of the project: training,
evaluation and the served graph all call them, so that none of them can see another picture.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import read_only_builder

from fer_keras.config import DataConfig
from fer_keras.decoding import decode_upright
from fer_keras.precomputed_saliency import read_map
from tfds_builders import expressions

# What is read beside the image, where the data set has it.
DESCRIPTIONS = ('file_name', 'subject_id', 'gender', 'group', 'camera', 'gaze', 'age', 'detected')
NUM_FOLDS = 10


def to_model_input(image: tf.Tensor, image_size_px: int) -> tf.Tensor:
    """Resizes to the model's input.

    Args:
        image: uint8 or float32 `[(batch,) height, width, 3 or 1]`, RGB or grey in [0, 255].
        image_size_px: Side of the result, pixels.

    Returns:
        float32 `[(batch,) image_size_px, image_size_px, 3]`, RGB in [0, 255], whole numbers, so
        that a uint8 cache loses nothing. Bilinear with anti-aliasing; the aspect is not kept:
        face crops are square.
    """
    image = tf.image.resize(image, (image_size_px, image_size_px), antialias=True)
    image = tf.round(tf.clip_by_value(image, 0.0, 255.0))
    return tf.image.grayscale_to_rgb(image) if image.shape[-1] == 1 else image


def open_dataset(name: str, data_dir: str) -> tfds.core.DatasetBuilder:
    """Opens prepared data.

    Args:
        name: `name/config`, such as `cfee/basic_faces`.
        data_dir: Folder of the prepared data sets; `~` is expanded.

    Raises:
        FileNotFoundError: It has not been built there; says what to type.
    """
    directory = epath.Path(data_dir).expanduser()
    try:
        return read_only_builder.builder_from_files(name, data_dir=directory)
    except tfds.core.DatasetNotFoundError as error:
        set_name, _, config = name.partition('/')
        with_config = f' --config={config}' if config else ''
        raise FileNotFoundError(
            f'{name} is not prepared in {directory}. Build it with: '
            f'python -m tfds_builders.build {set_name}{with_config} '
            f'--data_dir={directory} --manual_dir=FOLDER_OF_THE_ARCHIVES (where it has archives)'
        ) from error


def open_sources(data: DataConfig) -> list[tfds.core.DatasetBuilder]:
    """Opens every data set to train on."""
    return [open_dataset(name, data.data_dir) for name in data.source_names]


def open_shallow_sources(data: DataConfig) -> list[tfds.core.DatasetBuilder]:
    """Opens every data set that teaches the shallow branch alone."""
    return [open_dataset(name, data.data_dir) for name in data.shallow_source_names]


def label_names(builders: Sequence[tfds.core.DatasetBuilder]) -> list[str]:
    """The classes of all the data sets, in the canonical order."""
    present = {name for builder in builders for name in builder.info.features['label'].names}
    return [name for name in expressions.CLASS_NAMES if name in present]


def require_canonical_order(names: Sequence[str], where: str) -> None:
    """Raises `ValueError` where label names are not in the order that every model here has."""
    expected = [name for name in expressions.CLASS_NAMES if name in names]
    if list(names) != expected:
        raise ValueError(
            f'{where} must name the classes in the canonical order, as training wrote them: the '
            f'probabilities would be read as others. Received: {list(names)}, expected: {expected}.'
        )


@dataclasses.dataclass(frozen=True)
class Source:
    """One split of one or more data sets with the labels of the model.

    Attributes:
        examples: Dictionaries of `image` (encoded bytes), `label` (int64, index into the model's
            label names), `position` (from 0, in this order) and `DESCRIPTIONS`, all of one shape
            whatever set they come from.
        counts: Number of examples of each of the model's labels.
        maps_folder: Folder of a saliency map for each example, or empty.
        maps: float32 `[size, side, side]` in [0, 1], the kept map of each example by its
            `position`; or None.
    """

    examples: tf.data.Dataset
    counts: tuple[int, ...]
    maps_folder: str = ''
    maps: np.ndarray | None = None

    @property
    def size(self) -> int:
        """Number of examples."""
        return sum(self.counts)

    def at(self, positions: Iterable[int]) -> Source:
        """Only the examples of these positions, in the order of the data set."""
        wanted = tf.constant(sorted(set(positions)), tf.int64)
        part = self.examples.filter(lambda one: tf.reduce_any(wanted == one['position']))
        counts = _count_labels(part, len(self.counts))
        return dataclasses.replace(self, examples=part, counts=counts)


def read_split(
    builders: Sequence[tfds.core.DatasetBuilder],
    split: str,
    names: Sequence[str],
    maps_folder: str = '',
    fold: int = -1,
) -> Source:
    """Reads a split of every data set that has it, in a fixed order, and only classes in `names`.

    With a `fold` of 0 to 9, `test` is that fold of everyone, `validation` the next one, and `train`
    the others; folds are subject-independent.

    Raises:
        FileNotFoundError: `maps_folder` is given and lacks the map of an example.
        ValueError: No data set has such a split, or nothing is left; or a map is none; or the data
            has no folds.
    """
    require_described(builders, split, names, fold)
    if fold >= 0:
        parts = [_read_fold(builder, split, tuple(names), fold) for builder in builders]
    else:
        holders = [b for b in builders if split == 'all' or split in b.info.splits]
        parts = [_read_one(builder, split, tuple(names)) for builder in holders]
    examples = functools.reduce(lambda a, b: a.concatenate(b), parts).enumerate()
    examples = examples.map(lambda position, example: {**example, 'position': position})
    counts = _count_labels(examples, len(names))
    if not sum(counts):
        raise _no_images(builders, split, names)
    if maps_folder:
        # Before the first step: a bad map in the midst of an epoch would cost the run.
        for example in examples.as_numpy_iterator():
            read_map(maps_folder, example['file_name'].decode())
    return Source(examples, counts, maps_folder)


def require_described(
    builders: Sequence[tfds.core.DatasetBuilder], split: str, names: Sequence[str], fold: int = -1
) -> None:
    """Raises what `read_split` would, as far as the descriptions of the data sets say."""
    known = sorted({name for builder in builders for name in builder.info.splits})
    if split != 'all' and split not in known and fold < 0:
        described = ', '.join(builder.info.full_name for builder in builders)
        raise ValueError(
            f'`split` must be one of {known} or `all` for {described}. Received: {split!r}.'
        )
    for builder in builders:
        if fold >= 0 and 'fold' not in builder.info.features:
            raise ValueError(
                f'{builder.info.full_name} must have the feature `fold` to be tested by folds. '
                f'Received: {sorted(builder.info.features)}. Leave --fold at -1.'
            )
    if not set(names) & set(label_names(builders)):
        raise _no_images(builders, split, names)


def _no_images(
    builders: Sequence[tfds.core.DatasetBuilder], split: str, names: Sequence[str]
) -> ValueError:
    described = ', '.join(f'{b.info.full_name} {sorted(b.info.splits)}' for b in builders)
    return ValueError(
        f'The split must hold images of {list(names)}. '
        f'Received: split={split!r}, which holds none in {described}.'
    )


def trained_label_names(builders: Sequence[tfds.core.DatasetBuilder], fold: int = -1) -> list[str]:
    """The classes that have training images: of what a set declares, it may hold a part.

    Raises:
        ValueError: Fewer than two have.
    """
    names = label_names(builders)
    counts = read_split(builders, 'train', names, fold=fold).counts
    present = [name for name, count in zip(names, counts, strict=True) if count]
    if len(present) < 2:
        described = ', '.join(builder.info.full_name for builder in builders)
        raise ValueError(
            f'There must be training images of at least two expressions in {described}. '
            f'Received: images of {present} only.'
        )
    return present


def _count_labels(examples: tf.data.Dataset, num_classes: int) -> tuple[int, ...]:
    """Examples of each label, in one pass."""
    none = tf.zeros(num_classes, tf.int64)
    counts = examples.reduce(
        none, lambda sums, one: sums + tf.one_hot(one['label'], num_classes, dtype=tf.int64)
    )
    return tuple(counts.numpy().tolist())


def _read_fold(
    builder: tfds.core.DatasetBuilder, split: str, names: tuple[str, ...], fold: int
) -> tf.data.Dataset:
    next_fold = (fold + 1) % NUM_FOLDS
    wanted = {
        'test': [fold],
        'validation': [next_fold],
        'train': [n for n in range(NUM_FOLDS) if n not in (fold, next_fold)],
        'all': list(range(NUM_FOLDS)),
    }[split]
    return _read_one(builder, 'all', names, tuple(wanted))


def _read_one(
    builder: tfds.core.DatasetBuilder,
    split: str,
    names: tuple[str, ...],
    folds: tuple[int, ...] = (),
) -> tf.data.Dataset:
    own_names = builder.info.features['label'].names
    to_model = tf.constant([names.index(name) if name in names else -1 for name in own_names])
    examples = builder.as_dataset(
        split=split,
        decoders={'image': tfds.decode.SkipDecoding()},
        # The same order on every machine and in every run.
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        shuffle_files=False,
    )

    if folds:
        wanted = tf.constant(folds, tf.int64)
        examples = examples.filter(lambda example: tf.reduce_any(example['fold'] == wanted))

    def describe(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        described = {
            key: tf.as_string(example[key]) if key in example else tf.constant('')
            for key in DESCRIPTIONS
        }
        label = tf.cast(tf.gather(to_model, example['label']), tf.int64)
        return {'image': example['image'], 'label': label, **described}

    return examples.map(describe, tf.data.AUTOTUNE).filter(lambda example: example['label'] >= 0)


def decode(image_bytes: tf.Tensor, image_size_px: int) -> tf.Tensor:
    """Decodes a JPEG, PNG or WebP file, string `[]`, to the model's input.

    Returns:
        float32 `[image_size_px, image_size_px, 3]`, RGB in [0, 255], upright.
    """
    image = to_model_input(decode_upright(image_bytes), image_size_px)
    return tf.ensure_shape(image, (image_size_px, image_size_px, 3))


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
