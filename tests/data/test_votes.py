"""Votes become shares of the model's classes, and these are what trains where somebody asks."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.config.data import DataConfig
from fer_keras.config.model import ModelConfig
from fer_keras.config.run import RunConfig
from fer_keras.config.training import TrainingConfig
from fer_keras.data.batches import EvaluationBatches, TrainingBatches
from fer_keras.data.datasets import open_dataset
from fer_keras.data.splits import Source, read_split
from fer_keras.data.votes import has_votes, require_votes, shares_of
from fer_keras.errors import InvalidInputError
from fer_keras.evaluation.target import require_testable
from fer_keras.run_dir import RunDir
from fer_keras.training.claiming import claim_run
from fer_keras.training.objectives import ClassificationObjective
from fer_keras.training.recipe import compile_classifier
from tests.fakes import BASIC, write_dataset

NAMES = BASIC[:3]
OWN = ('neutral', 'happy', 'sad', 'contemptuous')
# Six for the class itself, three for the next one, and one astray.
CAST = (6, 3, 1)
PEOPLE = {'train': 4, 'validation': 1, 'test': 1}
DATA = DataConfig(image_size_px=32, batch_size=6, augmentation='none', label='votes')


def voted(votes, own=OWN, names=('sad', 'neutral', 'angry', 'contemptuous', 'happy')):
    return shares_of(tf.constant(votes), own, names).numpy().tolist()


def test_shares_follow_the_names_of_the_model_and_leave_out_what_is_no_expression():
    # 4 neutral, 0 happy, 2 sad, 2 contemptuous; the others said unknown, or no face.
    assert voted([4, 0, 2, 2, 9, 9]) == [0.25, 0.5, 0, 0.25, 0]


def test_a_single_vote_counts_nothing_and_a_share_of_any_size_something():
    assert voted([6, 1, 2, 1]) == [0.25, 0.75, 0, 0, 0]
    assert voted([1, 1, 1, 1]) == [0] * 5
    assert voted([0.75, 0.25, 0.0, 0.0]) == [0, 0.75, 0, 0, 0.25]


def test_votes_for_classes_that_the_model_lacks_are_divided_among_the_others():
    assert voted([3, 0, 2, 5], names=('neutral', 'sad')) == pytest.approx([0.6, 0.4])
    assert voted([0, 0, 0, 10], names=('neutral', 'sad')) == [0, 0]


def test_votes_that_nobody_knows_are_none():
    assert voted([np.nan] * 4) == [0] * 5
    # As of AffectNet's seven classes, of eight shares.
    assert voted([0.5, 0.5, 0.0, 0.0, np.nan]) == [0, 0.5, 0, 0, 0.5]


@pytest.fixture(scope='module')
def builders(tmp_path_factory):
    """A set with votes and one without."""
    folder = tmp_path_factory.mktemp('data')
    write_dataset(folder, name='voted', names=NAMES, votes=CAST, people=PEOPLE)
    write_dataset(folder, name='plain', names=NAMES, people=dict.fromkeys(PEOPLE, 1))
    return [open_dataset(name, str(folder)) for name in ('voted', 'plain')]


def labels_of(batches):
    return np.concatenate([labels for _, labels in batches])


def expected(label):
    """Two thirds for the class, one for the next one."""
    return np.roll([2 / 3, 1 / 3, 0], label)


@pytest.mark.parametrize(('cache', 'balance'), [(True, 'sampling'), (False, 'none')])
def test_an_epoch_teaches_the_shares_of_each_image(builders, cache, balance):
    source = read_split(builders[:1], 'train', NAMES)
    data = dataclasses.replace(DATA, cache=cache, balance=balance)
    found = labels_of(TrainingBatches(source, data, num_classes=3, seed=0).epoch(0))
    wanted = np.repeat([expected(label) for label in range(3)], 4, axis=0)
    np.testing.assert_allclose(sorted(found.tolist()), sorted(wanted.tolist()), atol=1e-6)


def test_majority_teaches_what_it_always_did(builders):
    source = read_split(builders[:1], 'train', NAMES)
    data = dataclasses.replace(DATA, label='majority')
    found = labels_of(TrainingBatches(source, data, num_classes=3, seed=0).epoch(0))
    assert set(found.ravel()) == {0, 1}


def test_validation_goes_by_the_label(builders):
    source = read_split(builders, 'validation', NAMES)
    labels = labels_of(EvaluationBatches(source, DATA, num_classes=3).read())
    assert set(labels.ravel()) == {0, 1} and source.counts == (2,) * 3


def test_of_pooled_sets_one_without_votes_keeps_its_labels(builders):
    assert [has_votes(one) for one in builders] == [True, False]
    source = read_split(builders, 'train', NAMES)
    data = dataclasses.replace(DATA, batch_size=5, cache=False)
    largest = labels_of(TrainingBatches(source, data, num_classes=3, seed=0).epoch(0)).max(axis=1)
    assert sum(largest == 1) == 3 and sum(largest < 0.7) == 12


def test_shares_are_mixed_as_labels_are_and_can_be_entered_and_shared(builders):
    source = read_split(builders, 'train', NAMES)
    data = dataclasses.replace(DATA, batch_size=4, mixup_alpha=0.4, cutmix_alpha=1.0, cache=False)
    whole = list(TrainingBatches(source, data, num_classes=3, seed=1).epoch(2))
    labels = labels_of(whole)
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)
    assert 0.7 < labels.max() < 1 and max((labels > 0).sum(axis=1)) == 3
    again = TrainingBatches(source, data, num_classes=3, seed=1)
    parts = [
        next(iter(again.epoch(2, 2, tf.distribute.InputContext(2, worker, 2))))[1]
        for worker in range(2)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole[2][1])


def test_the_loss_is_the_cross_entropy_to_the_smoothed_shares():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Softmax()])
    shares, answers = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    for smoothing in (0.0, 0.2):
        compile_classifier(model, keras.optimizers.SGD(), TrainingConfig(label_smoothing=smoothing))
        objective = ClassificationObjective(model.loss, class_weights=(1.0, 3.0))
        (loss,) = objective.losses(tf.constant([shares], tf.float32), tf.constant([answers]))
        smoothed = (1 - smoothing) * shares + smoothing / 2
        # The weights of the classes are those of the shares: 0.75 * 1 + 0.25 * 3.
        assert float(loss) == pytest.approx(1.5 * -(smoothed * np.log(answers)).sum(), rel=1e-5)


def test_sources_of_which_none_has_votes_are_refused_with_what_to_do(builders, tmp_path):
    folder = str(builders[0].data_path.parents[1])
    data = dataclasses.replace(DATA, data_dir=folder, source='plain')
    with pytest.raises(InvalidInputError, match=r'plain/1.0.0 \(no votes\). Train.*=majority'):
        require_testable(data)
    run = RunConfig(data, ModelConfig(), TrainingConfig(run_dir=str(tmp_path / 'run')))
    with pytest.raises(InvalidInputError, match='needs a source whose training images have votes'):
        claim_run(run, RunDir(run.training.run_dir), None, is_chief=True)
    require_testable(dataclasses.replace(data, source='plain,voted'))
    require_testable(dataclasses.replace(data, label='majority'))


def test_room_for_votes_without_any_is_refused_too(builders):
    nothing = {'label': [0, 1], 'votes': np.zeros((2, 3), np.float32)}
    source = Source(tf.data.Dataset.from_tensor_slices(nothing), (1, 1))
    with pytest.raises(InvalidInputError, match='empty votes'):
        require_votes(DATA, builders[:1], source.examples)
    require_votes(dataclasses.replace(DATA, label='majority'), builders[:1], source.examples)
