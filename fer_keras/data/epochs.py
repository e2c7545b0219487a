"""Training batches of any data: a pure function of the seed, the epoch and the position."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

Example = dict[str, tf.Tensor]

# Encoded images: what an epoch holds in memory, however many the data set has.
_SHUFFLE_BUFFER = 4096


class EpochBatches(abc.ABC):
    """Shuffled batches as a pure function of the seed, the epoch and the position.

    Each epoch has a fresh order, and each example in it fresh draws of its augmentation, that
    nothing else decides: not which epochs were read before, nor how many threads read. An epoch can
    therefore be entered at any step. What does not fill a batch is left to another epoch's order.

    Args:
        parts: Datasets of dictionaries, of which `file_name` is one key. Several are drawn from
            equally often.
        sizes: Number of examples of each part.
        batch_size: Examples of a batch of all replicas together.
        seed: Of the order and of the augmentations.
        cache: Whether prepared examples are kept in memory from the first epoch on.

    >>> class Numbers(EpochBatches):
    ...     def prepare(self, example):
    ...         return example
    ...
    ...     def finish(self, seed, example):
    ...         return example['number'], example['number']
    >>> numbers = tf.data.Dataset.range(4).map(lambda number: {'number': number})
    >>> batches = Numbers([numbers], [4], batch_size=2, seed=0, cache=True)
    >>> sorted(int(one) for batch, _ in batches.epoch(0) for one in batch)
    [0, 1, 2, 3]
    """

    def __init__(
        self,
        parts: Sequence[tf.data.Dataset],
        sizes: Sequence[int],
        *,
        batch_size: int,
        seed: int,
        cache: bool,
    ) -> None:
        self.batch_size = batch_size
        self.steps_per_epoch = max(1, sum(sizes) // batch_size)
        self._parts, self._sizes = list(parts), list(sizes)
        self._seed = seed
        self._is_cached = cache
        # One cache for all epochs.
        self._cached = [part.map(self.prepare, tf.data.AUTOTUNE).cache() for part in parts]

    @abc.abstractmethod
    def prepare(self, example: Example) -> Example:
        """What is the same in every epoch: decoding and resizing."""

    @abc.abstractmethod
    def finish(self, seed: tf.Tensor, example: Example) -> tuple[Any, ...]:
        """What is drawn anew in every epoch.

        Args:
            seed: int64 `[2]`, of the epoch and the position in it.
            example: From `prepare`.
        """

    def gather(self, examples: tf.data.Dataset, size: int) -> tf.data.Dataset:
        """Makes full batches of `size` out of what `finish` gives."""
        return examples.batch(size, drop_remainder=True)

    def epoch(
        self, epoch: int, first_step: int = 0, context: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """The batches of one epoch, from `first_step` on; every one is full.

        Args:
            epoch: The epoch, from 0.
            first_step: The first step in it, from 0.
            context: Whose share is read. One worker has the same part of every global batch, in
                batches of a replica each, and prepares and augments nothing else.
        """
        # Shuffle before decoding where nothing is cached: the buffer then holds bytes, not pixels.
        # Shuffle after the cache: it would otherwise repeat the first epoch's order.
        examples = self._ordered(self._cached if self._is_cached else self._parts, epoch)
        examples = examples.enumerate().skip(first_step * self.batch_size)
        context = context or tf.distribute.InputContext()
        share = self.batch_size // context.num_input_pipelines
        if context.num_input_pipelines > 1:
            mine = context.input_pipeline_id
            examples = examples.filter(
                lambda position, _: position % self.batch_size // share == mine
            )
        epoch_seed = tf.constant(self._epoch_seed(epoch), tf.int64)

        def finish(position: tf.Tensor, example: Example) -> tuple[Any, ...]:
            prepared = example if self._is_cached else self.prepare(example)
            return self.finish(tf.stack([epoch_seed, position]), prepared)

        size = context.get_per_replica_batch_size(self.batch_size)
        return self.gather(examples.map(finish, tf.data.AUTOTUNE), size).prefetch(tf.data.AUTOTUNE)

    def file_names(self, epoch: int, step: int) -> list[str]:
        """The files of one global batch, in its order."""
        examples = self._ordered(self._parts, epoch).skip(step * self.batch_size)
        names = examples.take(self.batch_size).map(lambda example: example['file_name'])
        return [name.decode() for name in names.as_numpy_iterator()]

    def _epoch_seed(self, epoch: int) -> int:
        return int(np.random.SeedSequence([self._seed, epoch]).generate_state(1)[0])

    def _ordered(self, parts: list[tf.data.Dataset], epoch: int) -> tf.data.Dataset:
        """As many as fill the steps of the epoch; several parts are drawn from in turn."""
        seed, count = self._epoch_seed(epoch), self.steps_per_epoch * self.batch_size
        shuffled = [
            part.shuffle(
                size if self._is_cached else min(size, _SHUFFLE_BUFFER),
                seed=seed,
                reshuffle_each_iteration=False,
            ).repeat()
            for part, size in zip(parts, self._sizes, strict=True)
        ]
        if len(shuffled) == 1:
            return shuffled[0].take(count)
        # Each part once in every round, and the rounds in a random order of their own.
        draws = np.random.default_rng(seed)
        rounds = [draws.permutation(len(parts)) for _ in range(-(-count // len(parts)))]
        turns = tf.data.Dataset.from_tensor_slices(np.concatenate(rounds)[:count])
        return tf.data.Dataset.choose_from_datasets(shuffled, turns, stop_on_empty_dataset=False)
