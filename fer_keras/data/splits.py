"""One split of one or more prepared data sets, with the labels of the model."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from fer_keras.data.datasets import label_names
from fer_keras.data.map_folder import require_maps
from fer_keras.data.votes import VOTES, has_votes, shares_of
from fer_keras.errors import InvalidInputError

# What is read beside the image, where the data set has it.
DESCRIPTIONS = ('file_name', 'subject_id', 'gender', 'group', 'camera', 'gaze', 'age', 'detected')
NUM_FOLDS = 10
# As finely as shares of a data set are told apart.
_SHARES = 100_000


@dataclasses.dataclass(frozen=True)
class Source:
    """One split of one or more data sets with the labels of the model.

    Attributes:
        examples: Dictionaries of `image` (encoded bytes), `label` (int64, index into the model's
            label names), `votes` (float32, the share of each of these in the votes; 0 where the
            set has none for them), `position` (from 0, in this order), `data_set` (such as
            `cfee/basic_faces`), `pixel_hash` (of the original; empty where the set does not know
            it) and `DESCRIPTIONS`, all of one shape whatever set they come from.
        counts: Number of examples of each of the model's labels.
        maps_folder: Folder of a saliency map for each example, or empty.
        maps: float32 `[size, side, side]` in [0, 1], the kept map of each example by its
            `position`; or None.
        pooled: Where several data sets are pooled, each by itself: its part of `examples` and the
            number of each label in it.

    >>> columns = {'label': [0, 2, 2], 'position': tf.range(3, dtype=tf.int64)}
    >>> source = Source(tf.data.Dataset.from_tensor_slices(columns), counts=(1, 0, 2))
    >>> source.size, source.at([1]).counts
    (3, (0, 0, 1))
    """

    examples: tf.data.Dataset
    counts: tuple[int, ...]
    maps_folder: str = ''
    maps: np.ndarray | None = None
    pooled: tuple[tuple[tf.data.Dataset, tuple[int, ...]], ...] = ()

    @property
    def size(self) -> int:
        """Number of examples."""
        return sum(self.counts)

    def at(self, positions: Iterable[int]) -> Source:
        """Only the examples of these positions, in the order of the data set."""
        wanted = tf.constant(sorted(set(positions)), tf.int64)
        part = self.examples.filter(lambda one: tf.reduce_any(wanted == one['position']))
        counts = _count_labels(part, len(self.counts))
        return dataclasses.replace(self, examples=part, counts=counts, pooled=())


def read_split(
    builders: Sequence[tfds.core.DatasetBuilder],
    split: str,
    names: Sequence[str],
    maps_folder: str = '',
    fold: int = -1,
    share: float = 1.0,
) -> Source:
    """Reads a split of every data set that has it, in a fixed order, and only classes in `names`.

    With a `fold` of 0 to 9, `test` is that fold of everyone, `validation` the next one, and `train`
    the others; folds are subject-independent. With a `share` below 1 only about that share of each
    set's people is read, or of its images where nobody is named: always the same ones, and all of
    a smaller share.

    Raises:
        MissingFileError: `maps_folder` is given and lacks the map of an example.
        InvalidInputError: No data set has such a split, or nothing is left; or a map is none, or
            would be that of images of two sets; or the data has no folds.
    """
    require_described(builders, split, names, fold)
    if fold >= 0:
        parts = [_read_fold(builder, split, tuple(names), fold) for builder in builders]
    else:
        holders = [b for b in builders if split == 'all' or split in b.info.splits]
        parts = [_read_one(builder, split, tuple(names)) for builder in holders]
    if share < 1:
        parts = [part.filter(lambda example: _is_in_share(example, share)) for part in parts]
    pooled = _number_through(parts, len(names))
    counts = tuple(sum(of_label) for of_label in zip(*(own for _, own in pooled), strict=True))
    if not sum(counts):
        raise _no_images(builders, split, names)
    examples = functools.reduce(lambda a, b: a.concatenate(b), [part for part, _ in pooled])
    if maps_folder:
        named = examples.map(lambda example: (example['data_set'], example['file_name']))
        require_maps(
            maps_folder, ((one.decode(), name.decode()) for one, name in named.as_numpy_iterator())
        )
    held = tuple((part, own) for part, own in pooled if sum(own))
    return Source(examples, counts, maps_folder, pooled=held if len(held) > 1 else ())


def require_described(
    builders: Sequence[tfds.core.DatasetBuilder], split: str, names: Sequence[str], fold: int = -1
) -> None:
    """Raises what `read_split` would, as far as the descriptions of the data sets say."""
    known = sorted({name for builder in builders for name in builder.info.splits})
    if split != 'all' and split not in known and fold < 0:
        described = ', '.join(builder.info.full_name for builder in builders)
        raise InvalidInputError(
            f'`split` must be one of {known} or `all` for {described}. Received: {split!r}.'
        )
    for builder in builders:
        if fold >= 0 and 'fold' not in builder.info.features:
            raise InvalidInputError(
                f'{builder.info.full_name} must have the feature `fold` to be tested by folds. '
                f'Received: {sorted(builder.info.features)}. Leave --fold at -1.'
            )
    if not set(names) & set(label_names(builders)):
        raise _no_images(builders, split, names)


def _no_images(
    builders: Sequence[tfds.core.DatasetBuilder], split: str, names: Sequence[str]
) -> InvalidInputError:
    described = ', '.join(f'{b.info.full_name} {sorted(b.info.splits)}' for b in builders)
    return InvalidInputError(
        f'The split must hold images of {list(names)}. '
        f'Received: split={split!r}, which holds none in {described}.'
    )


def trained_label_names(
    builders: Sequence[tfds.core.DatasetBuilder], fold: int = -1, share: float = 1.0
) -> list[str]:
    """The classes that have training images: of what a set declares, it may hold a part.

    Raises:
        InvalidInputError: Fewer than two have.
    """
    names = label_names(builders)
    counts = read_split(builders, 'train', names, fold=fold, share=share).counts
    present = [name for name, count in zip(names, counts, strict=True) if count]
    if len(present) < 2:
        described = ', '.join(builder.info.full_name for builder in builders)
        raise InvalidInputError(
            f'There must be training images of at least two expressions in {described}. '
            f'Received: images of {present} only.'
        )
    return present


def _number_through(
    parts: Sequence[tf.data.Dataset], num_classes: int
) -> list[tuple[tf.data.Dataset, tuple[int, ...]]]:
    """Gives each example its `position` in all of them, and counts the labels of each part."""
    numbered, first = [], 0
    for part in parts:
        counts = _count_labels(part, num_classes)
        with_position = part.enumerate(first).map(
            lambda position, example: {**example, 'position': position}
        )
        numbered.append((with_position, counts))
        first += sum(counts)
    return numbered


def _count_labels(examples: tf.data.Dataset, num_classes: int) -> tuple[int, ...]:
    """Examples of each label, in one pass."""
    none = tf.zeros(num_classes, tf.int64)
    counts = examples.reduce(
        none, lambda sums, one: sums + tf.one_hot(one['label'], num_classes, dtype=tf.int64)
    )
    return tuple(counts.numpy().tolist())


def _is_in_share(example: dict[str, tf.Tensor], share: float) -> tf.Tensor:
    """Whether a person, or an image of nobody who is named, falls below a share by its hash."""
    is_named = example['subject_id'] != ''
    unit = tf.where(is_named, example['subject_id'], example['file_name'])
    name = tf.strings.join([example['data_set'], unit], separator='/')
    # FarmHash's fingerprint: the same on every machine.
    return tf.strings.to_hash_bucket_fast(name, _SHARES) < round(share * _SHARES)


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
    set_name = builder.info.full_name.rpartition('/')[0]  # Without the version.
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

    votes_known = has_votes(builder)

    @tf.autograph.experimental.do_not_convert
    def describe(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        described = {
            key: tf.as_string(example[key]) if key in example else tf.constant('')
            for key in (*DESCRIPTIONS, 'pixel_hash')
        }
        label = tf.cast(tf.gather(to_model, example['label']), tf.int64)
        described[VOTES] = (
            shares_of(example[VOTES], own_names, names) if votes_known else tf.zeros(len(names))
        )
        return {'image': example['image'], 'label': label, 'data_set': set_name, **described}

    return examples.map(describe, tf.data.AUTOTUNE).filter(lambda example: example['label'] >= 0)
