"""AffectNet in its three forms, on archives that the test writes."""

import collections
import json

import numpy as np
import pytest

from tests.tfds_builders.test_builders import build_set, rows_of, write_image
from tests.tfds_builders.test_laboratory_sets import labels_of
from tfds_builders.errors import InvalidArchiveError

HEADER = (
    'subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,'
    'valence,arousal'
)
MARKS = ';'.join(['1.5'] * 136)


def write_lists(root):
    rows = collections.defaultdict(list)
    for number in range(44):
        code = number % 11
        name = f'{number}/a{number}.jpg'
        rows['training.csv'].append(f'{name},1,2,30,40,{MARKS},{code},0.25,-2')
        write_image(root / 'Manually_Annotated_Images' / name, number)
    rows['training.csv'] += ['gone.jpg,1,2,3,4,,1,0,0', 'x,1,2,3,4,,12,0,0', 'y,1,2']
    rows['validation.csv'].append(f'v/v.jpg,1,2,30,40,{MARKS},7,-0.5,0.75')
    write_image(root / 'Manually_Annotated_Images' / 'v' / 'v.jpg')
    rows['automatically_annotated.csv'].append(f'w.jpg,1,2,30,40,{MARKS},2,0,0')
    write_image(root / 'Automatically_Annotated_Images' / 'w.jpg')
    for how, names in (
        ('Manually', ('training.csv', 'validation.csv')),
        ('Automatically', ('automatically_annotated.csv',)),
    ):
        folder = root / f'{how}_Annotated_file_lists'
        folder.mkdir()
        for name in names:
            header = [] if name == 'validation.csv' else [HEADER]
            (folder / name).write_text('\n'.join([*header, *rows[name]]))


def known(builder):
    return {row['file_name'].decode(): (split, row) for split, row in rows_of(builder)}


def test_the_lists_of_2017_are_read_also_without_a_header(tmp_path):
    write_lists(tmp_path / 'affectnet')
    builder = build_set('affectnet', tmp_path, tmp_path / 'data', 'eight_originals')
    labels, found = labels_of(builder), known(builder)
    place = 'Manually_Annotated_Images'
    assert len(labels) == 33  # Of 44 training pictures 12 have no expression.
    assert labels[f'{place}/3/a3.jpg'] == 'surprised' and labels[f'{place}/6/a6.jpg'] == 'angry'
    split, row = found[f'{place}/v/v.jpg']
    assert (split, row['valence'], row['arousal']) == ('test', -0.5, 0.75)
    split, row = found[f'{place}/0/a0.jpg']
    assert row['valence'] == 0.25 and np.isnan(row['arousal'])
    assert np.isnan(row['votes']).all() and row['subject_id'] == b''
    metadata = json.loads((builder.data_path / 'metadata.json').read_text())
    assert metadata['other_configs_photos'] == 12
    assert 'official validation part' in metadata['split_notes']['test']
    assert 'without a header' in metadata['table_notes']['validation.csv']
    assert 'training.csv' not in metadata['table_notes']
    skipped = metadata['skipped']
    assert skipped.pop(f'{place}/gone.jpg').startswith('cannot be opened')
    assert set(skipped) == {'training.csv:47', 'training.csv:48'}
    assert 'expression 12 is none of 0 to 10' in skipped['training.csv:47']


def test_seven_classes_leave_out_contempt_and_a_network_labels_the_rest(tmp_path):
    write_lists(tmp_path / 'affectnet')
    builder = build_set('affectnet', tmp_path, tmp_path / 'data', 'automatic_originals')
    assert labels_of(builder) == {'Automatically_Annotated_Images/w.jpg': 'sad'}
    root = tmp_path / 'affectnet' / 'Manually_Annotated_file_lists'
    (root / 'validation.csv').write_text('3/a3.jpg,1,2,30,40,,3,0,0')
    builder = build_set('affectnet', tmp_path, tmp_path / 'other', 'seven_originals')
    labels = labels_of(builder)
    assert set(labels.values()) == {
        *('neutral', 'happy', 'sad', 'surprised', 'fearful', 'disgusted', 'angry')
    }
    metadata = json.loads((builder.data_path / 'metadata.json').read_text())
    again = 'Manually_Annotated_Images/3/a3.jpg, again'
    assert metadata['skipped'][again] == 'a second annotation of one picture'


def test_arrays_of_2021_may_hold_texts_and_the_same_numbers_twice(tmp_path):
    for part, count in (('train_set', 12), ('val_set', 2)):
        folder = tmp_path / 'affectnet' / part
        (folder / 'annotations').mkdir(parents=True)
        for number in range(count):
            write_image(folder / 'images' / f'{number}.jpg', number)
            code = np.array(str(number % 8)) if part == 'val_set' else np.array(number % 8)
            values = {'exp': code, 'val': np.array(0.5), 'aro': np.array('-0.25')}
            for key, value in values.items():
                np.save(folder / 'annotations' / f'{number}_{key}.npy', value)
    (tmp_path / 'affectnet' / 'val_set' / 'annotations' / '1_val.npy').write_bytes(b'no array')
    builder = build_set('affectnet', tmp_path, tmp_path / 'data', 'eight_originals')
    found = known(builder)
    assert len(found) == 13
    split, row = found['val_set/images/0.jpg']
    assert (split, row['valence'], row['arousal']) == ('test', 0.5, -0.25)
    assert found['train_set/images/0.jpg'][0] in ('train', 'validation')
    skipped = json.loads((builder.data_path / 'metadata.json').read_text())['skipped']
    assert list(skipped) == ['val_set/images/1.jpg']


def test_keys_of_affectnet_plus_are_read_in_any_spelling(tmp_path):
    shares = [0.5, 0.25, 0, 0.125, 0, 0, 0.0625, 0.0625]
    contents = {
        'train_set': {'human-label': 1, 'Soft_Labels': shares, 'subset': 2, 'Age': 31},
        'validation_set': {'Human Label': '0', 'valence': -2, 'race': 'Asian', 'gender': 'male'},
    }
    for part, content in contents.items():
        folder = tmp_path / 'affectnet' / 'human_annotated' / part
        (folder / 'annotations').mkdir(parents=True)
        write_image(folder / 'images' / '7.jpg')
        write_image(folder / 'images' / '8.jpg')
        (folder / 'annotations' / '7.json').write_text(json.dumps(content))
        (folder / 'annotations' / '8.json').write_text('{"human-label": 9}')
    builder = build_set('affectnet', tmp_path, tmp_path / 'data', 'eight_originals')
    found = known(builder)
    assert len(found) == 2
    row = found['train_set/images/7.jpg'][1]
    # Neutral, happy, sad, angry, surprised, disgusted, fearful, contemptuous.
    assert row['votes'].tolist() == [0.5, 0.25, 0, 0.0625, 0.125, 0, 0, 0.0625]
    assert (row['subset'], row['age'], row['label']) == (b'difficult', b'31', 1)
    split, row = found['validation_set/images/7.jpg']
    assert (split, row['group'], row['gender']) == ('test', b'Asian', b'male')
    assert np.isnan(row['valence'])
    skipped = json.loads((builder.data_path / 'metadata.json').read_text())['skipped']
    assert 'label 9 is none of 0 to 7' in skipped['train_set/images/8.jpg']


def test_two_forms_or_none_are_refused(tmp_path):
    write_lists(tmp_path / 'affectnet')
    (tmp_path / 'affectnet' / 'val_set' / 'images').mkdir(parents=True)
    with pytest.raises(InvalidArchiveError, match='in one form'):
        build_set('affectnet', tmp_path, tmp_path / 'data')
    write_image(tmp_path / 'other' / 'affectnet' / 'a.jpg')
    with pytest.raises(InvalidArchiveError, match='must hold Manually.*Received: none. Is this'):
        build_set('affectnet', tmp_path / 'other', tmp_path / 'data')
