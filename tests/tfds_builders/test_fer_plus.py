"""FER+ on tables and folders that the test writes in their exact layouts."""

import json

import numpy as np
import pytest

from tests.tfds_builders.test_builders import build_set, rows_of, write_image
from tests.tfds_builders.test_laboratory_sets import labels_of
from tfds_builders.errors import InvalidArchiveError
from tfds_builders.fer_plus.fer_plus_dataset_builder import ANSWERS, majority

USAGES = ('Training', 'PublicTest', 'PrivateTest')
VOTES = {
    'happy': [0, 8, 1, 0, 0, 0, 0, 0, 1, 0],
    'contemptuous': [2, 0, 0, 0, 0, 0, 0, 7, 1, 0],
    'none': [3, 3, 2, 2, 0, 0, 0, 0, 0, 0],
    'no face': [0, 0, 0, 0, 0, 0, 0, 0, 0, 10],
}


def write_tables(folder, usages=USAGES):
    votes = list(VOTES.values())
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(256, size=(len(votes) * 3, 48 * 48))
    lines, voted = ['emotion,pixels,Usage'], [','.join(('Usage', 'Image name', *ANSWERS))]
    for number, row in enumerate(pixels):
        usage = usages[number % 3]
        lines.append(f'0,{" ".join(map(str, row))},{usage}')
        counts = ','.join(map(str, votes[number // 3]))
        voted.append(f'{USAGES[number % 3]},fer{number + 7:07d}.png,{counts}')
    (folder / 'fer2013.csv').write_text('\n'.join(lines))
    (folder / 'fer2013new.csv').write_text('\n'.join(voted))
    return folder.parent


def test_the_rule_is_that_of_its_authors():
    assert majority([6, 4, 0, 0, 0, 0, 0, 0, 0, 0]) == 'neutral'
    assert majority([5, 1, 1, 1, 1, 1, 0, 0, 0, 0]) == 'neutral'  # Single votes are nothing.
    assert majority([5, 3, 2, 0, 0, 0, 0, 0, 0, 0]) is None  # Half is not more than half.
    assert majority([1] * 10) is None
    assert majority([0, 2, 0, 0, 0, 0, 0, 0, 8, 0]) is None  # Unknown.


def test_votes_are_joined_row_by_row(tmp_path):
    builder = build_set('fer_plus', write_tables(tmp_path / 'fer_plus'), tmp_path / 'data')
    labels = labels_of(builder)
    assert labels == {
        **{f'fer2013.csv:{line}': 'happy' for line in (2, 3, 4)},
        **{f'fer2013.csv:{line}': 'contemptuous' for line in (5, 6, 7)},
    }
    places = {row['file_name'].decode(): (split, row) for split, row in rows_of(builder)}
    found = [places[f'fer2013.csv:{line}'][0] for line in (2, 3, 4)]
    assert found == ['train', 'validation', 'test']
    # Neutral, happy, sad, angry, surprised, disgusted, fearful, contemptuous, unknown, no face.
    votes = [places[f'fer2013.csv:{line}'][1]['votes'].tolist() for line in (2, 5)]
    assert votes == [[0, 8, 0, 0, 1, 0, 0, 0, 1, 0], [2, 0, 0, 0, 0, 0, 0, 7, 1, 0]]
    skipped = json.loads((builder.data_path / 'metadata.json').read_text())['skipped']
    assert set(skipped) == {f'fer2013.csv:{line}' for line in range(8, 14)}
    assert set(skipped.values()) == {'no expression has most of the votes'}


def test_tables_that_do_not_belong_together_are_refused(tmp_path):
    root = write_tables(tmp_path / 'a' / 'fer_plus', usages=('PublicTest', *USAGES[1:]))
    with pytest.raises(InvalidArchiveError, match="'PublicTest' in .*fer2013.csv, line 2"):
        build_set('fer_plus', root, tmp_path / 'data')
    root = write_tables(tmp_path / 'b' / 'fer_plus')
    table = root / 'fer_plus' / 'fer2013new.csv'
    table.write_text(table.read_text().rpartition('\n')[0])
    with pytest.raises(InvalidArchiveError, match='more rows in fer2013.csv'):
        build_set('fer_plus', root, tmp_path / 'data')
    (root / 'fer_plus' / 'fer2013.csv').unlink()
    with pytest.raises(InvalidArchiveError, match='have no order'):
        build_set('fer_plus', root, tmp_path / 'data')


def test_the_folders_of_the_authors_are_read(tmp_path):
    for name in ('FER2013Train', 'FER2013Valid', 'FER2013Test'):
        folder = tmp_path / 'fer_plus' / name
        write_image(folder / 'fer0000001.png', size=(48, 48))
        counts = ','.join(map(str, VOTES['contemptuous']))
        rows = [f'fer000000{i}.png,"(0, 0, 48, 48)",{counts}' for i in (1, 2)]
        (folder / 'label.csv').write_text('\n'.join([*rows, 'nonsense']))
    builder = build_set('fer_plus', tmp_path, tmp_path / 'data')
    assert set(labels_of(builder).values()) == {'contemptuous'}
    assert sorted(split for split, _ in rows_of(builder)) == ['test', 'train', 'validation']
    skipped = json.loads((builder.data_path / 'metadata.json').read_text())['skipped']
    assert skipped['FER2013Train/fer0000002.png'] == 'the picture is not there'
    assert 'not a row of FER+' in skipped['FER2013Test/label.csv:3']
