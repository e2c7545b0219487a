"""RAF-DB on archives that the test writes in its exact layouts."""

import collections
import json

import pytest

from tests.tfds_builders.test_builders import build_set, rows_of, write_image
from tests.tfds_builders.test_laboratory_sets import labels_of
from tfds_builders.errors import InvalidArchiveError

ATTRIBUTES = '30.1\t40.2\n' * 5 + '{}\n{}\n{}\n'


def write_part(folder, codes, images=60, spelling='patition'):
    lines = []
    for number in range(1, images + 1):
        split = 'train' if number <= images * 2 // 3 else 'test'
        stem = f'{split}_{number:05d}'
        code = codes[number % len(codes)]
        lines.append(f'{stem}.jpg {code}')
        write_image(folder / 'Image' / 'aligned' / 'aligned' / f'{stem}_aligned.jpg', number)
        write_image(folder / 'Image' / 'original' / f'{stem}.jpg', number)
    (folder / 'EmoLabel').mkdir(parents=True)
    (folder / 'EmoLabel' / f'list_{spelling}_label.txt').write_text('\n'.join(lines))
    manual = folder / 'Annotation' / 'manual'
    manual.mkdir(parents=True)
    (manual / 'train_00001_manu_attri.txt').write_text(ATTRIBUTES.format(1, 2, 3))
    (manual / 'train_00002_manu_attri.txt').write_text('1\n2\n')


@pytest.fixture(scope='module')
def archive(tmp_path_factory):
    root = tmp_path_factory.mktemp('raf_db')
    write_part(root / 'raf_db' / 'basic', range(1, 8))
    write_part(root / 'raf_db' / 'compound', range(1, 12), images=44, spelling='partition')
    write_image(root / 'raf_db' / 'basic' / 'Image' / 'original' / 'train_99999.jpg')
    return root


def test_the_official_splits_stay_and_a_tenth_validates(archive, tmp_path):
    builder = build_set('raf_db', archive, tmp_path)
    counts = collections.Counter()
    for split, row in rows_of(builder):
        name = row['file_name'].decode().rpartition('/')[2]
        assert name.startswith('test') == (split == 'test') and name.endswith('_aligned.jpg')
        assert row['subject_id'] == b''
        counts[split] += 1
    assert counts['test'] == 20 and counts['train'] + counts['validation'] == 40
    assert 0 < counts['validation'] < 10


def test_labels_and_attributes_are_those_of_the_set(archive, tmp_path):
    builder = build_set('raf_db', archive, tmp_path, 'basic_originals')
    labels = labels_of(builder)
    place = 'basic/Image/original/'
    named = {n: labels[f'{place}train_{n:05d}.jpg'] for n in range(1, 8)}
    expected = ('fearful', 'disgusted', 'happy', 'sad', 'angry', 'neutral', 'surprised')
    assert tuple(named.values()) == expected  # Image 1 has the second number.
    known = {row['file_name'].decode(): row for _, row in rows_of(builder)}
    first, second = (known[f'{place}train_0000{n}.jpg'] for n in (1, 2))
    assert (first['gender'], first['group'], first['age']) == (b'female', b'Asian', b'40 to 69')
    assert (second['gender'], second['group'], second['age']) == (b'', b'', b'')
    skipped = json.loads((builder.data_path / 'metadata.json').read_text())['skipped']
    assert skipped == {f'{place}train_99999.jpg': 'in no line of the list of labels'}


def test_the_compound_part_has_labels_of_its_own(archive, tmp_path):
    builder = build_set('raf_db', archive, tmp_path, 'compound_aligned')
    labels = labels_of(builder)
    assert len(labels) == 44 and set(labels) == {n for n in labels if n.startswith('compound/')}
    name = 'compound/Image/aligned/aligned/train_00001_aligned.jpg'
    assert labels[name] == 'happily_disgusted'


def test_the_form_of_numbered_folders_is_read(tmp_path):
    for number in range(40):
        folder = tmp_path / 'raf_db' / 'DATASET' / 'train' / str(1 + number % 7)
        write_image(folder / f'train_{number:05d}_aligned.jpg', number)
    write_image(tmp_path / 'raf_db' / 'DATASET' / 'test' / '4' / 'test_0001_aligned.jpg')
    labels = labels_of(build_set('raf_db', tmp_path, tmp_path / 'data'))
    assert labels['DATASET/test/4/test_0001_aligned.jpg'] == 'happy'
    assert len(labels) == 41


def test_what_is_still_packed_or_not_a_line_is_said(tmp_path):
    root = tmp_path / 'raf_db' / 'basic'
    (root / 'EmoLabel').mkdir(parents=True)
    (root / 'Image').mkdir()
    (root / 'Image' / 'aligned.zip').write_bytes(b'PK')
    names = root / 'EmoLabel' / 'list_patition_label.txt'
    names.write_text('train_00001.jpg 5')
    with pytest.raises(InvalidArchiveError, match='Still packed: aligned.zip. Unpack it'):
        build_set('raf_db', tmp_path, tmp_path / 'data')
    (root / 'Image' / 'aligned.zip').unlink()
    with pytest.raises(InvalidArchiveError, match='basic_aligned needs Image/aligned/'):
        build_set('raf_db', tmp_path, tmp_path / 'data')
    names.write_text('train_00001.jpg 5\ntrain_00002.jpg 8\n')
    with pytest.raises(InvalidArchiveError, match='number of 1 to 7.*in line 2'):
        build_set('raf_db', tmp_path, tmp_path / 'data')
