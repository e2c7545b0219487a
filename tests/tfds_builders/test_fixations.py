"""The eye-tracking sets, on archives that the test writes."""

import numpy as np
import pytest
import scipy.io
import tensorflow_datasets as tfds
from PIL import Image

import tfds_builders
from tfds_builders.salicon.salicon_dataset_builder import read_fixations


def write_picture(path, size=(12, 16), value=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, np.uint8)).convert('RGB').save(path)


def write_mat(path, **variables):
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, variables)


def gaze(*observers):
    entries = np.zeros((len(observers), 1), [(name, object) for name in ('location', 'fixations')])
    for row, fixations in enumerate(observers):
        entries[row, 0] = (np.array([[999.0, -5.0]]), np.array(fixations))
    return entries


def write_salicon(root):
    for split, name in (('train', 'a'), ('train', 'b'), ('val', 'c'), ('test', 'd')):
        write_picture(root / 'images' / split / f'{name}.jpg')
        if split != 'test':
            write_mat(root / 'fixations' / split / f'{name}.mat', gaze=gaze([[1, 1]], [[16, 12]]))
            write_picture(root / 'maps' / split / f'{name}.png')
    return root


def prepare(name, root, data_dir):
    builder = tfds_builders.BUILDERS[name](data_dir=data_dir)
    config = tfds.download.DownloadConfig(manual_dir=root)
    builder.download_and_prepare(download_config=config)
    return builder


def only_example(builder, split='train'):
    return next(iter(tfds.as_numpy(builder.as_dataset(split))))


def test_salicon_counts_from_zero_and_pools_observers(tmp_path):
    builder = prepare('salicon', write_salicon(tmp_path / 'in'), tmp_path / 'out')
    counts = {name: split.num_examples for name, split in builder.info.splits.items()}
    assert counts == {'train': 2, 'val': 1, 'test': 1}
    example = only_example(builder)
    np.testing.assert_array_equal(example['fixations'], [[0, 0], [15, 11]])
    assert example['image'].shape == (12, 16, 3)
    assert example['map'].shape == (12, 16, 1)


def test_the_test_part_of_salicon_has_neither_fixations_nor_map(tmp_path):
    builder = prepare('salicon', write_salicon(tmp_path / 'in'), tmp_path / 'out')
    example = only_example(builder, 'test')
    assert example['fixations'].shape == (0, 2)
    assert not example['map'].any()


def test_fixations_outside_the_frame_are_dropped(tmp_path):
    root = write_salicon(tmp_path / 'in')
    write_mat(root / 'fixations' / 'val' / 'c.mat', gaze=gaze([[17, 3], [2, 3], [0, 0]]))
    example = only_example(prepare('salicon', root, tmp_path / 'out'), 'val')
    np.testing.assert_array_equal(example['fixations'], [[1, 2]])


def test_a_damaged_file_of_fixations_is_named(tmp_path):
    (tmp_path / 'bad.mat').write_bytes(b'no')
    with pytest.raises(ValueError, match='bad.mat'):
        read_fixations(tmp_path / 'bad.mat')


def test_a_map_of_another_size_is_named(tmp_path):
    root = write_salicon(tmp_path / 'in')
    write_picture(root / 'maps' / 'val' / 'c.png', (6, 8))
    with pytest.raises(ValueError, match='(.|\n)*12x16(.|\n)*6x8'):
        prepare('salicon', root, tmp_path / 'out')


def test_a_missing_layout_is_described(tmp_path):
    (tmp_path / 'in').mkdir()
    with pytest.raises(FileNotFoundError, match='images'):
        prepare('salicon', tmp_path / 'in', tmp_path / 'out')


def test_mit1003_thresholds_its_marks_and_leaves_the_stray_file(tmp_path):
    root = tmp_path / 'in'
    write_picture(root / 'ALLSTIMULI' / 'a.jpeg')
    marks = np.full((12, 16), 20, np.uint8)
    marks[8:16, 8:16] = 255
    folder = root / 'ALLFIXATIONMAPS'
    folder.mkdir()
    Image.fromarray(marks).save(folder / 'a_fixPts.jpg', quality=95)
    write_picture(folder / 'a_fixMap.jpg')
    write_picture(folder / 'i05june05_static_street_boston_p1010764fixPts.jpg')
    example = only_example(prepare('mit1003', root, tmp_path / 'out'))
    assert len(example['fixations']) == 4 * 8
    assert example['fixations'].min(axis=0).tolist() == [8, 8]


def test_cat2000_reads_categories_and_skips_output(tmp_path):
    root = tmp_path / 'in' / 'trainSet'
    locations = np.zeros((12, 16), np.uint8)
    locations[3, 5] = 1
    for category in ('Action', 'Art'):
        write_picture(root / 'Stimuli' / category / '001.jpg')
        write_picture(root / 'Stimuli' / category / 'Output' / '001_small.jpg')
        write_mat(root / 'FIXATIONLOCS' / category / '001.mat', fixLocs=locations)
        write_picture(root / 'FIXATIONMAPS' / category / '001.jpg')
    builder = prepare('cat2000', tmp_path / 'in', tmp_path / 'out')
    assert builder.info.splits['train'].num_examples == 2
    np.testing.assert_array_equal(only_example(builder)['fixations'], [[5, 3]])
