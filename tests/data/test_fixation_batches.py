"""One random draw for image, map and fixations; precomputed maps; the losses."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.config.saliency import SaliencyMapsConfig, SaliencyTrainingConfig
from fer_keras.data import fixation_batches as pipeline
from fer_keras.data.datasets import open_dataset
from fer_keras.data.map_folder import read_precomputed
from fer_keras.data.splits import read_split
from fer_keras.inference.saliency_maps import write_saliency_maps
from fer_keras.saliency import losses as saliency_losses
from fer_keras.saliency import metrics as saliency_metrics
from tests.fakes import BASIC, write_dataset


def marked_example(row, column, size=(16, 24)):
    """Image, map and six fixations that all mark one pixel."""
    mark = np.zeros((*size, 1), np.uint8)
    mark[row, column] = 255
    x_y = [(column + 0.5) / size[1], (row + 0.5) / size[0]]
    return {
        'image': tf.constant(np.repeat(mark, 3, axis=-1)),
        'map': tf.constant(mark),
        'fixations': tf.constant([x_y] * 6, tf.float32),
    }


def brightest(plane):
    return tuple(int(i) for i in np.unravel_index(np.argmax(plane), plane.shape))


def test_fixations_land_on_their_pixel():
    image, target = pipeline.to_pair(marked_example(5, 20))
    assert brightest(image[..., 0]) == brightest(target[..., 0]) == (5, 20)
    assert float(target[5, 20, 1]) == 6
    assert float(tf.reduce_sum(target[..., 1])) == 6


def test_a_flip_moves_image_map_and_fixations_together():
    image, target = pipeline.to_pair(pipeline.flip_example(marked_example(5, 20), True))
    assert {brightest(plane) for plane in (image[..., 0], target[..., 0], target[..., 1])} == {
        (5, 3)
    }


def test_a_crop_moves_image_map_and_fixations_together():
    # the lower right quarter, twice as large: row 12.5 -> 9, column 20.5 -> 17
    example = pipeline.crop_example(marked_example(12, 20), tf.constant([0.5, 0.5, 1.0, 1.0]))
    image, target = pipeline.to_pair(example)
    for plane in (image[..., 0], target[..., 0], target[..., 1]):
        row, column = brightest(plane)
        assert abs(row - 8.5) <= 1
        assert abs(column - 16.5) <= 1


def test_the_whole_box_changes_nothing():
    example = marked_example(3, 4)
    cropped = pipeline.crop_example(example, tf.constant([0.0, 0.0, 1.0, 1.0]))
    np.testing.assert_array_equal(cropped['image'], example['image'])


def test_a_crop_that_nobody_looked_at_is_left_out():
    example = marked_example(12, 20)
    cropped = pipeline.crop_example(example, tf.constant([0.0, 0.0, 0.5, 0.5]))
    np.testing.assert_array_equal(cropped['map'], example['map'])


def test_the_same_seed_gives_the_same_example():
    config, seed = SaliencyTrainingConfig(), tf.constant([1, 2], tf.int64)
    first, second = (pipeline.augment(marked_example(5, 20), seed, config) for _ in range(2))
    np.testing.assert_array_equal(first['image'], second['image'])


def test_the_epoch_is_chosen_on_other_images_than_are_learned_from():
    assert pipeline.saliency_splits(SaliencyTrainingConfig()) == ('train[:85%]', 'train[85%:]')


def test_data_that_is_not_prepared_says_what_to_type(tmp_path):
    with pytest.raises(FileNotFoundError, match='python -m tfds_builders.build'):
        open_dataset('no_such_set', str(tmp_path))


@pytest.mark.parametrize(
    'wrong, match',
    [
        ({'head_epochs': 99}, 'head_epochs'),
        ({'validation_share': 0.0}, 'validation_share'),
        ({'output': 'x.h5'}, 'weights.h5'),
    ],
)
def test_impossible_configurations_are_refused(wrong, match):
    with pytest.raises(ValueError, match=match):
        SaliencyTrainingConfig(**wrong)


def test_the_losses_agree_with_the_metrics():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1, 6, 8, 1)).astype('float32')
    density, counts = rng.random((6, 8)), np.zeros((6, 8))
    counts[2, 3], counts[4, 1] = 2, 1
    target = np.stack([density, counts], axis=-1)[None].astype('float32')
    p, points = np.exp(logits[0, :, :, 0]), np.array([[3, 2], [3, 2], [1, 4]])
    expected = {
        'nss': saliency_metrics.nss(p, points),
        'cc': saliency_metrics.cc(p, density),
        'kl_divergence': saliency_metrics.kl_divergence(p, density),
    }
    for name, value in expected.items():
        assert float(getattr(saliency_losses, name)(target, logits)[0]) == pytest.approx(
            value, abs=1e-4
        )


def test_precomputed_maps_are_found_resized_and_scaled(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((6, 8), 51, np.uint8))
    found = read_precomputed(str(tmp_path), 'a.jpg', (12, 16))
    assert found.shape == (12, 16, 1)
    np.testing.assert_allclose(found, 0.2, rtol=1e-6)


def test_a_missing_precomputed_map_says_how_to_write_it(tmp_path):
    with pytest.raises(FileNotFoundError, match='saliency_maps'):
        read_precomputed(str(tmp_path), 'a.jpg', (12, 16))


@pytest.mark.parametrize(
    'values, match',
    [(np.full((6, 8), 2.0), 'in \\[0, 1\\]'), (np.zeros((8, 8)), 'aspect'), (np.zeros(3), 'must')],
)
def test_impossible_precomputed_maps_are_refused(tmp_path, values, match):
    np.save(tmp_path / 'a.npy', values)
    with pytest.raises(ValueError, match=match):
        read_precomputed(str(tmp_path), 'a.jpg', (12, 16))


def test_maps_and_overlays_are_written_for_images_of_any_size(tmp_path):
    for name, size in (('x/a.png', (32, 32)), ('b.png', (32, 48)), ('c.png', (32, 48))):
        (tmp_path / 'in' / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / 'in' / name), np.full((*size, 3), 90, np.uint8))
    (tmp_path / 'in' / 'broken.jpg').write_bytes(b'no picture')
    output = tmp_path / 'out'
    summary = write_saliency_maps(
        SaliencyMapsConfig(input=str(tmp_path / 'in'), output=str(output), saliency='center')
    )
    assert (summary.images, summary.skipped) == (3, 1)
    assert summary.mean_map_cc == pytest.approx(1, abs=0.01)
    for name in ('maps/x/a.png', 'overlays/b.png', 'mean_map.png', 'mean_overlay.png'):
        assert (output / name).is_file()


def test_a_map_is_read_whatever_its_name_and_named_where_it_is_none(tmp_path):
    grey = np.full((6, 8), 51, np.uint8)
    (tmp_path / 'caf\udce9.png').write_bytes(cv2.imencode('.png', grey)[1].tobytes())
    found = read_precomputed(str(tmp_path), 'caf\udce9.jpg', (6, 8))
    np.testing.assert_allclose(found, 0.2, rtol=1e-6)
    (tmp_path / 'empty.png').write_bytes(b'')
    with pytest.raises(ValueError, match='empty.png is empty'):
        read_precomputed(str(tmp_path), 'empty.jpg', (6, 8))


def test_a_folder_as_people_have_it_is_mapped_file_by_file(tmp_path, capsys):
    long = 'x' * 251
    folder = tmp_path / 'in'
    folder.mkdir()
    for name in ('caf\udce9.png', '._caf.png', 'a.png', f'{long}.png', 'no_suffix'):
        image = np.full((32, 32, 3), 90, np.uint8)
        (folder / name).write_bytes(cv2.imencode('.png', image)[1].tobytes())
    (folder / 'a.bmp').write_bytes(cv2.imencode('.bmp', image)[1].tobytes())
    (folder / 'loop').symlink_to(folder)
    options = {'input': str(folder), 'output': str(tmp_path / 'out'), 'saliency': 'center'}
    summary = write_saliency_maps(SaliencyMapsConfig(**options))
    assert (summary.images, summary.skipped) == (4, 1)
    assert 'a.png would have the map of' in capsys.readouterr().err
    written = {path.name for path in (tmp_path / 'out/maps').iterdir()}
    assert written == {'a.png', 'caf\udce9.png', f'{long}.png', 'no_suffix.png'}


def test_maps_of_a_data_set_can_be_read_back_for_training(tmp_path):
    write_dataset(tmp_path / 'data', people={'train': 1, 'test': 1})
    options = SaliencyMapsConfig(
        input='fake', data_dir=str(tmp_path / 'data'), output=str(tmp_path), saliency='center'
    )
    assert write_saliency_maps(options).images == 14
    builder = open_dataset('fake', str(tmp_path / 'data'))
    assert read_split([builder], 'train', BASIC, str(tmp_path / 'maps')).size == 7


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='Received: none'):
        write_saliency_maps(SaliencyMapsConfig(input=str(tmp_path), output=str(tmp_path / 'o')))
