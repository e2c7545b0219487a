"""ExpW, SFEW and CAER-S on archives that the test writes in their exact layouts."""

import collections
import json

import cv2
import numpy as np
import pytest

from tests.tfds_builders.test_builders import build_set, rows_of, write_image
from tests.tfds_builders.test_laboratory_sets import labels_of
from tfds_builders.errors import InvalidArchiveError


def metadata_of(builder):
    return json.loads((builder.data_path / 'metadata.json').read_text())


def skipped_by(builder):
    return metadata_of(builder)['skipped']


@pytest.fixture(scope='module')
def expw(tmp_path_factory):
    root = tmp_path_factory.mktemp('expw')
    origin = root / 'expw' / 'data' / 'image' / 'origin'
    lines = []
    for number in range(40):
        write_image(origin / f'happy man_{number}.jpg', number, size=(60, 80))
        lines += [f'happy man_{number}.jpg {face} 10 20 40 50 57.5 {3 + face}' for face in (0, 1)]
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[10:50, 20:40] = 255  # 20 pixels wide and 40 high, at row 10 and column 20.
    cv2.imwrite(str(origin / 'white.png'), picture)
    lines += ['white.png 0 10 20 40 50 99 6', 'gone.jpg 0 1 1 9 9 50 0', 'white.png 1 5 5 5 9 50 0']
    lines += [
        'white.png 2 1 1 9 9 50 -1',
        'white.png 3 90 90 99 99 50 1',
        'white.png 0 1 1 9 9 5 1',
        'x',
    ]
    write_image(origin / 'nobody.jpg')
    (root / 'expw' / 'data' / 'label').mkdir()
    (root / 'expw' / 'data' / 'label' / 'label.lst').write_text('\n'.join(lines))
    return root


def test_expw_cuts_out_each_face_and_keeps_those_of_a_photograph_together(expw, tmp_path):
    builder = build_set('expw', expw, tmp_path, 'boxes')
    labels = labels_of(builder)
    assert len(labels) == 81
    assert labels['happy man_7.jpg#0'] == 'happy' and labels['happy man_7.jpg#1'] == 'sad'
    places = collections.defaultdict(set)
    for split, row in rows_of(builder):
        places[row['photo']].add((split, int(row['fold'])))
        if row['file_name'] == b'white.png#0':
            image = cv2.imdecode(np.frombuffer(row['image'], np.uint8), cv2.IMREAD_GRAYSCALE)
            # With 30 % about it: 6 columns to each side, and 12 rows, of which 10 are there.
            assert image.shape == (60, 32)
            assert image[10:50, 6:26].min() == 255 and image.sum() == 255 * 20 * 40
            assert row['box_confidence'] == 99
    assert all(len(place) == 1 for place in places.values())


def test_expw_lists_what_is_no_face(expw, tmp_path):
    skipped = skipped_by(build_set('expw', expw, tmp_path, 'boxes'))
    reasons = {name.partition(':')[2] or name: reason for name, reason in skipped.items()}
    assert 'the photograph is not there' in reasons['82']
    assert 'the box is empty' in reasons['83']
    assert '-1 is no label' in reasons['84']
    assert 'a second line of white.png#0' in reasons['86']
    assert 'is no face of ExpW' in reasons['87']
    assert skipped['white.png#3'] == 'cannot be read: it has nothing inside the box'
    assert skipped['data/image/origin/nobody.jpg'] == 'in no line of label.lst'
    assert len(skipped) == 7


def test_expw_without_its_list_says_what_is_missing(tmp_path):
    write_image(tmp_path / 'expw' / 'a.jpg')
    with pytest.raises(InvalidArchiveError, match='one label.lst. Received: 1 files, such as a'):
        build_set('expw', tmp_path, tmp_path / 'data', 'boxes')


def test_sfew_is_tested_on_its_validation_part(tmp_path):
    root = tmp_path / 'sfew'
    for number in range(30):
        name = f'Film{number}_0005{number:05d}_00000005.png'
        write_image(root / 'Train' / 'Train_Aligned_Faces' / 'Surprise' / name, number)
        other = name.replace('_00000005', '_00000006')
        write_image(root / 'Train' / 'Train_Aligned_Faces' / 'Angry' / other, number)
    write_image(
        root / 'Val' / 'Val_Aligned_Faces_new' / 'Fear' / 'Two_Words_000519240_00000005.png'
    )
    write_image(root / 'Test' / 'Test_Aligned_Faces' / 'Film_000519240_00000005.png')
    write_image(root / 'Val' / 'Val' / 'Fear' / 'Film_000519240_00000005.png')
    builder = build_set('sfew', tmp_path, tmp_path / 'data')
    assert 'official validation part' in metadata_of(builder)['split_notes']['test']
    films = collections.defaultdict(set)
    for split, row in rows_of(builder):
        films[row['film'].decode()].add(split)
    assert films.pop('Two_Words') == {'test'}
    assert all(len(found) == 1 for found in films.values()) and len(films) == 30
    assert set.union(*films.values()) == {'train', 'validation'}
    skipped = skipped_by(builder)
    test_file = 'Test/Test_Aligned_Faces/Film_000519240_00000005.png'
    assert skipped[test_file] == 'the test part has no labels'
    assert len(skipped) == 2


def test_caer_s_reads_classes_in_any_case(tmp_path):
    root = tmp_path / 'caer_s' / 'CAER-S'
    for number in range(40):
        write_image(root / 'train' / ('Anger', 'HAPPY')[number % 2] / f'{number:04d}.png', number)
    write_image(root / 'test' / 'disgust' / '0001.png')
    write_image(root / 'test' / 'confusion' / '0001.png')
    builder = build_set('caer_s', tmp_path, tmp_path / 'data', 'originals')
    labels = labels_of(builder)
    assert labels['CAER-S/train/Anger/0000.png'] == 'angry'
    assert labels['CAER-S/test/disgust/0001.png'] == 'disgusted'
    counts = collections.Counter(split for split, _ in rows_of(builder))
    assert counts['test'] == 1 and counts['train'] + counts['validation'] == 40
    assert 0 < counts['validation'] < 10
    assert list(skipped_by(builder)) == ['CAER-S/test/confusion/0001.png']
    assert 'split_notes' not in metadata_of(builder)
