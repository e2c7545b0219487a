"""The order of training batches: of one set, of pooled sets, and of several workers."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from fer_keras.config.data import DataConfig
from fer_keras.data import epochs
from fer_keras.data.batches import TrainingBatches
from fer_keras.data.datasets import open_dataset
from fer_keras.data.epochs import EpochBatches
from fer_keras.data.splits import read_split
from tests.fakes import BASIC, write_dataset


class Numbers(EpochBatches):
    """Numbers for images: counts what is prepared, and gives the seeds of what is drawn."""

    def __init__(self, *arguments, **options):
        self.prepared = []
        super().__init__(*arguments, seed=5, **options)

    def prepare(self, example):
        def note(number):
            self.prepared.append(int(number))
            return number

        return {'number': tf.numpy_function(note, [example['number']], tf.int64)}

    def finish(self, seed, example):
        return tf.ensure_shape(example['number'], ()), seed[1]


def numbers(first, last):
    names = tf.data.Dataset.range(first, last)
    return names.map(lambda n: {'number': n, 'file_name': tf.as_string(n)})


def read(batches, epoch, first_step=0, worker=None):
    context = None if worker is None else tf.distribute.InputContext(2, worker, 2)
    steps = list(batches.epoch(epoch, first_step, context).as_numpy_iterator())
    return [step.tolist() for step, _ in steps], [int(one) for _, seeds in steps for one in seeds]


@pytest.mark.parametrize('cache', [True, False])
def test_the_order_of_one_set_and_one_worker_is_that_of_all_earlier_versions(cache, monkeypatch):
    """A run that was begun before goes on in the midst of an epoch."""
    monkeypatch.setattr(epochs, '_SHUFFLE_BUFFER', 7)
    batches = Numbers([numbers(0, 30)], [30], batch_size=4, cache=cache)
    seed = int(np.random.SeedSequence([5, 2]).generate_state(1)[0])
    reach = 30 if cache else 7
    shuffled = tf.data.Dataset.range(30).shuffle(reach, seed, reshuffle_each_iteration=False)
    found, positions = read(batches, 2)
    assert sum(found, []) == [int(one) for one in shuffled.take(28)]
    assert positions == list(range(28))


def pooled(**options):
    sets = [(numbers(0, 300), 300), (numbers(300, 300), 0), (numbers(300, 400), 100)]
    return Numbers([numbers(0, 400)], [400], batch_size=8, pools=[sets], **options)


def test_sets_that_are_pooled_without_a_cache_are_mixed_from_the_first_step_on(monkeypatch):
    monkeypatch.setattr(epochs, '_SHUFFLE_BUFFER', 16)
    steps, _ = read(pooled(cache=False), 1)
    of_second = [sum(one >= 300 for one in step) for step in steps]
    assert sum(of_second[:10]) == pytest.approx(20, abs=9) and sum(of_second) == 100
    assert max(np.diff(np.flatnonzero(of_second))) < 6
    assert sorted(sum(steps, [])) == list(range(400))
    assert read(pooled(cache=False), 1, 30)[0] == steps[30:] != read(pooled(cache=False), 2, 30)[0]
    names = pooled(cache=False).file_names(1, 3)
    assert [int(name) for name in names] == steps[3]
    # With a cache the order is what it was: all are shuffled as one.
    plain = Numbers([numbers(0, 400)], [400], batch_size=8, cache=True)
    assert read(pooled(cache=True), 1) == read(plain, 1)


@pytest.mark.parametrize('balance', [pytest.param('none', marks=pytest.mark.slow), 'sampling'])
def test_pooled_data_sets_are_mixed_class_by_class_too(tmp_path, monkeypatch, balance):
    monkeypatch.setattr(epochs, '_SHUFFLE_BUFFER', 4)
    write_dataset(tmp_path, name='first', people={'train': 12})
    write_dataset(tmp_path, name='second', people={'train': 24})
    write_dataset(tmp_path, name='none', names=('fearful',), people={'train': 2})
    sets = [open_dataset(name, str(tmp_path)) for name in ('first', 'none', 'second')]
    source = read_split(sets, 'train', BASIC[:6])
    assert source.size == 216 and [sum(counts) for _, counts in source.pooled] == [72, 144]
    assert [int(one['position']) for one in source.examples] == list(range(216))
    assert read_split(sets[:2], 'train', BASIC[:6]).pooled == ()
    assert source.at([1, 100]).pooled == ()
    data = DataConfig(image_size_px=32, batch_size=14, cache=False, balance=balance)
    batches = TrainingBatches(source, data, num_classes=7, seed=1)
    names = [name for step in range(3) for name in batches.file_names(0, step)]
    # Both sets have these names, in the same order: whichever comes twice came from both.
    assert len(names) - len(set(names)) > 5


@pytest.mark.parametrize('sizes', [[41], [20, 15, 1]])
def test_a_worker_prepares_and_keeps_its_share_alone(sizes):
    ends = np.cumsum([0, *sizes])
    parts = [numbers(*pair) for pair in itertools.pairwise(ends)]
    workers = [Numbers(parts, sizes, batch_size=6, cache=True) for _ in range(2)]
    seen = []
    for worker, batches in enumerate(workers):
        epochs_read = [read(batches, epoch, worker=worker) for epoch in (0, 1)]
        kept = sorted(batches.prepared)
        assert len(kept) == len(set(kept)) <= -(-sum(sizes) // 2) + 1
        assert all(set(sum(steps, [])) <= set(kept) for steps, _ in epochs_read)
        assert epochs_read[0][0] != epochs_read[1][0]
        # Entered anew, by another process.
        again = Numbers(parts, sizes, batch_size=6, cache=True)
        assert read(again, 1, 2, worker)[0] == epochs_read[1][0][2:]
        seen.append((kept, epochs_read[1]))
    # The part with fewer images than workers is both workers'.
    shared = set(seen[0][0]) & set(seen[1][0])
    assert shared == ({35} if len(sizes) > 1 else set())
    assert set(seen[0][0]) | set(seen[1][0]) == set(range(sum(sizes)))
    (first, first_positions), (second, second_positions) = (one for _, one in seen)
    assert {len(step) for step in [*first, *second]} == {3} and len(first) == sum(sizes) // 6
    assert sorted(first_positions + second_positions) == list(range(len(first) * 6))
    assert [int(name) for name in workers[0].file_names(1, 1)] == [*first[1], *second[1]]
    if len(sizes) == 1:
        assert len(set(sum(first + second, []))) == len(first) * 6
    else:
        classes = np.searchsorted(ends, sum(first, []), 'right')
        assert set(np.bincount(classes)[1:]) == {len(first)}


def test_a_worker_that_mixes_images_goes_on_where_it_was(tmp_path):
    write_dataset(tmp_path, names=BASIC[:2], people={'train': 12})
    source = read_split([open_dataset('fake', str(tmp_path))], 'train', BASIC[:2])
    data = DataConfig(image_size_px=32, batch_size=8, mixup_alpha=0.4, balance='sampling')
    data = dataclasses.replace(data, augmentation='none')
    context = tf.distribute.InputContext(2, 1, 2)
    whole, entered = (
        list(TrainingBatches(source, data, num_classes=2, seed=1).epoch(2, step, context))
        for step in (0, 1)
    )
    assert len(whole) == 3 and whole[0][0].shape == (4, 32, 32, 3)
    for one, other in zip(entered, whole[1:], strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
