"""KDEF, JAFFE and CK+ on archives that the test writes in their exact layouts."""

import collections
import json

import pytest
import tensorflow_datasets as tfds

from tests.tfds_builders.test_builders import build_set, rows_of, splits_of_people, write_image
from tfds_builders.errors import InvalidArchiveError

EXPRESSIONS = ('AF', 'AN', 'DI', 'HA', 'NE', 'SA', 'SU')


def labels_of(builder):
    names = builder.info.features['label'].names
    return {row['file_name'].decode(): names[row['label']] for _, row in rows_of(builder)}


@pytest.fixture(scope='module')
def kdef(tmp_path_factory):
    root = tmp_path_factory.mktemp('kdef') / 'kdef'
    for number in range(1, 11):
        for gender in 'FM':
            for label in ('HA', 'NE'):
                who = f'A{gender}{number:02d}'
                write_image(root / 'KDEF' / who / f'{who}{label}S.JPG', number)
    for name in ('AF01/AF01AFS.JPG', 'BF01/BF01SUS.JPG', 'AF01/AF01HAHL.JPG', 'AF01/af01ansr.jpg'):
        write_image(root / 'KDEF' / name)
    (root / 'KDEF' / 'AF01' / 'AF31V.JPG').write_bytes(b'')
    return root.parent


def test_kdef_knows_people_by_gender_and_number(kdef, tmp_path):
    builder = build_set('kdef', kdef, tmp_path, 'frontal_originals')
    seen = splits_of_people(builder)
    assert len(seen) == 20 and b'F01' in seen and b'M01' in seen
    assert all(len(splits) == 1 for splits in seen.values())
    metadata = json.loads((builder.data_path / 'metadata.json').read_text())
    assert metadata['strata']['female']['train'] == metadata['strata']['male']['train'] == 7
    assert 'KDEF has 70 people, this archive has 20' in metadata['warning']
    assert metadata['skipped'] == {
        'KDEF/AF01/AF31V.JPG': 'not a name of KDEF',
        'KDEF/AF01/af01ansr.jpg': 'not a name of KDEF',
    }
    labels = labels_of(builder)
    assert labels['KDEF/AF01/AF01AFS.JPG'] == 'fearful'
    assert labels['KDEF/BF01/BF01SUS.JPG'] == 'surprised'
    row = next(r for _, r in rows_of(builder) if r['file_name'].startswith(b'KDEF/BF01'))
    assert (row['subject_id'], row['session'], row['gender']) == (b'F01', b'B', b'female')


def test_kdef_leaves_other_angles_to_the_config_of_all(kdef, tmp_path):
    builder = build_set('kdef', kdef, tmp_path, 'all_originals')
    angles = collections.Counter(row['camera'].decode() for _, row in rows_of(builder))
    assert angles == {'straight': 42, 'half_left': 1}


def test_jaffe_is_stored_as_png_and_has_a_person_called_na(tmp_path):
    people = ('KA', 'KL', 'KM', 'KR', 'MK', 'NA', 'NM', 'TM', 'UY', 'YM')
    for person in people:
        for number, label in enumerate(('NE', 'FE'), start=1):
            write_image(tmp_path / 'jaffe' / f'{person}.{label}{number}.{number}.tiff')
    write_image(tmp_path / 'jaffe' / 'KA.XX1.3.tiff')
    builder = build_set('jaffe', tmp_path, tmp_path / 'data', 'originals')
    seen = splits_of_people(builder)
    assert sorted(seen) == [name.encode() for name in people]
    counts = collections.Counter(min(splits) for splits in seen.values())
    assert counts == {'train': 7, 'validation': 2, 'test': 1}
    for _, row in rows_of(builder):
        assert row['image'].startswith(b'\x89PNG')
    assert labels_of(builder)['NA.FE2.2.tiff'] == 'fearful'
    metadata = json.loads((builder.data_path / 'metadata.json').read_text())
    assert metadata['skipped'] == {'KA.XX1.3.tiff': 'not a name of JAFFE'}
    assert 'warning' not in metadata


def write_sequence(root, person, sequence, frames, label=None):
    name = f'S{person:03d}_{sequence:03d}'
    folder = f'S{person:03d}/{sequence:03d}'
    for frame in range(1, frames + 1):
        write_image(root / 'cohn-kanade-images' / folder / f'{name}_{frame:08d}.png', person)
    emotion = root / 'Emotion' / folder
    emotion.mkdir(parents=True)
    if label is not None:
        (emotion / f'{name}_{frames:08d}_emotion.txt').write_text(label)


@pytest.fixture(scope='module')
def ck_plus(tmp_path_factory):
    root = tmp_path_factory.mktemp('ck') / 'ck_plus'
    for person in range(10, 30):
        write_sequence(root, person, 1, 6, f'   {1 + person % 7}.0000000e+00\n')
    write_sequence(root, 10, 2, 5)
    write_sequence(root, 10, 3, 5, 'nonsense')
    (root / 'cohn-kanade-images' / 'notes.txt').write_text('notes')
    return root.parent


@pytest.mark.parametrize('config, images', [('last_three_originals', 80), ('peak_originals', 40)])
def test_ck_plus_takes_the_end_and_the_beginning_of_labelled_sequences(
    config, images, ck_plus, tmp_path
):
    builder = build_set('ck_plus', ck_plus, tmp_path, config)
    labels = labels_of(builder)
    place = 'cohn-kanade-images/S010/001/S010_001_0000000'
    assert len(labels) == images
    assert labels[f'{place}1.png'] == 'neutral'
    assert labels[f'{place}6.png'] == 'fearful'
    assert (f'{place}4.png' in labels) == (config == 'last_three_originals')
    assert f'{place}3.png' not in labels
    assert all(len(splits) == 1 for splits in splits_of_people(builder).values())
    folds = collections.defaultdict(set)
    for _, row in rows_of(builder):
        folds[row['subject_id']].add(int(row['fold']))
    assert all(len(fold) == 1 for fold in folds.values())
    assert set.union(*folds.values()) == set(range(10))
    skipped = json.loads((builder.data_path / 'metadata.json').read_text())['skipped']
    assert 'not an image' in skipped['cohn-kanade-images/notes.txt']
    reason = skipped['Emotion/S010/003/S010_003_00000005_emotion.txt']
    assert 'no label of CK+' in reason and 'nonsense' in reason


def test_labels_that_come_later_move_nobody(ck_plus, tmp_path):
    before = splits_of_people(build_set('ck_plus', ck_plus, tmp_path / 'a', 'peak_originals'))
    root = tmp_path / 'more' / 'ck_plus'
    for person in range(10, 30):
        write_sequence(root, person, 1, 2, '5.0' if person > 12 else None)
    after = splits_of_people(build_set('ck_plus', root.parent, tmp_path / 'b', 'peak_originals'))
    assert len(after) == 17
    assert all(after[person] == before[person] for person in after)


def test_ck_plus_says_which_archive_is_missing(tmp_path):
    root = tmp_path / 'ck_plus'
    write_sequence(root, 10, 1, 2)
    with pytest.raises(InvalidArchiveError, match='no label among them.*Emotion_labels.zip'):
        build_set('ck_plus', tmp_path, tmp_path / 'data', 'peak_originals')
    (root / 'ckextended.csv').write_text('emotion,pixels,Usage\n')
    with pytest.raises(InvalidArchiveError, match='names nobody'):
        build_set('ck_plus', tmp_path, tmp_path / 'data', 'peak_originals')


@pytest.mark.parametrize('name', ['kdef', 'jaffe', 'ck_plus'])
def test_the_sets_are_known_to_tfds(name, tmp_path):
    info = tfds.builder(name, data_dir=tmp_path).info
    assert info.citation and info.description
    assert set(info.features) >= {'image', 'label', 'subject_id', 'pixel_hash', 'fold', 'detected'}
