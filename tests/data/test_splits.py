import dataclasses

import cv2
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.config.data import DataConfig
from fer_keras.data.batches import TrainingBatches, evaluation_batches
from fer_keras.data.datasets import label_names, open_dataset
from fer_keras.data.decoding import decode, to_model_input
from fer_keras.data.splits import read_split, trained_label_names
from fer_keras.inference.trained_files import require_canonical_order
from tests.fakes import BASIC, png_bytes, random_images, write_dataset

DATA = DataConfig(image_size_px=32, batch_size=4, augmentation='none')


@pytest.fixture(scope='module')
def builder(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp('data')
    return open_dataset(write_dataset(data_dir), str(data_dir))


def take(batches, count):
    return [(image.numpy(), label.numpy()) for image, label in batches.take(count)]


def test_an_image_of_the_models_size_passes_unchanged():
    image = random_images(1, 32)[0]
    np.testing.assert_array_equal(to_model_input(tf.constant(image), 32), image)


def test_grey_becomes_three_equal_channels():
    grey = random_images(1, 48)[0, ..., :1]
    image = to_model_input(tf.constant(grey), 32)
    np.testing.assert_array_equal(image[..., 0], image[..., 2])


def test_decoding_is_resizing_the_pixels():
    image = random_images(1, 48)[0]
    np.testing.assert_array_equal(decode(png_bytes(image), 32), to_model_input(image, 32))


def test_training_sees_the_very_pixels_of_evaluation(builder):
    source = read_split([builder], 'validation', BASIC)
    trained = TrainingBatches(source, DATA, num_classes=7, seed=0).epoch(0)
    evaluated = evaluation_batches(source, DATA, num_classes=7)
    known = {image.tobytes() for batch, _ in take(evaluated, 99) for image in batch}
    assert all(image.tobytes() in known for batch, _ in take(trained, 5) for image in batch)


@pytest.mark.parametrize('cache', [True, False])
def test_an_epoch_holds_every_image_once_and_the_next_another_order(builder, cache):
    data = dataclasses.replace(DATA, cache=cache, batch_size=7)
    source = read_split([builder], 'train', BASIC)
    batches = TrainingBatches(source, data, num_classes=7, seed=0)
    epochs = [[i.tobytes() for b, _ in take(batches.epoch(n), 99) for i in b] for n in (0, 1)]
    assert len(set(epochs[0])) == source.size == 42
    assert sorted(epochs[0]) == sorted(epochs[1]) and epochs[0] != epochs[1]


def write_maps(folder, builder, value=None):
    """One grey map a file, of its own value, at twice the size."""
    for position, example in enumerate(builder.as_dataset('validation').as_numpy_iterator()):
        plane = np.full((64, 64), position if value is None else value, np.uint8)
        cv2.imwrite(str(folder / example['file_name'].decode()), plane)


def test_maps_of_a_folder_travel_as_the_fourth_channel(builder, tmp_path):
    write_maps(tmp_path, builder)
    source = read_split([builder], 'validation', BASIC, str(tmp_path))
    images = np.concatenate(
        [image for image, _ in take(evaluation_batches(source, DATA, num_classes=7), 99)]
    )
    assert images.shape == (14, 32, 32, 4)
    np.testing.assert_array_equal(images[:, 5, 5, 3], np.arange(14))
    plain = evaluation_batches(read_split([builder], 'validation', BASIC), DATA, num_classes=7)
    np.testing.assert_array_equal(
        images[..., :3], np.concatenate([image for image, _ in take(plain, 99)])
    )
    # Shuffled together.
    rows = {image.tobytes() for image in images}
    trained = take(TrainingBatches(source, DATA, num_classes=7, seed=0).epoch(0), 5)
    assert all(image.tobytes() in rows for batch, _ in trained for image in batch)


def test_maps_of_pooled_sets_with_equal_names_are_never_confused(builder, tmp_path):
    write_dataset(tmp_path / 'data', name='other')
    builders = [builder, open_dataset('other', str(tmp_path / 'data'))]
    maps = tmp_path / 'maps'
    maps.mkdir()
    write_maps(maps, builder, 10)
    with pytest.raises(ValueError, match='for an image of fake and one of other. Put the maps'):
        read_split(builders, 'validation', BASIC, str(maps))
    (maps / 'other').mkdir()
    write_maps(maps / 'other', builder, 20)
    source = read_split(builders, 'validation', BASIC, str(maps))
    images = np.concatenate([i for i, _ in evaluation_batches(source, DATA, num_classes=7)])
    np.testing.assert_array_equal(images[:, 5, 5, 3], np.repeat([10, 20], 14))


def test_a_missing_map_ends_before_training(builder, tmp_path):
    with pytest.raises(FileNotFoundError, match='No saliency map for'):
        read_split([builder], 'validation', BASIC, str(tmp_path))


def test_the_seed_decides_order_and_augmentation(builder):
    data = dataclasses.replace(DATA, augmentation='light')
    source = read_split([builder], 'train', BASIC)
    first, again, other = (
        take(TrainingBatches(source, data, num_classes=7, seed=seed).epoch(0), 2)[1][0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


@pytest.mark.parametrize('cache', [True, False])
def test_an_epoch_can_be_entered_at_any_step(builder, cache):
    data = dataclasses.replace(DATA, cache=cache, augmentation='light')
    source = read_split([builder], 'train', BASIC)
    whole = take(TrainingBatches(source, data, num_classes=7, seed=1).epoch(3), 99)
    assert len(whole) == 10
    # Another process, which has read no other epoch and takes the other way to the pixels.
    again = dataclasses.replace(data, cache=not cache)
    entered = take(TrainingBatches(source, again, num_classes=7, seed=1).epoch(3, 4), 99)
    assert len(entered) == 6
    for (image, label), (expected_image, expected_label) in zip(entered, whole[4:], strict=True):
        np.testing.assert_array_equal(image, expected_image)
        np.testing.assert_array_equal(label, expected_label)


def test_a_source_smaller_than_a_batch_still_fills_one(builder):
    source = read_split([builder], 'validation', BASIC)
    data = dataclasses.replace(DATA, batch_size=20)
    ((images, _),) = take(TrainingBatches(source, data, num_classes=7, seed=0).epoch(0), 99)
    assert len(images) == 20


def test_the_last_partial_batch_is_evaluated(builder):
    source = read_split([builder], 'test', BASIC)
    batches = evaluation_batches(source, DATA, num_classes=7)
    assert [len(labels) for _, labels in batches] == [4, 4, 4, 4, 4, 1]


def test_labels_follow_names_and_not_numbers(tmp_path):
    write_dataset(tmp_path, name='reverse', names=BASIC[::-1])
    write_dataset(tmp_path, name='two', names=('happy', 'neutral'))
    builders = [open_dataset(name, str(tmp_path)) for name in ('reverse', 'two')]
    assert label_names(builders) == list(BASIC)
    for example in read_split(builders, 'test', BASIC).examples:
        name = example['file_name'].numpy().decode().split('_')[1]
        assert BASIC[example['label']] == name


def test_a_class_without_training_images_is_none_of_the_model(tmp_path):
    write_dataset(tmp_path, names=('happy', 'sad'), declared=BASIC)
    write_dataset(tmp_path, name='one', names=('angry',), declared=BASIC)
    two, one = (open_dataset(name, str(tmp_path)) for name in ('fake', 'one'))
    assert trained_label_names([two]) == ['happy', 'sad']
    assert trained_label_names([two, one]) == ['happy', 'sad', 'angry']
    with pytest.raises(ValueError, match=r"at least two expressions.*\['angry'\] only"):
        trained_label_names([one])


def test_labels_of_another_order_are_refused():
    require_canonical_order(['neutral', 'sad', 'fearful'], 'labels.txt')
    with pytest.raises(ValueError, match="labels.txt must name.*expected: .'neutral', 'sad'"):
        require_canonical_order(['sad', 'neutral'], 'labels.txt')


def test_classes_that_the_model_lacks_are_left_out(builder):
    assert read_split([builder], 'test', ['happy', 'sad']).size == 6


def test_a_split_knows_its_classes_and_gives_a_part_of_itself(builder):
    source = read_split([builder], 'train', BASIC)
    assert source.counts == (6,) * 7
    part = source.at([40, 3, 3])
    assert [int(one['position']) for one in part.examples] == [3, 40]
    assert part.size == 2 and len(part.counts) == 7


def test_all_is_every_split(builder):
    assert read_split([builder], 'all', BASIC).size == 77


def test_a_split_without_a_known_class_is_refused(builder):
    with pytest.raises(ValueError, match='must hold images of'):
        read_split([builder], 'test', ['contemptuous'])


def test_an_unknown_split_lists_the_known_ones(builder):
    with pytest.raises(ValueError, match="'test', 'train', 'validation'.*Received: 'tset'"):
        read_split([builder], 'tset', BASIC)


def test_an_unknown_data_set_says_how_to_build_it(tmp_path):
    with pytest.raises(FileNotFoundError, match='tfds_builders.build cfee --config=basic_faces'):
        open_dataset('cfee/basic_faces', str(tmp_path))


def test_workers_without_a_cache_share_the_batches_of_one_worker(builder):
    data = dataclasses.replace(DATA, cache=False, augmentation='light')
    source = read_split([builder], 'train', BASIC)
    batches = TrainingBatches(source, data, num_classes=7, seed=1)
    parts = [
        take(batches.epoch(2, 3, tf.distribute.InputContext(2, worker, 2)), 99)
        for worker in range(2)
    ]
    for whole, first, second in zip(take(batches.epoch(2, 3), 99), *parts, strict=True):
        np.testing.assert_array_equal(np.concatenate([first[0], second[0]]), whole[0])
        np.testing.assert_array_equal(np.concatenate([first[1], second[1]]), whole[1])


@pytest.mark.parametrize('cache', [False, pytest.param(True, marks=pytest.mark.slow)])
def test_balanced_sampling_draws_each_class_equally_often(tmp_path, cache):
    write_dataset(tmp_path, name='basic', people={'train': 1})
    write_dataset(tmp_path, name='happy', names=('happy',), people={'train': 11})
    builders = [open_dataset(name, str(tmp_path)) for name in ('basic', 'happy')]
    source = read_split(builders, 'train', BASIC)
    data = dataclasses.replace(DATA, cache=cache, batch_size=6)
    counts = []
    for balanced in (False, True):
        one = dataclasses.replace(data, balance='sampling' if balanced else 'none')
        batches = TrainingBatches(source, one, num_classes=7, seed=0)
        counts.append(sum(labels.numpy().sum(axis=0) for _, labels in batches.epoch(0)))
        names = [name for step in range(3) for name in batches.file_names(0, step)]
    assert counts[0][1] >= 10 and counts[0].sum() == counts[1].sum() == 18
    assert set(counts[1]) == {2, 3}
    assert len([name for name in names if 'happy' in name]) == counts[1][1]
    assert len({name for name in names if 'happy' in name}) == counts[1][1]


@pytest.mark.parametrize('cache', [True, False])
def test_file_names_are_those_of_the_batch(builder, cache):
    source = read_split([builder], 'train', BASIC)
    batches = TrainingBatches(source, dataclasses.replace(DATA, cache=cache), num_classes=7, seed=3)
    known = {
        decode(example['image'], 32).numpy().tobytes(): example['file_name'].numpy().decode()
        for example in source.examples
    }
    for step, (images, _) in enumerate(take(batches.epoch(1), 3)):
        assert batches.file_names(1, step) == [known[image.tobytes()] for image in images]


def test_a_share_is_of_whole_people_and_lies_in_a_larger_one(builder):
    def people_of(share):
        examples = read_split([builder], 'train', BASIC, share=share).examples
        found = [(one['subject_id'], one['position']) for one in examples.as_numpy_iterator()]
        assert [position for _, position in found] == list(range(len(found)))
        return [person for person, _ in found]

    whole, half, most = people_of(1.0), people_of(0.5), people_of(0.8)
    assert set(half) <= set(most) <= set(whole) and len(set(half)) < len(set(whole))
    assert all(half.count(person) == whole.count(person) for person in half)


def test_where_nobody_is_named_a_share_is_of_images(tmp_path):
    nobody = open_dataset(write_dataset(tmp_path, named=False), str(tmp_path))
    assert 0 < read_split([nobody], 'train', BASIC, share=0.3).size < 42
