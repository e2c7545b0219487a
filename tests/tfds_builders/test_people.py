"""Who is shown in class folders: what names say, what they cannot say, and what is left out."""

import collections
import json

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfds_builders import archives, build, splits
from tfds_builders.errors import InvalidArchiveError
from tfds_builders.expression_folders.doubts import advise, describe, find_doubts, warn_of_numbers
from tfds_builders.expression_folders.people import read_person

FORMS = ('IMG_{}.jpg', 'Training_{}.jpg', 'person_{}_1.jpg')
LONDON = [number for number in range(1, 174) if number % 5 not in (0, 3)]


def write_photos(root, *names):
    for seed, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.random.default_rng(seed).integers(256, size=(8, 8, 3), dtype=np.uint8)
        cv2.imwrite(str(path), image)
    return root


def read_all(names, pattern=None):
    return [read_person(tuple(name.split('/')), name.split('/')[0], pattern) for name in names]


def people_of(names, pattern=None):
    return [one.subject_id for one in read_all(names, pattern)]


def doubts_of(names, pattern=None):
    photos = read_all(names, pattern)
    of_person = {
        one.subject_id: splits.subject_slot('expression_folders', one.subject_id) for one in photos
    }
    return ' + '.join(find_doubts(photos, of_person))


def each_class(form, numbers, classes=('happy', 'neutral')):
    return [f'{label}/{form.format(number)}' for label in classes for number in numbers]


def run_build(root, data_dir, *flags):
    arguments = [f'expression_folders={root}', '--config=originals', f'--data_dir={data_dir}']
    return build.main([*arguments, *flags])


def rows_of(data_dir):
    builder = tfds.builder_from_directory(data_dir / 'expression_folders/originals/1.1.0')
    decoders = {'image': tfds.decode.SkipDecoding()}
    for split in builder.info.splits:
        for row in tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders)):
            yield split, row


def test_a_folder_below_that_of_the_class_is_the_person():
    assert people_of(['happy/anna/001.jpg', 'sad/person 03/IMG_1.jpg']) == ['anna', 'person 03']
    assert people_of(['happy/train/017_2.jpg', 'happy/batch_2/018.jpg']) == ['017', '018']
    # A pattern speaks of the file, and of the folders where it holds a slash.
    names = ['happy/anna/001_a.jpg']
    assert people_of(names, r'(?P<subject>\d+)') == ['001']
    assert people_of(names, r'(?P<subject>[^/]+)/') == ['anna']


@pytest.mark.parametrize(
    'names',
    [
        each_class('{:03d}.jpg', LONDON),
        each_class('{:03d}_03.jpg', LONDON),
        each_class('{:03d}.jpg', range(1, 103)),
        each_class('S{:03d}.png', range(1, 31)),
        each_class('{:03d}_aligned.png', LONDON),
        each_class('person{:02d}/001.jpg', range(30)) + each_class('person{:02d}/2.jpg', range(30)),
        # Somebody lacks an expression here and there.
        [name for i, name in enumerate(each_class('{:03d}.jpg', range(60))) if i % 7],
        each_class('anna_{}.jpg', range(3)) + each_class('{:03d}_1.jpg', range(20)),
    ],
)
def test_clear_names_are_taken_without_a_question(names):
    assert doubts_of(names) == ''


@pytest.mark.parametrize(
    ('names', 'doubt'),
    [
        (each_class('Training_{}.jpg', range(9)), "'Training' would be the person of 18 of 18"),
        (each_class('train_{:05d}_aligned.jpg', range(9)), "'train' would be"),
        (each_class('IMG_{}.jpg', range(1000, 1009)), "'IMG' would be the person"),
        (each_class('DSC0{}.jpg', range(1000, 1009)), "'DSC01000', 'DSC01001'"),
        (each_class('photo{}.jpg', range(30)), "'photo0', 'photo1'"),
        (each_class('PXL_20240131_1{}.jpg', range(30)), "'PXL' would be"),
        (each_class('202401{:02d}_1200.jpg', range(1, 31)), 'or dates'),
        (each_class('2024-01-{:02d} 12.00.jpg', range(1, 31)), 'or dates'),
        (each_class('WhatsApp Image {}.jpeg', range(30)), "'WhatsApp' would be"),
        (each_class('happy ({}).jpg', range(30)), 'words of cameras, data sets or classes'),
        (each_class('Angry-{}.jpg', range(30)), 'words of cameras, data sets or classes'),
        (each_class('person_{}.jpg', range(30)), "'person' would be"),
        (each_class('xyz_{}.jpg', range(100)), '1 people are few for 200 images'),
        (each_class('a_{0}.jpg', range(90)) + each_class('{0}_1.jpg', range(30)), 'are of one'),
        ([f'{c}/{c[0]}{n}.jpg' for c in ('happy', 'sad') for n in '123'], 'each of 6 images'),
        (each_class('{:03d}.jpg', range(20), ['happy']), 'each of 20 images'),
        (
            each_class('{}.jpg', range(40), ['happy']) + each_class('{}.jpg', range(30), ['sad']),
            'seem to be numbered by themselves (happy up to 39, sad up to 29)',
        ),
        (
            [f'{c}/{p}_{c}/{n}.jpg' for c in ('happy', 'sad') for p in 'abcdefgh' for n in '12'],
            'nobody of 16 people is in more than one of 2 classes',
        ),
        (
            each_class('anna{}.jpg', range(9)) + each_class('ben{}.jpg', range(9)),
            'anna0 could be photo 0 of anna',
        ),
        (each_class('Anna_{}.jpg', '12') + each_class('anna_{}.jpg', '34'), 'Anna and anna'),
        (each_class('anna/{}.jpg', '12') + each_class('{}.jpg', '12'), 'and 4 do not'),
        (each_class('anna/monday/{}.jpg', '12'), '2 folders could be the person'),
        (
            each_class('train/{:02d}.jpg', range(20)) + each_class('test/{:02d}.jpg', range(20)),
            'happy/train/00.jpg and happy/test/00.jpg would show one person',
        ),
        (
            [f'{c}/g{n % 3}x/{n:02d}_1.jpg' for c in ('happy', 'sad') for n in range(30)],
            'the 3 folders may hold several people each',
        ),
        (each_class('01_{}.jpg', '123'), 'nobody is in train or validation'),
    ],
)
def test_an_unlikely_reading_is_questioned(names, doubt):
    assert doubt in doubts_of(names)


def test_the_pattern_that_is_advised_does_not_take_the_numbers_of_a_camera_for_people():
    advice = {form: advise(read_all(each_class(form, range(9))), 'photos') for form in FORMS}
    assert 'shows' not in advice['IMG_{}.jpg'] and 'shows' not in advice['Training_{}.jpg']
    assert 'for which person_0_1 shows 0' in advice['person_{}_1.jpg']


def test_three_names_show_how_they_were_read():
    shown = describe(read_all(['happy/anna_01.jpg', 'happy/ben_01.jpg', 'sad/zoe_1.jpg']))
    assert shown[0] == 'happy/anna_01.jpg -> person anna' and len(shown) == 3
    assert len(describe(read_all(['happy/a_1.jpg', 'happy/a_2.jpg', 'sad/a_1.jpg']))) == 3
    warning = warn_of_numbers(read_all(each_class('{:03d}.jpg', LONDON)))
    assert 'happy/001.jpg and neutral/001.jpg show one person' in warning
    assert warn_of_numbers(read_all(each_class('{:03d}_1.jpg', LONDON))) == ''


def test_a_doubtful_build_stops_with_the_flags_that_mend_it(tmp_path, capsys):
    names = [
        f'{label}/{part}_{label}{number}.jpg'
        for label in ('happy', 'neutral')
        for part in ('Training', 'PublicTest', 'PrivateTest')
        for number in range(12)
    ]
    root = write_photos(tmp_path / 'photos', *names)
    assert run_build(root, tmp_path / 'data') == 1
    message = capsys.readouterr().err
    for expected in (
        'has 72 images of 3 people', 'Training', 'PrivateTest', '-> person PublicTest',
        '--subject_pattern=REGEX', '--no_subjects', '--accept_subjects',
    ):  # fmt: skip
        assert expected in message
    assert 'Traceback' not in message and not list((tmp_path / 'data').rglob('dataset_info.json'))
    # As it is.
    assert run_build(root, tmp_path / 'data', '--accept_subjects') == 0
    printed = capsys.readouterr().out
    assert 'people: 3 found by their file names' in printed
    assert 'warning: these people were taken as they were read, although' in printed
    # Nobody.
    assert run_build(root, tmp_path / 'data', '--no_subjects') == 1
    assert 'another --data_dir' in capsys.readouterr().err
    copy = root / 'neutral/copy.png'
    cv2.imwrite(str(copy), cv2.imread(str(root / 'happy/Training_happy0.jpg')))
    assert run_build(root, tmp_path / 'other', '--no_subjects') == 0
    assert 'people: nobody is named' in capsys.readouterr().out
    rows = list(rows_of(tmp_path / 'other'))
    assert {row['subject_id'] for _, row in rows} == {b''} and len(rows) == 73
    assert {split for split, _ in rows} == {'train', 'validation', 'test'}
    places = collections.defaultdict(set)
    for split, row in rows:
        if row['file_name'] in (b'neutral/copy.png', b'happy/Training_happy0.jpg'):
            places['the copies'].add((split, int(row['fold'])))
    assert len(places['the copies']) == 1
    assert run_build(root, tmp_path / 'other') == 0
    assert 'was already built' in capsys.readouterr().out


def test_the_flags_are_options_of_the_builder_too(tmp_path):
    write_photos(tmp_path / 'photos', 'happy/IMG_1.jpg', 'happy/IMG_2.jpg')
    options = {
        'data_dir': tmp_path / 'data',
        'download_and_prepare_kwargs': {
            'download_config': tfds.download.DownloadConfig(manual_dir=tmp_path / 'photos')
        },
    }
    name = 'expression_folders/originals'
    with pytest.raises(InvalidArchiveError, match="builder_kwargs=.'no_subjects': True"):
        tfds.load(name, **options)
    loaded = tfds.load(name, builder_kwargs={'no_subjects': True}, **options)
    assert sum(len(split) for split in loaded.values()) == 2
    with pytest.raises(InvalidArchiveError, match='one must be left out'):
        tfds.builder(name, data_dir=tmp_path, subject_pattern='(?P<subject>a)', no_subjects=True)


def test_everything_left_out_is_listed_with_its_reason(tmp_path, capsys):
    people = each_class('{:02d}_1.png', range(1, 21), ['happy', 'sad'])
    aside = [
        *each_class('{:02d}_1.png', range(1, 21), ['awed', '_neutral']),
        '_unsorted/a/b.png', 'happy/_later/01_2.png', '.trash/a.png', 'happy/.hidden.png',
    ]  # fmt: skip
    root = write_photos(tmp_path / 'photos', *people, *aside)
    write_photos(root, '__MACOSX/happy/01_1.png', 'happy/._01_1.png')
    assert run_build(root, tmp_path / 'data') == 0
    printed = capsys.readouterr().out
    for expected in (
        'left out: 44', '20 of them: awed is no class of expression_folders',
        '20 of them: in _neutral/, which is set aside by its name', '1 of them: a hidden file',
    ):  # fmt: skip
        assert expected in printed
    path = next((tmp_path / 'data').rglob('[!.]*/metadata.json'))
    metadata = json.loads(path.read_text())
    assert sorted(metadata['skipped']) == sorted(aside)
    assert metadata['subjects'] == {'train': 14, 'validation': 3, 'test': 3}
    assert {row['file_name'].decode() for _, row in rows_of(tmp_path / 'data')} == set(people)


def test_hidden_files_of_any_archive_are_listed_and_never_read(tmp_path):
    root = write_photos(tmp_path, 'a.jpg', '.b.jpg', '.thumbnails/a.jpg', '._a.jpg')

    def parse(path, parts):
        return archives.Photo(path, '/'.join(parts), 'happy', '1')

    found = archives.read_folder(archives.epath.Path(root), parse, 'photos')
    assert [photo.file_name for photo in found.photos] == ['a.jpg']
    assert list(found.skipped) == ['.b.jpg', '.thumbnails/a.jpg']
