"""Training batches of any data: a pure function of the seed, the epoch and the position."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

Example = dict[str, tf.Tensor]

# Encoded images: what an epoch holds in memory, however many the data set has.
_SHUFFLE_BUFFER = 4096


@dataclasses.dataclass(frozen=True)
class _Worker:
    """Which of how many workers, and what of a part is always its own."""

    count: int = 1
    index: int = 0

    def part_of(self, part: tf.data.Dataset, size: int) -> tf.data.Dataset:
        """Its examples of a part of `size`."""
        is_shared = 1 < self.count <= size
        return part.shard(self.count, self.index) if is_shared else part

    def size_of(self, size: int) -> int:
        """How many of `size` examples these are."""
        return -(-(size - self.index) // self.count) if self.count <= size else size


class EpochBatches(abc.ABC):
    """Shuffled batches as a pure function of the seed, the epoch and the position.

    Each epoch has a fresh order, and each example in it fresh draws of its augmentation, that
    nothing else decides: not which epochs were read before, nor how many threads read. An epoch can
    therefore be entered at any step. What does not fill a batch is left to another epoch's order.

    Of several workers each has the same part of every global batch. Without a cache the order is
    that of one worker. With it, worker `w` of `n` prepares and keeps every n-th example of a part,
    from the w-th on, and draws its share of every batch from these in an order of its own: the
    order of an epoch depends on `n`, images of two workers are never mixed, and a run goes on
    exactly where as many workers go on. Of a part with fewer examples than workers each keeps all.

    Args:
        parts: Datasets of dictionaries, of which `file_name` is one key. Several are drawn from
            equally often.
        sizes: Number of examples of each part.
        batch_size: Examples of a batch of all replicas together.
        seed: Of the order and of the augmentations.
        cache: Whether prepared examples are kept in memory from the first epoch on.
        pools: For each part the data sets that it is pooled from, each with its size, or nothing:
            what is not cached is shuffled in a buffer, which alone would give one set after the
            other.

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
        pools: Sequence[Sequence[tuple[tf.data.Dataset, int]]] = (),
    ) -> None:
        self.batch_size = batch_size
        self.steps_per_epoch = max(1, sum(sizes) // batch_size)
        self._parts, self._sizes = list(parts), list(sizes)
        self._seed = seed
        self._is_cached = cache
        self._pools = [[one for one in pool if one[1]] for pool in pools] or [[] for _ in parts]
        # One cache for all epochs, of each worker.
        self._cached: dict[_Worker, list[tf.data.Dataset]] = {}
        self._workers = 1
        # Traced once and not anew for every epoch.
        self._finish = tf.function(self._prepare_and_finish, autograph=False)

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

    def _prepare_and_finish(self, seed: tf.Tensor, example: Example) -> tuple[Any, ...]:
        return self.finish(seed, example if self._is_cached else self.prepare(example))

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
            context: Whose share is read: the same part of every global batch, in batches of a
                replica each. A worker prepares and augments nothing else, and keeps nothing else.
        """
        context = context or tf.distribute.InputContext()
        self._workers = context.num_input_pipelines
        share = self.batch_size // self._workers
        mine = context.input_pipeline_id
        if self._is_cached:
            # Shuffle after the cache: it would otherwise repeat the first epoch's order.
            worker = _Worker(self._workers, mine)
            examples = self._ordered(self._kept(worker), epoch, worker).enumerate()
            examples = examples.skip(first_step * share).map(
                lambda own, example: (
                    own // share * self.batch_size + mine * share + own % share,
                    example,
                )
            )
        else:
            # Shuffle before decoding: the buffer then holds bytes, not pixels.
            examples = self._ordered(self._parts, epoch).enumerate()
            examples = examples.skip(first_step * self.batch_size)
            if self._workers > 1:
                examples = examples.filter(
                    lambda position, _: position % self.batch_size // share == mine
                )
        epoch_seed = tf.constant(self._epoch_seed(epoch), tf.int64)

        def finish(position: tf.Tensor, example: Example) -> tuple[Any, ...]:
            return self._finish(tf.stack([epoch_seed, position]), example)

        size = context.get_per_replica_batch_size(self.batch_size)
        return self.gather(examples.map(finish, tf.data.AUTOTUNE), size).prefetch(tf.data.AUTOTUNE)

    def file_names(self, epoch: int, step: int) -> list[str]:
        """The files of one global batch, in its order, for as many workers as `epoch` last had."""
        workers = self._workers if self._is_cached else 1
        share, names = self.batch_size // workers, []
        for one in range(workers):
            worker = _Worker(workers, one)
            parts = [worker.part_of(*part) for part in zip(self._parts, self._sizes, strict=True)]
            examples = self._ordered(parts, epoch, worker).skip(step * share).take(share)
            read = examples.map(lambda example: example['file_name']).as_numpy_iterator()
            names += [name.decode() for name in read]
        return names

    def _kept(self, worker: _Worker) -> list[tf.data.Dataset]:
        """What a worker prepares once and keeps, of each part."""
        if worker not in self._cached:
            prepare = tf.autograph.experimental.do_not_convert(self.prepare)
            self._cached[worker] = [
                worker.part_of(part, size).map(prepare, tf.data.AUTOTUNE).cache()
                for part, size in zip(self._parts, self._sizes, strict=True)
            ]
        return self._cached[worker]

    def _epoch_seed(self, epoch: int, *more: int) -> int:
        return int(np.random.SeedSequence([self._seed, epoch, *more]).generate_state(1)[0])

    def _ordered(
        self, parts: list[tf.data.Dataset], epoch: int, worker: _Worker = _Worker()
    ) -> tf.data.Dataset:
        """As many as fill a worker's steps of the epoch; several parts are drawn from in turn."""
        # Workers that shared an order would always show neighbours in the data together.
        own = () if worker.count == 1 else (worker.count, worker.index)
        seed = self._epoch_seed(epoch, *own)
        count = self.steps_per_epoch * (self.batch_size // worker.count)
        sizes = [worker.size_of(size) for size in self._sizes]
        shuffled = [
            self._shuffled(*part, seed).repeat()
            for part in zip(parts, sizes, self._pools, strict=True)
        ]
        if len(shuffled) == 1:
            return shuffled[0].take(count)
        # Each part once in every round, and the rounds in a random order of their own.
        draws = np.random.default_rng(seed)
        rounds = [draws.permutation(len(parts)) for _ in range(-(-count // len(parts)))]
        turns = tf.data.Dataset.from_tensor_slices(np.concatenate(rounds)[:count])
        return tf.data.Dataset.choose_from_datasets(shuffled, turns, stop_on_empty_dataset=False)

    def _shuffled(
        self,
        part: tf.data.Dataset,
        size: int,
        pool: Sequence[tuple[tf.data.Dataset, int]],
        seed: int,
    ) -> tf.data.Dataset:
        """A part once: all of it in a random order, or as far as the buffer reaches."""
        if self._is_cached or len(pool) < 2:
            reach = size if self._is_cached else min(size, _SHUFFLE_BUFFER)
            return part.shuffle(reach, seed=seed, reshuffle_each_iteration=False)
        # Each set has its share of the buffer, and a random place for each of its examples.
        sets = [
            one.shuffle(
                min(count, -(-_SHUFFLE_BUFFER * count // size)),
                seed=seed,
                reshuffle_each_iteration=False,
            )
            for one, count in pool
        ]
        turns = np.repeat(np.arange(len(pool)), [count for _, count in pool])
        turns = np.random.default_rng((seed, size)).permutation(turns)
        return tf.data.Dataset.choose_from_datasets(sets, tf.data.Dataset.from_tensor_slices(turns))
