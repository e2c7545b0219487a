"""A training starts from a trained network, and remembers who taught that."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from fer_keras.config.data import DataConfig
from fer_keras.config.fields import as_flags
from fer_keras.config.run import RunConfig
from fer_keras.config.training import TrainingConfig
from fer_keras.data.datasets import open_sources
from fer_keras.data.recording import make_record
from fer_keras.data.splits import read_split
from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.models.classifier import build_classifier, load_classifier
from fer_keras.provenance.record import INITIAL, TrainingRecord
from fer_keras.provenance.storage import find_record
from fer_keras.run_dir import RunDir
from fer_keras.training.initial_weights import require_fitting, start_from
from fer_keras.training.session import train
from tests.fakes import BASIC, random_images, tiniest_model, write_dataset, write_untrained_run

PEOPLE = {'train': 2, 'validation': 1, 'test': 1}


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp('data')
    write_dataset(path, people=PEOPLE)
    write_dataset(path, name='other', people=PEOPLE)
    write_dataset(path, name='two', names=('happy', 'sad'), people=PEOPLE)
    return path


@pytest.fixture(scope='module')
def initial(data_dir, tmp_path_factory):
    """A run that `other` taught, as its record says."""
    config = tiniest_model(color='grey')
    run_dir = write_untrained_run(tmp_path_factory.mktemp('runs') / 'initial', config)
    data = DataConfig(data_dir=str(data_dir), source='other')
    Path(run_dir.flags_file).write_text(as_flags(RunConfig(data, config)))
    sources = open_sources(data)
    splits = [read_split(sources, split, BASIC) for split in ('train', 'validation')]
    record = make_record(*splits, (), sources, pretrained={'backbone': 'imagenet'})
    Path(run_dir.training_record_file).write_bytes(record.to_bytes())
    return run_dir


def a_model(config, classes=7, size=48):
    keras.utils.set_random_seed(1)
    return build_classifier(config, num_classes=classes, image_size_px=size)


def starting_from(run_dir, **choices):
    where = {'initial_weights': run_dir.path, 'color': 'grey'}
    return tiniest_model(**(where | choices))


def test_the_same_classes_keep_the_last_layer(initial):
    config = starting_from(initial)
    model = a_model(config)
    images = random_images(2, 48).astype(np.float32)
    expected = load_classifier(initial.model_file).predict(images, verbose=0)
    assert not np.allclose(model.predict(images, verbose=0), expected)
    assert 'new last layer' not in start_from(model, config, BASIC)
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, atol=1e-6)


def test_other_classes_have_a_new_head_and_images_any_size(initial):
    config = starting_from(initial, average_mirrored=True)
    model = a_model(config, classes=2, size=64)
    head = model.get_layer('probabilities').get_weights()
    assert 'new last layer for happy, sad in place' in start_from(model, config, ['happy', 'sad'])
    known = load_classifier(initial.model_file).get_layer('backbone').get_weights()
    for own, other in zip(model.get_layer('backbone').get_weights(), known, strict=True):
        np.testing.assert_array_equal(own, other)
    for own, other in zip(model.get_layer('probabilities').get_weights(), head, strict=True):
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize(
    'choices, flags',
    [
        ({'color': 'rgb'}, '--color=grey'),
        ({'crop': 0.75, 'hog_branch': True}, '--crop=1.0 --hog_branch=False'),
        ({'saliency': 'center', 'fusion': 'residual'}, '--saliency=none --fusion=multiply'),
    ],
)
def test_another_recipe_is_refused_with_the_flags_that_fit(initial, choices, flags):
    with pytest.raises(InvalidInputError, match=f'Give: {flags}, or leave out'):
        require_fitting(starting_from(initial, **choices))


def test_where_no_flags_are_known_the_weights_must_fit(initial, tmp_path):
    alone = RunDir(str(tmp_path / 'alone'))
    alone.claim('')
    Path(alone.flags_file).unlink()
    Path(alone.model_file).write_bytes(Path(initial.model_file).read_bytes())
    Path(alone.labels_file).write_text(Path(initial.labels_file).read_text())
    config = dataclasses.replace(starting_from(alone), backbone='mobilenet_v3_small')
    require_fitting(config)
    with pytest.raises(InvalidInputError, match='weights of the `backbone`'):
        start_from(a_model(config), config, BASIC)


def test_what_cannot_be_trained_further_is_refused(tmp_path):
    with pytest.raises(MissingFileError, match='neither a run folder, nor a .keras file'):
        require_fitting(tiniest_model(initial_weights=str(tmp_path / 'nothing')))
    (tmp_path / 'model' / '1').mkdir(parents=True)
    (tmp_path / 'model' / '1' / 'saved_model.pb').touch()
    with pytest.raises(InvalidInputError, match='a SavedModel, which only answers'):
        require_fitting(tiniest_model(initial_weights=str(tmp_path / 'model')))


def test_a_run_remembers_who_taught_the_network_it_started_from(initial, data_dir, tmp_path):
    data = DataConfig(data_dir=str(data_dir), source='fake', image_size_px=48, batch_size=4)
    training = TrainingConfig(
        run_dir=str(tmp_path / 'run'), epochs=1, head_epochs=0, learning_rate=0.0
    )
    run = RunConfig(data, starting_from(initial), training)
    told = []
    train(run, RunDir(training.run_dir), check_people=told.append)
    record = find_record(training.run_dir)
    assert told == [record.people]
    assert {data_set for data_set, _ in record.people} == {'fake', 'other'}
    assert record.sources == ('fake',)
    assert sorted(split.name for split in record.splits if split.role == INITIAL) == [
        'other',
        'other',
    ]
    assert initial.model_file in record.pretrained['initial weights']
    assert record.pretrained['backbone of the initial weights'] == 'imagenet'
    model = load_classifier(RunDir(training.run_dir).model_file)
    known = load_classifier(initial.model_file).get_layer('probabilities').get_weights()
    for own, other in zip(model.get_layer('probabilities').get_weights(), known, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-6)


def test_of_a_network_without_a_record_it_is_said():
    record = TrainingRecord(()).after(None, 'somewhere')
    assert 'not recorded' in record.pretrained['initial weights']


def test_the_fold_of_the_first_training_is_not_that_of_the_second(initial):
    known = find_record(initial.path)
    folded = tuple(dataclasses.replace(split, fold=3) for split in known.splits)
    assert TrainingRecord(known.splits).after(TrainingRecord(folded), 'there').fold == -1
