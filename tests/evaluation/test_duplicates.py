import dataclasses

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from fer_keras.config.data import DataConfig
from fer_keras.data.datasets import open_sources
from fer_keras.data.image_hashes import HashedImages, hash_images, perceptual_hashes
from fer_keras.data.splits import read_split
from fer_keras.evaluation.duplicates import LARGEST_DISTANCE, find_duplicates
from fer_keras.evaluation.target import assume_record, find_seen_images
from tests.fakes import BASIC, png_bytes, write_dataset
from tests.test_end_to_end import run


def smooth_picture(seed):
    """A picture with structure at every scale, as photographs have it."""
    random = np.random.default_rng(seed)
    scales = [
        cv2.resize(
            random.uniform(0, 255, (side, side, 3)), (200, 200), interpolation=cv2.INTER_CUBIC
        )
        for side in (3, 6, 12, 24)
    ]
    return np.clip(np.mean(scales, axis=0), 0, 255).astype(np.uint8)


def hashed(place, pictures):
    files = pictures if isinstance(pictures[0], bytes) else [png_bytes(one) for one in pictures]
    names = [f'{number}.png' for number in range(len(files))]
    examples = {'image': files, 'file_name': names, 'subject_id': [''] * len(files)}
    return hash_images(place, tf.data.Dataset.from_tensor_slices(examples))


PICTURES = [smooth_picture(seed) for seed in range(6)]
COPIES = {
    'the same': lambda picture: png_bytes(picture),
    'half the size': lambda picture: png_bytes(cv2.resize(picture, None, fx=0.5, fy=0.5)),
    'JPEG': lambda picture: cv2.imencode('.jpg', picture[..., ::-1], [1, 40])[1].tobytes(),
    'brighter': lambda picture: png_bytes(np.clip(picture * 1.1, 0, 255).astype(np.uint8)),
}


@pytest.mark.parametrize('change', COPIES)
def test_copies_are_found_and_others_are_not(change):
    copies = [COPIES[change](picture) for picture in PICTURES[:3]]
    found = find_duplicates([hashed('train', PICTURES), hashed('test', copies)])
    pairs = set(zip(found['file_name'], found['other_file_name'], strict=True))
    assert pairs == {(f'{number}.png', f'{number}.png') for number in range(3)}
    assert (found['distance'] <= LARGEST_DISTANCE).all()
    if change == 'the same':
        assert (found['distance'] == 0).all()


def test_distances_count_the_bits_that_differ():
    bits = np.zeros((2, 255), bool)
    bits[1, :5] = True
    one = HashedImages('a', ('0',), ('',), bits[:1])
    other = HashedImages('b', ('1',), ('',), bits[1:])
    assert find_duplicates([one, other], 5)['distance'].tolist() == [5]
    assert find_duplicates([one, other], 4).empty


def test_the_brightness_is_no_part_of_a_hash():
    thumbnails = np.random.default_rng(0).uniform(0, 200, (2, 32, 32))
    hashes = perceptual_hashes(thumbnails)
    assert hashes.shape == (2, 255)
    np.testing.assert_array_equal(perceptual_hashes(thumbnails + 50), hashes)
    np.testing.assert_array_equal(perceptual_hashes(thumbnails * 0.5), hashes)


@pytest.mark.slow
def test_the_command_names_both_places_of_a_pair(tmp_path):
    for name in ('first', 'second'):
        write_dataset(tmp_path, name=name, names=('happy', 'sad'), people={'train': 3, 'test': 2})
    completed = run(
        'find_duplicates', f'--data_dir={tmp_path}', f'--output={tmp_path / "pairs.csv"}',
        'first', 'second',
    )  # fmt: skip
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert '20 pictures in 4 splits: 10 pairs across splits.' in completed.stdout
    pairs = pd.read_csv(tmp_path / 'pairs.csv')
    assert set(zip(pairs['place'], pairs['other_place'], strict=True)) == {
        ('first train', 'second train'),
        ('first test', 'second test'),
    }
    assert (pairs['file_name'] == pairs['other_file_name']).all()


def seen_images(data, tested):
    record = assume_record(data, BASIC)
    return find_seen_images(record, data, BASIC, hash_images('test', tested.examples))


@pytest.mark.slow
def test_the_report_looks_among_what_was_trained_and_validated_on(tmp_path):
    people = {'train': 1, 'validation': 1, 'test': 1}
    write_dataset(tmp_path, name='own', people=people)
    data = DataConfig(source='own', data_dir=str(tmp_path))
    # As if the pictures of these splits had been tested.
    for split in ('train', 'validation'):
        tested = read_split(open_sources(data), split, BASIC)
        found = seen_images(data, tested)
        assert (found['place'] == f'own {split}').sum() >= len(BASIC)
        same = found[(found['distance'] == 0) & (found['place'] == f'own {split}')]
        assert (same['file_name'] == same['other_file_name']).all()


@pytest.mark.slow
def test_the_report_looks_where_what_was_trained_on_is_not_at_hand(tmp_path):
    write_dataset(tmp_path, name='own', people={'train': 1, 'validation': 1, 'test': 1})
    data = DataConfig(source='own', data_dir=str(tmp_path))
    tested = read_split(open_sources(data), 'train', BASIC)
    record = assume_record(data, BASIC)
    elsewhere = dataclasses.replace(data, data_dir=str(tmp_path / 'elsewhere'))
    assert assume_record(elsewhere, BASIC) is None
    found = find_seen_images(record, elsewhere, BASIC, hash_images('test', tested.examples))
    assert (found['place'] == 'own train').sum() >= len(BASIC)
    assert set(found['file_name']) == {''}  # A record has no names of files.


@pytest.mark.slow
def test_the_report_also_looks_among_what_taught_the_histograms(tmp_path):
    write_dataset(tmp_path, name='own', people={'train': 1, 'validation': 1, 'test': 1})
    write_dataset(tmp_path, name='more', people={'test': 1})  # The same pictures once more.
    data = DataConfig(source='own', hog_source='more', data_dir=str(tmp_path))
    tested = read_split(open_sources(data), 'test', BASIC)
    assert (seen_images(data, tested)['place'] == 'more all').sum() >= len(BASIC)
    alone = seen_images(dataclasses.replace(data, hog_source=''), tested)
    assert 'more all' not in set(alone['place'])
