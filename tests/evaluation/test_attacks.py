"""Ways in which an image that taught comes into a test again: each is found, or is a known limit.

`docs/provenance.md` lists them.
"""

import cv2
import numpy as np
import pytest

import tfds_builders
from fer_keras.config.data import DataConfig
from fer_keras.data.datasets import open_dataset
from fer_keras.data.image_hashes import hash_images
from fer_keras.data.recording import make_record
from fer_keras.data.splits import read_split
from fer_keras.evaluation.duplicates import find_duplicates
from fer_keras.evaluation.target import find_seen_images
from fer_keras.evaluation.taught import IMAGE, PERSON, mark
from tests.evaluation.test_duplicates import smooth_picture
from tfds_builders import build

CLASSES = ('happy', 'sad')
SET = 'expression_folders/originals'


def write_photos(folder, change=lambda picture: picture, suffix='.png', people=range(40)):
    """A happy and a sad photo of each person, in the layout of class folders."""
    for person in people:
        for number, label in enumerate(CLASSES):
            path = folder / label / f'{chr(97 + person // 26)}{chr(97 + person % 26)}_1{suffix}'
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), change(smooth_picture(2 * person + number)))
    return folder


def build_set(folder, data_dir, **people):
    (config,) = build.configs_of('expression_folders', ['originals'])
    return build.prepare('expression_folders', config, folder, data_dir, **people)[0]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('attacks')
    write_photos(root / 'photos')
    build_set(root / 'photos', root / 'data')
    return root


@pytest.fixture(scope='module')
def record(root):
    builder = open_dataset(SET, str(root / 'data'))
    splits = [read_split([builder], split, CLASSES) for split in ('train', 'validation')]
    return make_record(*splits, (), [builder])


def marks_of(record, folder, data_dir, **people):
    """How each image of a set that is built from a folder is marked, by its name."""
    build_set(folder, data_dir, **people)
    source = read_split([open_dataset(SET, str(data_dir))], 'all', CLASSES)
    hashed = hash_images('attack', source.examples)
    return dict(zip(hashed.file_names, mark(record, hashed), strict=True)), hashed


def copy_renamed(folder, into, link):
    """The same files with names that say nothing of who is in them."""
    for number, path in enumerate(sorted(folder.glob('*/*'))):
        copied = into / path.parent.name / f'{number * 7919 % 1000:03d}{chr(97 + number % 26)}.png'
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.symlink_to(path) if link else copied.write_bytes(path.read_bytes())
    return into


@pytest.mark.parametrize('link', [True, False])
def test_links_and_copies_under_other_names_are_found(link, root, record, tmp_path):
    folder = copy_renamed(root / 'photos', tmp_path / 'photos', link)
    marks, _ = marks_of(record, folder, tmp_path, no_subjects=True)
    assert list(marks.values()).count(IMAGE) == record.images


def test_another_format_with_the_same_pixels_is_found(root, record, tmp_path):
    folder = tmp_path / 'photos'
    for path in (root / 'photos').glob('*/*'):
        (folder / path.parent.name).mkdir(parents=True, exist_ok=True)
        image = cv2.imread(str(path))
        compression = [cv2.IMWRITE_PNG_COMPRESSION, 0]  # Other bytes.
        cv2.imwrite(str(folder / path.parent.name / f'x{path.name}'), image, compression)
    marks, _ = marks_of(record, folder, tmp_path, no_subjects=True)
    assert list(marks.values()).count(IMAGE) == record.images


def test_people_who_taught_are_known_by_their_names_with_other_photographs(root, record, tmp_path):
    folder = write_photos(tmp_path / 'photos', change=lambda picture: 255 - picture)
    marks, _ = marks_of(record, folder, tmp_path)
    assert list(marks.values()).count(PERSON) == record.images


def test_a_part_of_the_set_among_new_photographs_is_found(root, record, tmp_path):
    folder = write_photos(tmp_path / 'photos', people=range(100, 130))
    taken = {*record.pixels}
    for number, path in enumerate(sorted((root / 'photos/happy').iterdir())[:10]):
        (folder / 'happy' / f'new{number}q.png').write_bytes(path.read_bytes())
    marks, hashed = marks_of(record, folder, tmp_path, no_subjects=True)
    found = {name for name, one in marks.items() if one == IMAGE}
    expected = {
        name
        for name, pixels in zip(hashed.file_names, hashed.originals, strict=True)
        if pixels.tobytes() in taken
    }
    assert found == expected and 4 < len(found) <= 10
    assert all(name.startswith('happy/new') for name in found)


def test_copies_of_another_compression_are_counted(root, record, tmp_path):
    folder = write_photos(tmp_path / 'photos', suffix='.jpg')
    _, hashed = marks_of(record, folder, tmp_path, no_subjects=True)
    data = DataConfig(source=SET, data_dir=str(root / 'data'))
    found = find_seen_images(record, data, CLASSES, hashed)
    assert found['other_file_name'].nunique() >= 0.9 * record.images


def test_the_configs_of_a_set_know_an_image_by_its_original(tmp_path):
    write_photos(tmp_path / 'photos', people=range(6))
    hashes = []
    for name in ('originals', 'faces'):
        (config,) = build.configs_of('expression_folders', [name])
        folder, data_dir = tmp_path / 'photos', tmp_path / 'data'
        build.prepare('expression_folders', config, folder, data_dir, accept_subjects=True)
        builder = open_dataset(f'expression_folders/{name}', str(tmp_path / 'data'))
        hashed = hash_images(name, read_split([builder], 'all', CLASSES).examples)
        hashes.append(dict(zip(hashed.file_names, map(bytes, hashed.originals), strict=True)))
    assert hashes[0] == hashes[1] and len(set(hashes[0].values())) == 12


def test_other_photographs_under_other_names_are_out_of_reach(root, record, tmp_path):
    """What `docs/provenance.md` says that nobody can see."""
    folder = write_photos(tmp_path / 'photos', change=lambda picture: picture[:, ::-1])
    marks, hashed = marks_of(record, folder, tmp_path, no_subjects=True)
    assert set(marks.values()) == {''}
    pairs = find_duplicates([hashed, hashed.__class__('none', (), (), np.zeros((0, 255), bool))])
    assert pairs.empty


def test_another_archive_for_a_set_that_is_built_is_not_ignored(root, tmp_path):
    folder = write_photos(tmp_path / 'photos')
    build_set(folder, tmp_path / 'data')
    assert build_set(folder, tmp_path / 'data').info.full_name.startswith(SET)
    write_photos(folder, people=[50])
    with pytest.raises(tfds_builders.errors.InvalidArchiveError, match='built from other files'):
        build_set(folder, tmp_path / 'data')
    moved = folder.rename(tmp_path / 'moved')
    for path in moved.glob('*/by_1.png'):
        path.unlink()
    assert build_set(moved, tmp_path / 'data').info.full_name.startswith(SET)
