"""Maps of a frozen saliency model are made once, kept, and used as if they were made each time."""

import dataclasses
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.config.data import DataConfig
from fer_keras.config.model import ModelConfig
from fer_keras.data import map_cache as saliency_cache
from fer_keras.data.batches import TrainingBatches, evaluation_batches
from fer_keras.data.datasets import open_dataset
from fer_keras.data.map_cache import add_kept_map, keep_maps
from fer_keras.data.splits import read_split
from fer_keras.models.classifier import build_classifier, build_explainer
from fer_keras.models.kept_maps import build_map_maker, build_map_reader, has_maps_to_keep
from fer_keras.models.saliency_layers import MapChannel
from fer_keras.training.engine import Engine
from fer_keras.training.objectives import ClassificationObjective
from tests.fakes import BASIC, add_tiny_backbone, write_dataset

DATA = DataConfig(image_size_px=48, batch_size=6, augmentation='none')


def build(saliency='spectral_residual'):
    keras.utils.set_random_seed(1)
    add_tiny_backbone()
    config = ModelConfig(
        backbone='tiny', backbone_weights='none', saliency=saliency, crop=0.67, dropout=0.0
    )
    return build_classifier(config, num_classes=7, image_size_px=48)


@pytest.fixture(scope='module')
def model():
    return build()


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp('data')
    builder = open_dataset(write_dataset(data_dir, people={'train': 3}), str(data_dir))
    return read_split([builder], 'train', BASIC)


@pytest.fixture(scope='module')
def kept(model, source):
    return keep_maps(build_map_maker(model), source)


def images_of(source):
    batches = evaluation_batches(source, DATA, num_classes=7)
    return np.concatenate([images for images, _ in batches.as_numpy_iterator()])


def test_the_kept_maps_are_those_of_the_graph(model, source, kept):
    assert kept.maps.shape == (21, 32, 32) and kept.maps.dtype == np.float32
    expected = build_explainer(model).predict(images_of(source), verbose=0)['saliency_map']
    np.testing.assert_allclose(kept.maps, expected[..., 0], atol=1e-5)


def test_maps_that_are_kept_and_maps_of_a_folder_have_one_unit(model, source, kept):
    largest = images_of(kept)[..., 3].max(axis=(1, 2))
    np.testing.assert_allclose(largest, 255, rtol=1e-6)
    assert any(isinstance(one, MapChannel) for one in build_map_reader(model).layers)


def test_each_map_travels_with_its_own_image(model, source, kept):
    reader = build_map_reader(model)
    pairs, probabilities = images_of(kept), model.predict(images_of(source), verbose=0)
    assert pairs.shape == (21, 48, 48, 4)
    np.testing.assert_allclose(reader.predict(pairs, verbose=0), probabilities, atol=1e-5)
    # Shuffled together: every row of an epoch is one of the pairs.
    known = {pair.astype('float32').tobytes() for pair in pairs}
    trained = TrainingBatches(kept, DATA, num_classes=7, seed=0).epoch(0)
    shuffled = np.concatenate([images for images, _ in trained.as_numpy_iterator()])
    assert all(pair.tobytes() in known for pair in shuffled)


def test_the_rim_outside_of_the_map_continues_it():
    image = tf.zeros((6, 6, 3))
    maps = np.arange(16, dtype=np.float32).reshape(1, 4, 4) / 255
    plane = add_kept_map(image, tf.constant(0, tf.int64), maps)[..., 3].numpy()
    np.testing.assert_allclose(plane[1:5, 1:5], np.arange(16).reshape(4, 4), atol=1e-5)
    np.testing.assert_allclose(plane[0], [0, 0, 1, 2, 3, 3], atol=1e-5)
    np.testing.assert_allclose(plane[:, 5], [3, 3, 7, 11, 15, 15], atol=1e-5)


def curve(source, with_maps):
    """The loss of each of six steps from the same beginning."""
    model, losses = build(), []
    forward = None
    if with_maps:
        source, forward = keep_maps(build_map_maker(model), source), build_map_reader(model)
    model.compile(keras.optimizers.AdamW(1e-3), keras.losses.CategoricalCrossentropy())
    objective = ClassificationObjective(model.loss)
    engine = Engine(model, objective, tf.distribute.get_strategy(), forward=forward)
    batches = TrainingBatches(source, DATA, num_classes=7, seed=0)
    iterator = engine.distribute(lambda context: batches.epoch(0, 0, context).repeat(2))
    for _ in range(6):
        losses.append(engine.train(iterator, 1)['loss'] / 6)
    return losses, model


@pytest.mark.slow
def test_without_augmentation_the_loss_curve_is_that_of_saliency_in_the_graph(source, tmp_path):
    in_graph, _ = curve(source, with_maps=False)
    with_maps, model = curve(source, with_maps=True)
    assert max(in_graph) - min(in_graph) > 0.05
    np.testing.assert_allclose(with_maps, in_graph, rtol=1e-5)
    # What is saved makes its maps itself.
    model.save(tmp_path / 'model.keras')
    loaded = keras.saving.load_model(tmp_path / 'model.keras', compile=False)
    assert loaded.input_shape == (None, 48, 48, 3) and isinstance(
        loaded.get_layer('saliency_map'), keras.Model
    )
    images = images_of(source)
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(loaded.predict(images, verbose=0), expected, atol=1e-5)
    np.testing.assert_allclose(
        build_map_reader(model).predict(images_of(keep_maps(build_map_maker(model), source))),
        expected,
        atol=1e-5,
    )


def test_a_file_of_maps_is_read_and_not_made_again(model, source, kept, tmp_path, monkeypatch):
    maker = build_map_maker(model)
    first = keep_maps(maker, source, str(tmp_path / 'maps'))
    np.testing.assert_array_equal(first.maps, kept.maps)

    def fail(*arguments):
        raise AssertionError('made again')

    monkeypatch.setattr(saliency_cache, '_fill', fail)
    again = keep_maps(maker, source, str(tmp_path / 'maps'))
    np.testing.assert_array_equal(again.maps, kept.maps)
    assert isinstance(again.maps, np.memmap) and len(os.listdir(tmp_path / 'maps')) == 1


def test_other_weights_or_other_images_have_other_files(source, tmp_path):
    network = keras.Sequential(
        [keras.Input((48, 48, 3)), keras.layers.Conv2D(1, 1, activation='sigmoid')]
    )
    files = []
    for change in ('nothing', 'weights', 'images'):
        if change == 'weights':
            network.set_weights([-weights for weights in network.get_weights()])
        if change == 'images':
            source = dataclasses.replace(source, examples=source.examples.take(7), counts=(7,))
        keep_maps(network, source, str(tmp_path))
        files.append(set(os.listdir(tmp_path)))
    assert [len(names) for names in files] == [1, 2, 3]


@pytest.mark.parametrize(
    ('saliency', 'expected'),
    [('spectral_residual', True), ('none', False), ('center', False), ('attention', False)],
)
def test_what_costs_nothing_or_changes_with_every_step_is_not_kept(saliency, expected):
    assert has_maps_to_keep(build(saliency)) is expected


@pytest.mark.slow
def test_the_control_still_takes_the_map_of_another_image(source):
    model = build('shuffled')
    images = images_of(source)[:6]
    maps = build_map_maker(model).predict(images, verbose=0)
    padded = 255 * np.pad(maps, ((0, 0), (8, 8), (8, 8), (0, 0)), mode='edge')
    answers = build_map_reader(model).predict(np.concatenate([images, padded], -1), verbose=0)
    np.testing.assert_allclose(answers, model.predict(images, verbose=0), atol=1e-5)
    kept = build_explainer(model).predict(images, verbose=0)['saliency_map']
    np.testing.assert_allclose(np.roll(maps, 1, axis=0), kept, atol=1e-5)
