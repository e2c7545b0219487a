"""The builders on small archives that the test writes: layouts, labels, splits, reports."""

import collections
import json
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import tfds_builders
from tfds_builders import build, expressions, faces
from tfds_builders.cfee.cfee_dataset_builder import CODES, RELABELLED, RELEASE, find_scheme
from tfds_builders.drawing.people import Drawing
from tfds_builders.drawn_faces import drawn_faces_dataset_builder
from tfds_builders.fer2013.fer2013_dataset_builder import find_form

RELEASE_FOLDERS = {
    1: '01-04/Images1', 5: '05-08/Images2', 9: '09-12/Images3', 21: '21-26/Images6'
}  # fmt: skip


def write_image(path, seed=0, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(256, size=(*size, 3), dtype=np.uint8)
    cv2.imwrite(str(path), image)


def write_release(root, people=range(109, 149), codes=(1, 2, 3, 5, 6, 7, 8, 9, 21)):
    for person in people:
        for code in codes:
            folder = RELEASE_FOLDERS[max(first for first in RELEASE_FOLDERS if first <= code)]
            write_image(root / folder / f'{code:02d}_{person}_{person}{code % 10}.jpg', person)
    return root


def write_rafd(root, people=range(1, 21), cameras=('090',), gazes=('frontal', 'left')):
    for person in people:
        who = ('Caucasian_female', 'Moroccan_male')[person % 2]
        for camera in cameras:
            for label in expressions.BASIC_AND_CONTEMPT:
                for gaze in gazes:
                    write_image(
                        root / f'Rafd{camera}_{person:02d}_{who}_{label}_{gaze}.jpg', person
                    )
    return root


@pytest.fixture(autouse=True)
def no_face_found(request, monkeypatch):
    """Finding faces is tested with the demo's; here every face is missed, at no cost."""
    if 'real_detector' not in request.keywords:
        monkeypatch.setattr(faces, 'find_faces', lambda images: [None] * len(images))


def build_set(name, folder, data_dir, config=None):
    chosen = build.configs_of(name, [config] if config else None)[0]
    return build.prepare(name, chosen, folder, data_dir)[0]


def rows_of(builder):
    """Every example with the split that it is in, the image left encoded."""
    decoders = {'image': tfds.decode.SkipDecoding()}
    for split in builder.info.splits:
        for row in tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders)):
            yield split, row


def splits_of_people(builder):
    seen = collections.defaultdict(set)
    for split, row in rows_of(builder):
        seen[row['subject_id']].add(split)
    return seen


@pytest.fixture(scope='module')
def archives(tmp_path_factory):
    root = tmp_path_factory.mktemp('archives')
    write_release(root / 'cfee')
    write_rafd(root / 'rafd', cameras=('090', '045'))
    for person in range(30):
        for label in ('Happiness', 'neutral'):
            write_image(root / 'expression_folders' / label / f'{person:03d}_1.png', person)
    (root / 'expression_folders/subjects.csv').write_text(
        'face_id,face_age,face_gender,face_eth\n003,24.5,female,white\n'
    )
    return root


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp('data')


@pytest.mark.parametrize('name', ['cfee', 'rafd', 'expression_folders'])
def test_no_person_is_in_two_splits(name, archives, data_dir):
    builder = build_set(name, archives, data_dir)
    seen = splits_of_people(builder)
    assert len(seen) >= 20
    assert all(len(splits) == 1 for splits in seen.values())
    assert set().union(*seen.values()) == {'train', 'validation', 'test'}


@pytest.mark.parametrize(
    ('name', 'config'),
    [
        ('cfee', 'basic_faces_leaky_image_split'),
        ('rafd', 'frontal_faces_leaky_image_split'),
        ('expression_folders', 'faces_leaky_image_split'),
    ],
)
def test_only_the_config_named_leaky_splits_people(name, config, archives, data_dir):
    seen = splits_of_people(build_set(name, archives, data_dir, config))
    assert any(len(splits) > 1 for splits in seen.values())


@pytest.mark.parametrize('name', ['cfee', 'rafd', 'expression_folders'])
def test_a_fold_never_shares_a_person(name, archives, data_dir):
    folds = collections.defaultdict(set)
    for _, row in rows_of(build_set(name, archives, data_dir)):
        folds[row['subject_id']].add(int(row['fold']))
    assert all(len(fold) == 1 and min(fold) >= 0 and max(fold) < 10 for fold in folds.values())


def test_rafd_strata_keep_their_shares(archives, data_dir):
    counts = collections.Counter()
    for split, row in rows_of(build_set('rafd', archives, data_dir)):
        if row['label'] == 0 and row['gaze'] == b'left':
            counts[row['group'].decode(), split] += 1
    for group in ('Caucasian', 'Moroccan'):
        assert counts[group, 'train'] == pytest.approx(7, abs=1)
        assert counts[group, 'test'] >= 1


def test_originals_are_the_untouched_bytes(archives, data_dir):
    builder = build_set('cfee', archives, data_dir, 'all_originals')
    rows = list(rows_of(builder))
    assert len(rows) == 40 * 9
    for _, row in rows[:20]:
        path = archives / 'cfee' / row['file_name'].decode()
        assert row['image'] == path.read_bytes()


def test_labels_follow_the_codes_in_the_canonical_order(archives, data_dir):
    builder = build_set('cfee', archives, data_dir, 'all_originals')
    names = builder.info.features['label'].names
    assert names == [name for name in expressions.CLASS_NAMES if name != 'contemptuous']
    for _, row in rows_of(builder):
        code = int(row['file_name'].decode().split('/')[-1][:2])
        assert names[row['label']] == CODES[code]


def test_where_no_face_is_found_the_centre_crop_stays(archives, data_dir):
    builder = build_set('cfee', archives, data_dir)
    example = next(iter(builder.as_dataset(split='test')))
    path = archives / 'cfee' / example['file_name'].numpy().decode()
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(example['image'], faces.center_crop(image))
    assert not example['detected'] and example['confidence'] == 0
    assert np.all(example['landmarks'] == -1)
    np.testing.assert_allclose(example['box'], [5 / 40, 0, 35 / 40, 1])
    undetected = builder.info.metadata['undetected']
    assert sum(len(names) for names in undetected.values()) == 40 * 7


def test_contempt_and_other_cameras_are_in_the_config_of_everything_only(archives, data_dir):
    frontal = [row for _, row in rows_of(build_set('rafd', archives, data_dir))]
    assert {int(row['camera']) for row in frontal} == {90} and len(frontal) == 20 * 7 * 2
    everything = [row for _, row in rows_of(build_set('rafd', archives, data_dir, 'all_faces'))]
    assert {int(row['camera']) for row in everything} == {45, 90}
    assert len(everything) == 20 * 8 * 2 * 2


def test_an_incomplete_rafd_says_so(archives, data_dir):
    warning = build_set('rafd', archives, data_dir).info.metadata['warning']
    assert '67 models, this archive has 20' in warning


def test_folders_take_synonyms_and_the_table_of_people(archives, data_dir):
    builder = build_set('expression_folders', archives, data_dir)
    rows = {row['file_name'].decode(): row for _, row in rows_of(builder)}
    known, unknown = rows['Happiness/003_1.png'], rows['neutral/004_1.png']
    assert builder.info.features['label'].names[known['label']] == 'happy'
    assert (known['gender'], known['group'], known['age']) == (b'female', b'white', 24)
    assert (unknown['gender'], unknown['group'], unknown['age']) == (b'', b'', -1)
    assert known['subject_id'] == b'003'


def test_the_person_is_read_by_a_pattern_of_ones_own(tmp_path):
    write_image(tmp_path / 'faces/happy/2020-anna.png')
    config = build.configs_of('expression_folders', ['originals'])[0]
    where = ('expression_folders', config, tmp_path / 'faces', tmp_path / 'data')
    builder, _ = build.prepare(*where, subject_pattern=r'\d+-(?P<subject>\w+)')
    assert [row['subject_id'] for _, row in rows_of(builder)] == [b'anna']
    with pytest.raises(ValueError, match='group `subject`'):
        build.prepare(*where, subject_pattern=r'\w+')


def test_unknown_folders_are_refused_with_the_list(tmp_path):
    write_image(tmp_path / 'happy/a.png')
    write_image(tmp_path / 'bored/a.png')
    with pytest.raises(ValueError, match='neutral, happy.*Received: bored'):
        build_set('expression_folders', tmp_path, tmp_path / 'data')


def test_irregular_unlabelled_and_broken_files_are_listed_and_the_rest_is_built(tmp_path):
    root = write_release(tmp_path / 'cfee')
    write_image(root / '01-04/Images1/04_109_1.jpg')
    write_image(root / '21-26/Images6/26_222.jpg')
    write_image(root / '21-26/Images6/260_19.png.jpg')
    (root / 'AU_annotation_all_subjects.xls').write_bytes(b'table')
    broken = root / '01-04/Images1/01_109_1091.jpg'
    broken.write_bytes(broken.read_bytes()[:30])
    builder = build_set('cfee', tmp_path, tmp_path / 'data')
    assert builder.info.metadata['skipped'] == {
        '01-04/Images1/01_109_1091.jpg': 'cannot be read: it is damaged or no picture; open it in '
        'a viewer. (JPEG: its header is incomplete)',
        '01-04/Images1/04_109_1.jpg': 'code 04 has no label',
        '21-26/Images6/26_222.jpg': 'irregular name, not EE_SSS_NNNN.jpg',
        '21-26/Images6/260_19.png.jpg': 'irregular name, not EE_SSS_NNNN.jpg',
        'AU_annotation_all_subjects.xls': 'not an image',
    }
    assert builder.info.metadata['scheme'] == RELEASE
    assert sum(split.num_examples for split in builder.info.splits.values()) == 40 * 7 - 1


def test_the_relabelled_copy_is_told_by_its_names(tmp_path):
    for code in range(1, 23):
        write_image(tmp_path / 'cfee' / f'{code:02d}_001.jpg')
    builder = build_set('cfee', tmp_path, tmp_path / 'data', 'all_originals')
    assert builder.info.metadata['scheme'] == RELABELLED
    names = builder.info.features['label'].names
    labels = {row['file_name'][:2]: names[row['label']] for _, row in rows_of(builder)}
    assert labels[b'04'] == 'fearful' and labels[b'08'] == 'happily_surprised'


def test_a_mixture_of_the_two_numberings_is_refused(tmp_path):
    write_release(tmp_path, people=[109])
    write_image(tmp_path / 'copy/04_001.jpg')
    with pytest.raises(ValueError, match='not a mixture.*copy/04_001.jpg'):
        find_scheme(tmp_path)


def test_the_archive_of_another_set_is_refused(tmp_path):
    write_rafd(tmp_path / 'cfee', people=[1])
    with pytest.raises(ValueError, match='such as Rafd.*archive of another'):
        build_set('cfee', tmp_path, tmp_path / 'data')
    write_release(tmp_path / 'rafd', people=[109])
    with pytest.raises(ValueError, match='archive of another set'):
        build_set('rafd', tmp_path, tmp_path / 'data')


def test_missing_and_empty_folders_say_what_to_type(tmp_path, capsys):
    arguments = ['cfee', f'--manual_dir={tmp_path / "nowhere"}', f'--data_dir={tmp_path / "data"}']
    assert build.main(arguments) == 1
    assert '--manual_dir=FOLDER' in capsys.readouterr().err
    (tmp_path / 'rafd').mkdir()
    assert build.main(['rafd', f'--manual_dir={tmp_path}', f'--data_dir={tmp_path / "data"}']) == 1
    message = capsys.readouterr().err
    assert 'is empty' in message and 'Rafd090_01' in message and 'Traceback' not in message


def test_unknown_sets_and_configs_list_the_known_ones(capsys):
    assert build.main(['ceff']) == 2
    assert re.fullmatch('error: .*cfee.*Received: ceff.\n', capsys.readouterr().err)
    assert build.main(['cfee', '--config=basic']) == 2
    message = capsys.readouterr().err
    assert re.fullmatch('error: .*basic_faces.*Received: basic.\n', message)


def test_a_fault_of_the_package_shows_where_it_came_from(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build, 'prepare', lambda *arguments, **how: {}['no such key'])
    assert build.main(['cfee', f'--data_dir={tmp_path}']) == 70
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith('Traceback') and lines[-2] == "KeyError: 'no such key'"
    assert 'please report it' in lines[-1]


def test_what_a_set_finds_wrong_while_it_reads_is_the_users_to_mend(tmp_path, capsys):
    write_image(tmp_path / 'salicon/images/val/a.jpg')
    write_image(tmp_path / 'salicon/maps/val/a.png', size=(4, 4))
    path = tmp_path / 'salicon/fixations/val/a.mat'
    path.parent.mkdir(parents=True)
    path.write_bytes(b'no')
    arguments = [f'--manual_dir={tmp_path}', f'--data_dir={tmp_path / "data"}']
    assert build.main(['salicon', *arguments]) == 1
    message = capsys.readouterr().err
    assert 'a.mat must be a MATLAB file' in message and 'Traceback' not in message


def test_the_command_prints_a_table_and_does_not_build_twice(tmp_path, capsys):
    write_release(tmp_path / 'cfee')
    arguments = ['cfee', f'--manual_dir={tmp_path}', f'--data_dir={tmp_path / "data"}']
    assert build.main(arguments) == 0
    printed = capsys.readouterr().out
    for expected in ('neutral', 'people', 'no face found', 'split_hash', 'images/s'):
        assert expected in printed
    assert build.main(arguments) == 0
    assert 'was already built' in capsys.readouterr().out


RELOAD = """
import sys, tensorflow_datasets as tfds
builder = tfds.builder_from_directory(sys.argv[1])
row = next(iter(builder.as_dataset(split='train')))
assert 'tfds_builders' not in sys.modules
assert row['image'].shape == (256, 256, 3), row['image'].shape
print(builder.info.metadata['split_hash'], builder.info.features['label'].names[0])
"""


def test_prepared_data_reloads_with_and_without_this_package(archives, data_dir, tmp_path):
    builder = build_set('cfee', archives, data_dir)
    command = [sys.executable, '-c', RELOAD, str(builder.data_path)]
    completed = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr[-2000:]
    assert completed.stdout.split() == [builder.info.metadata['split_hash'], 'neutral']
    loaded = tfds.load('cfee', split='train', data_dir=data_dir)
    assert loaded.cardinality() == builder.info.splits['train'].num_examples


def test_the_same_archive_gives_the_same_split_hash(archives, data_dir, tmp_path):
    first = build_set('cfee', archives, data_dir).info.metadata['split_hash']
    assert build_set('cfee', archives, tmp_path).info.metadata['split_hash'] == first


def fer2013_rows():
    rng = np.random.default_rng(0)
    for usage in ('Training', 'PublicTest', 'PrivateTest'):
        for code in range(7):
            yield code, ' '.join(map(str, rng.integers(256, size=48 * 48))), usage


@pytest.mark.parametrize('name', ['fer2013.csv', 'icml_face_data.csv'])
def test_fer2013_reads_either_table_without_loss(name, tmp_path):
    lines = ['emotion,pixels,Usage'] if name[0] == 'f' else ['emotion, Usage, pixels']
    for code, pixels, usage in fer2013_rows():
        ordered = (code, pixels, usage) if name[0] == 'f' else (code, usage, pixels)
        lines.append(','.join(map(str, ordered)))
    lines.append('3,1 2 3,Training' if name[0] == 'f' else '3,Training,1 2 3')
    (tmp_path / name).write_text('\n'.join(lines))
    builder = build_set('fer2013', tmp_path, tmp_path / 'data')
    assert [builder.info.splits[s].num_examples for s in ('train', 'validation', 'test')] == [7] * 3
    assert list(builder.info.metadata['skipped']) == [f'{name}:23']
    first = next(row for split, row in rows_of(builder) if row['file_name'].endswith(b':2'))
    pixels = np.array(next(fer2013_rows())[1].split(), np.uint8).reshape(48, 48, 1)
    np.testing.assert_array_equal(tf.io.decode_image(first['image']), pixels)
    assert builder.info.features['label'].names[first['label']] == 'angry'


def test_fer2013_reads_folders_and_keeps_copies_together(tmp_path, tmp_path_factory):
    rng = np.random.default_rng(0)
    for part, count in (('train', 60), ('test', 5)):
        for label in ('angry', 'surprise'):
            for number in range(count):
                path = tmp_path / part / label / f'{number}.png'
                path.parent.mkdir(parents=True, exist_ok=True)
                image = rng.integers(256, size=(48, 48), dtype=np.uint8)
                cv2.imwrite(str(path), image)
                if part == 'train':
                    cv2.imwrite(str(path.with_name(f'{number}_copy.png')), image)
    write_image(tmp_path / 'train/angry/colour.png')
    builder = build_set('fer2013', tmp_path, tmp_path_factory.mktemp('data'))
    seen = collections.defaultdict(set)
    for split, row in rows_of(builder):
        seen[row['image']].add((split, int(row['fold'])))
    assert all(len(places) == 1 for places in seen.values())
    sizes = {name: split.num_examples for name, split in builder.info.splits.items()}
    assert sizes['test'] == 10 and 5 < sizes['validation'] < 50
    assert list(builder.info.metadata['skipped']) == ['train/angry/colour.png']


def test_fer2013_takes_grey_pictures_in_any_form(tmp_path, tmp_path_factory):
    grey = np.random.default_rng(0).integers(256, size=(48, 48), dtype=np.uint8)
    for part in ('train', 'test'):
        (tmp_path / part / 'happy').mkdir(parents=True)
        for number in range(40 if part == 'train' else 1):
            cv2.imwrite(str(tmp_path / part / f'happy/{number}.png'), np.roll(grey, number))
    folder = tmp_path / 'test/happy'
    cv2.imwrite(str(folder / 'a.tif'), grey)
    cv2.imwrite(str(folder / 'b.bmp'), np.dstack([grey] * 3))
    cv2.imwrite(str(folder / 'c.png'), np.dstack([grey] * 3))
    cv2.imwrite(str(folder / 'd.png'), np.dstack([grey, grey, 255 - grey]))
    (folder / 'e.png').symlink_to('gone.png')
    builder = build_set('fer2013', tmp_path, tmp_path_factory.mktemp('data'))
    rows = {row['file_name'].decode(): row['image'] for _, row in rows_of(builder)}
    for name in ('a.tif', 'b.bmp', 'c.png'):
        stored = tf.io.decode_png(rows[f'test/happy/{name}'])
        np.testing.assert_array_equal(stored[..., 0], grey)
        assert 'as grey PNG' in builder.info.metadata['re_encoded'][f'test/happy/{name}']
    skipped = builder.info.metadata['skipped']
    assert 'in colours' in skipped['test/happy/d.png'] and len(skipped) == 2
    assert 'a link to gone.png' in skipped['test/happy/e.png']


def test_a_split_of_fer2013_of_which_nothing_can_be_read_says_why(tmp_path, tmp_path_factory):
    for part in ('train', 'test'):
        write_image(tmp_path / part / 'happy/1.png', size=(48, 48))
    with pytest.raises(ValueError, match='`train` of FER2013 must.*none; 2 files.*in colours'):
        build_set('fer2013', tmp_path, tmp_path_factory.mktemp('data'))


def test_fer2013_in_both_forms_is_refused(tmp_path):
    (tmp_path / 'fer2013.csv').write_text('emotion,pixels,Usage\n')
    (tmp_path / 'train').mkdir()
    with pytest.raises(ValueError, match='Received: fer2013.csv, train/'):
        find_form(tmp_path)


def write_fer2013(folder, header='emotion,pixels,Usage', form='{code},{pixels},{usage}', tail=''):
    """A table of one picture a usage, each of one grey level."""
    lines = [
        form.format(code=code, pixels=' '.join([str(10 * code)] * 2304), usage=usage)
        for code, usage in enumerate(('Training', 'PublicTest', 'PrivateTest'))
    ]
    path = folder / 'fer2013.csv'
    path.write_text('\n'.join([header, *lines]) + tail, newline='')
    return path


@pytest.mark.parametrize(
    ('header', 'form', 'noted'),
    [
        ('\ufeffemotion,pixels,Usage', '{code},{pixels},{usage}', ''),
        ('emotion;pixels;Usage', '{code};{pixels};{usage}', 'read with `;`'),
        ('Emotion, PIXELS ,usage', '{code}.0,"{pixels}",{usage}\r', 'column `Emotion` read as'),
        ('id,emotion,pixels,Usage', '7,{code},{pixels}, {usage} ', 'not read: `id`'),
        ('Usage\temotion\tpixels', '{usage}\t{code},0\t{pixels} ', 'read with a tab'),
    ],
)
def test_fer2013_is_read_however_it_was_saved(header, form, noted, tmp_path):
    write_fer2013(tmp_path, header, form)
    builder = build_set('fer2013', tmp_path, tmp_path / 'data')
    rows = {split: row for split, row in rows_of(builder)}
    names = builder.info.features['label'].names
    labels = {split: names[row['label']] for split, row in rows.items()}
    assert labels == {'train': 'angry', 'validation': 'disgusted', 'test': 'fearful'}
    assert tf.io.decode_image(rows['test']['image']).numpy().flat[0] == 20
    assert noted in dict(builder.info.metadata).get('table_notes', {}).get('fer2013.csv', '')


def test_rows_of_fer2013_that_cannot_be_read_are_listed_with_line_and_reason(tmp_path):
    pixels = ' '.join(['0'] * 2304)
    tail = f'\n9,{pixels},Training\n1,{pixels}\n1,{pixels[2:]},Training\n1,{pixels},Training,x\n'
    tail += f'0.5,{pixels},Training\n1,-1{pixels[1:]},Training\n1,{pixels},Test\n\n'
    write_fer2013(tmp_path, tail=tail)
    builder = build_set('fer2013', tmp_path, tmp_path / 'data')
    skipped = [
        f'{name}: {reason.partition("FER2013: ")[2]}'
        for name, reason in builder.info.metadata['skipped'].items()
    ]
    assert skipped == [
        'fer2013.csv:5: emotion is 9, none of 0 to 6',
        'fer2013.csv:6: nothing in Usage',
        'fer2013.csv:7: 2303 pixels, expected 2304',
        'fer2013.csv:8: has 4 cells, more than the 3 of the header',
        "fer2013.csv:9: '0.5' is not a whole number",
        'fer2013.csv:10: pixels that are no whole numbers from 0 to 255',
        "fer2013.csv:11: Usage is 'Test', none of Training, PublicTest, PrivateTest",
    ]


@pytest.mark.parametrize(
    ('header', 'form', 'told'),
    [
        (
            'emotion,pixels',
            '{code},{pixels}',
            'header `emotion`, `pixels`, without `Usage`. Take',
        ),
        (
            'emotion,pixels,Usage',
            '{code},{pixels},Training',
            '3 of Training, 0 of PublicTest, 0',
        ),
        ('emotion,pixels,Usage', '{code},{pixels},x', "3 of others .'x'."),
    ],
)
def test_fer2013_without_its_usages_is_refused_before_a_picture_is_read(
    header, form, told, tmp_path
):
    path = write_fer2013(tmp_path, header, form)
    with pytest.raises(ValueError, match=told) as raised:
        build_set('fer2013', tmp_path, tmp_path / 'data')
    assert str(path) in str(raised.value)


@pytest.mark.slow
def test_drawn_people_need_no_archive_and_are_the_same_every_time(tmp_path, monkeypatch):
    monkeypatch.setattr(drawn_faces_dataset_builder, 'NUM_PEOPLE', 20)
    builder = build_set('drawn_faces', tmp_path, tmp_path / 'data', 'originals')
    seen = collections.defaultdict(set)
    for split, row in rows_of(builder):
        seen[row['subject_id']].add((split, int(row['fold'])))
        name = row['file_name'].decode()
        assert name.startswith(f'{expressions.BASIC[row["label"]]}/')
    assert len(seen) == 20 and all(len(places) == 1 for places in seen.values())
    sizes = {name: split.num_examples for name, split in builder.info.splits.items()}
    assert sizes == {'train': 14 * 7, 'validation': 3 * 7, 'test': 3 * 7}
    drawing = Drawing(person=0, expression='happy')
    assert drawing.read_bytes() == drawing.read_bytes()
    assert drawing.read_bytes() != Drawing(1, 'happy').read_bytes()


def test_every_builder_has_its_description_citation_and_tags():
    for name, builder in tfds_builders.BUILDERS.items():
        metadata = builder.get_metadata()
        assert len(metadata.description) > 200, name
        assert 'title' in (metadata.citation or '') or name == 'expression_folders', name
        assert metadata.tags, name


@pytest.mark.slow
def test_the_tfds_command_builds_too(tmp_path):
    write_release(tmp_path / 'cfee')
    command = ['tfds', 'build', 'tfds_builders/cfee', '--config=basic_originals']
    folders = [f'--manual_dir={tmp_path}', f'--data_dir={tmp_path / "data"}']
    executable = [sys.executable, '-m', 'tensorflow_datasets.scripts.cli.main', *command[1:]]
    completed = subprocess.run([*executable, *folders], capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr[-3000:]
    written = tmp_path / 'data/cfee/basic_originals/1.1.0'
    assert json.loads((written / 'metadata.json').read_text())['scheme'] == RELEASE
