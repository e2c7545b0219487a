import zipfile

import numpy as np
import pytest

from fer_keras.errors import InvalidInputError
from fer_keras.provenance.names import FILE, IN_SAVED_MODEL
from fer_keras.provenance.record import CHOSE, FITTED, TRAINED, TaughtSplit, TrainingRecord
from fer_keras.provenance.storage import add_to_archive, find_record
from fer_keras.provenance.wording import sentences


def split(role=TRAINED, data_set='cfee/basic_faces/1.1.0', people=('1', '2'), images=3, seed=0):
    random = np.random.default_rng(seed)
    hashes = random.integers(256, size=(images, 38), dtype=np.uint8)
    return TaughtSplit(
        role, data_set, 'train', -1, 'f00d', tuple(people), True, hashes[:, :6], hashes[:, 6:]
    )


RECORD = TrainingRecord(
    (
        split(),
        split(CHOSE, people=('3',), seed=1),
        split(FITTED, 'drawn_faces/faces/1.1.0', seed=2),
    ),
    {'backbone': 'imagenet'},
)


def test_a_record_is_read_as_it_was_written():
    again = TrainingRecord.from_bytes(RECORD.to_bytes())
    assert not RECORD.differs_from(again) and again.pretrained == RECORD.pretrained
    assert [one.identity for one in again.splits] == ['f00d'] * 3
    assert again.sources == ('cfee/basic_faces',) and again.hog_sources == ('drawn_faces/faces',)
    assert again.people == {
        ('cfee', '1'), ('cfee', '2'), ('cfee', '3'), ('drawn_faces', '1'), ('drawn_faces', '2'),
    }  # fmt: skip


def test_an_image_takes_at_most_forty_bytes():
    people = [f'{number:03d}' for number in range(230)]
    record = TrainingRecord((split(people=people, images=1610),))
    assert len(record.to_bytes()) <= 40 * 1610


def test_other_people_and_other_images_are_told_apart():
    def difference(other):
        return TrainingRecord((split(),)).differs_from(TrainingRecord((other,)))

    assert not difference(split(data_set='cfee/basic_faces/1.0.0'))  # Only the version rose.
    assert difference(split(people=('1', '4'))) == [
        'cfee/basic_faces train, fold -1, trained: 2 people, now 2, 1 of them the same'
    ]
    assert 'now 4' in difference(split(images=4))[0]
    assert 'other pixels' in difference(split(seed=9))[0]
    assert len(difference(split(CHOSE))) == 2


@pytest.mark.parametrize('damage', [lambda data: data[:-9], lambda data: b'PK' + data[5:]])
def test_a_damaged_record_is_no_missing_one(damage, tmp_path):
    (tmp_path / FILE).write_bytes(damage(RECORD.to_bytes()))
    with pytest.raises(InvalidInputError, match=FILE):
        find_record(tmp_path)


def test_a_record_travels_with_run_file_and_saved_model(tmp_path):
    assert find_record(tmp_path) is None
    data = RECORD.to_bytes()
    run, served, file = tmp_path / 'run', tmp_path / 'served', tmp_path / 'alone/some.keras'
    for place in (run / FILE, served / '2' / IN_SAVED_MODEL, tmp_path / 'portable' / FILE):
        place.parent.mkdir(parents=True)
        place.write_bytes(data)
    (served / '1').mkdir()
    (tmp_path / 'portable/model.onnx').touch()
    file.parent.mkdir()
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('config.json', '{}')
    assert find_record(file) is None
    add_to_archive(str(file), data)
    for model in (run, served, served / '2', file, tmp_path / 'portable/model.onnx'):
        assert find_record(model).images == RECORD.images, model
    assert find_record(served / '1') is None


def test_each_number_is_marked_in_words():
    taught = {
        'is_recorded': True, 'is_leaky': False, 'people': 0, 'people_tested': 9,
        'images_of_people': 0, 'images': 0, 'with_images': None, 'look_alike': 0,
        'changed': [],
    }  # fmt: skip
    assert not sentences(taught)
    assert 'not recorded' in sentences({})[0]
    (found,) = sentences({**taught, 'people': 2, 'images_of_people': 14})
    assert '2 of 9 people, with 14 images' in found
    assert sentences({**taught, 'people': 2, 'is_leaky': True})[0].startswith('LEAKY')
    with_images = {'accuracy': 0.75, 'unweighted_average_recall': 0.5, 'images': 100}
    (found,) = sentences({**taught, 'images': 1, 'with_images': with_images})
    assert '1 of 100 tested images' in found and '75.0%' in found
    assert '3 tested images look like' in sentences({**taught, 'look_alike': 3})[0]
    assert 'built anew' in sentences({**taught, 'changed': ['cfee is split otherwise']})[0]
