"""From photos to a table: in Python, and as a user types it."""

import json
import os
import pathlib
import shutil
import tracemalloc

import cv2
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

import fer_keras
from fer_keras import predict
from fer_keras.config.inference import PredictionConfig
from fer_keras.config.run import RunConfig
from fer_keras.errors import UserError
from fer_keras.evaluation.report import evaluate
from fer_keras.inference import answering, videos
from fer_keras.inference.answers import column_types
from fer_keras.run_dir import RunDir
from fer_keras.serving.checks import ask_c_api
from tests.fakes import BASIC, png_bytes, portraits, random_images, write_untrained_run
from tests.fuzz.mutations import make_input
from tests.inference.test_photos import Camera
from tests.test_end_to_end import run
from tfds_builders import faces
from tfds_builders.single_shot import SingleShot

COLUMNS = [f'p_{name}' for name in BASIC]


@pytest.fixture(scope='module')
def run_dir(served, tmp_path_factory):
    """A run folder with a model that learned nothing, and its SavedModel."""
    run_dir = write_untrained_run(tmp_path_factory.mktemp('run'))
    shutil.copy(served.model_file, run_dir.model_file)
    shutil.copytree(served.version_dir, f'{run_dir.saved_model_dir}/1')
    return run_dir


@pytest.fixture(scope='module')
def predictor(run_dir):
    return fer_keras.load(run_dir.path)


@pytest.fixture(scope='module')
def photo_dir(tmp_path_factory):
    """A portrait, a picture of two people, one of nobody, a video, and a broken file."""
    folder = tmp_path_factory.mktemp('photos')
    people = [person[..., ::-1] for person in portraits(2)]
    cv2.imwrite(str(folder / 'one.png'), people[0])
    cv2.imwrite(str(folder / 'two.png'), np.hstack(people))
    cv2.imwrite(str(folder / 'nobody.png'), np.full((200, 200, 3), 90, np.uint8))
    (folder / 'broken.jpg').write_bytes(b'no picture')
    write_video(folder / 'clip.avi', [people[1]] * 4)
    return folder


def write_video(path, frames):
    height, width = frames[0].shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 5, (width, height))
    for frame in frames:
        video.write(np.ascontiguousarray(frame))
    video.release()


@pytest.fixture
def command(predictor, monkeypatch, tmp_path):
    """What `fer_keras.predict` does, in this process: gives its exit status and its rows."""
    monkeypatch.setattr(answering, 'load', lambda path, **_: predictor)

    def call(*sources, model='model', output=str(tmp_path / 'out.csv'), **options):
        inputs = [str(source) for source in sources]
        config = PredictionConfig(model=model, output=output, **options)
        outcome = answering.answer_files(config, inputs)
        if output.endswith('.csv'):
            return outcome.exit_status, pd.read_csv(output)
        return outcome.exit_status, pd.read_json(output, lines=True)

    return call


def test_run_folder_model_file_and_saved_model_agree(run_dir):
    crops = random_images(3, 64)
    tables = [
        fer_keras.load(path).predict_crops(crops)
        for path in (run_dir.path, run_dir.model_file, run_dir.saved_model_dir)
    ]
    for table in tables[1:]:
        np.testing.assert_allclose(table[COLUMNS], tables[0][COLUMNS], atol=1e-5)
        assert table['label'].tolist() == tables[0]['label'].tolist()


def test_crops_of_several_sizes_keep_their_order_and_share_calls(run_dir):
    predictor = fer_keras.load(run_dir.path)
    crops = [random_images(1, size, seed=size)[0] for size in (48, 64, 96, 48)]
    alone = pd.concat([predictor.predict_crops([crop]) for crop in crops], ignore_index=True)
    calls = []
    answer = predictor._probabilities_of
    predictor._probabilities_of = lambda images: calls.append(len(images)) or answer(images)
    together = predictor.predict_crops(crops)
    assert together.pop('photo').tolist() == [0, 1, 2, 3] and not alone.pop('photo').any()
    pd.testing.assert_frame_equal(together, alone, atol=1e-6)
    assert sorted(calls) == [1, 1, 2]
    assert predictor.predict_crops([]).empty and predictor.predict([]).empty


def test_many_photos_are_read_a_few_at_a_time(predictor, photo_dir, monkeypatch):
    monkeypatch.setattr('fer_keras.inference.predictor._BATCH', 2)
    photo, nobody = photo_dir / 'one.png', photo_dir / 'nobody.png'
    table = predictor.predict([photo, nobody, photo])
    assert table['photo'].tolist() == [0, 1, 2] and table['face'].tolist() == [0, -1, 0]
    np.testing.assert_allclose(
        table.loc[2, COLUMNS].astype(float), table.loc[0, COLUMNS].astype(float), atol=1e-6
    )


def test_photos_of_any_shape_are_answered(predictor):
    shapes = (1, 1), (1, 3000), (3000, 1), (7, 2)
    table = predictor.predict([np.full((*shape, 3), 90, np.uint8) for shape in shapes])
    assert table['photo'].tolist() == [0, 1, 2, 3] and set(table['face']) == {-1}


@pytest.mark.parametrize(
    'signature, small_faces', [('predict_photos', True), ('predict_portraits', False)]
)
def test_the_served_graph_answers_whole_photos_as_python_does(
    signature, small_faces, signatures, predictor, photo_dir
):
    paths = [photo_dir / name for name in ('two.png', 'nobody.png', 'one.png')]
    table = predictor.predict(paths, small_faces=small_faces)
    answer = signatures[signature](image_bytes=tf.constant([path.read_bytes() for path in paths]))
    answer = {name: value.numpy() for name, value in answer.items()}
    np.testing.assert_array_equal(answer['num_faces'], [2, 0, 1])
    known = table[table['face'] >= 0]
    rows = known['photo'].to_numpy(), known['face'].to_numpy().astype(int)
    # The stated tolerance: the photo's pixels are rounded otherwise before the search.
    boxes = known[['left', 'top', 'right', 'bottom']]
    np.testing.assert_allclose(answer['boxes'][rows], boxes, atol=1)
    np.testing.assert_allclose(answer['detection_scores'][rows], known['confidence'], atol=0.02)
    np.testing.assert_allclose(answer['probabilities'][rows], known[COLUMNS], atol=0.02)
    assert [name.decode() for name in answer['label'][rows]] == known['label'].tolist()
    np.testing.assert_array_equal(answer['score'][rows], answer['probabilities'][rows].max(axis=-1))
    assert answer['landmarks'].shape == (3, 2, 5, 2)
    for name in ('boxes', 'landmarks', 'detection_scores', 'probabilities', 'score'):
        assert not answer[name][1].any() and not answer[name][2, 1:].any(), name
    assert not any(answer['label'][1]) and answer['label_names'].shape == (3, 7)


def test_whole_photos_are_answered_without_python(run_dir, signatures, photo_dir):
    files = [(photo_dir / name).read_bytes() for name in ('two.png', 'nobody.png')]
    broken = [*files, b'no picture']
    expected = signatures['predict_photos'](image_bytes=tf.constant(files))['score']
    version_dir = f'{run_dir.saved_model_dir}/1'
    # The last batch: the process has outlived the broken file.
    answers = ask_c_api(version_dir, [files, broken, files], 'predict_photos', 'score')
    for answer in (answers[0], answers[2]):
        np.testing.assert_allclose(answer['values'], expected, atol=1e-5)
    assert 'image_bytes[2] must be a JPEG, PNG or WebP file' in answers[1]['error']


def test_a_portrait_is_cropped_as_the_data_sets_are(predictor, photo_dir):
    photo = cv2.imread(str(photo_dir / 'one.png'))[:, :, ::-1]
    table = predictor.predict([photo_dir / 'one.png'])
    crop = faces.crop_face(photo, faces.find_face(photo))
    # The detectors agree to a hundredth of a pixel.
    expected = predictor.predict_crops([crop])[COLUMNS]
    np.testing.assert_allclose(table[COLUMNS], expected, atol=1e-3)


def test_every_way_of_asking_gives_the_same_columns(command, predictor, photo_dir, tmp_path):
    photo = cv2.imread(str(photo_dir / 'one.png'))[:, :, ::-1]
    tables = [
        predictor.predict([photo]),
        predictor.predict([]),
        predictor.predict_crops([photo]),
        predictor.predict(np.full((1, 90, 90, 3), 90, np.uint8)),
    ]
    for table in tables:
        assert dict(table.dtypes) == column_types(BASIC)
    for suffix in ('csv', 'jsonl'):
        status, table = command(photo_dir / 'one.png', output=str(tmp_path / f'out.{suffix}'))
        assert status == 0 and list(table) == list(column_types(BASIC))


def test_what_does_not_apply_is_empty(command, predictor, photo_dir):
    def empty(table):
        return {name for name in table if table[name].isna().all()}

    photo = cv2.imread(str(photo_dir / 'one.png'))[:, :, ::-1]
    place = {'left', 'top', 'right', 'bottom', 'confidence'}
    answer = {'label', 'score', *COLUMNS}
    nowhere = {'file', 'frame', 'time', 'track'}
    assert empty(predictor.predict([photo])) == nowhere
    assert empty(predictor.predict([photo_dir / 'one.png'])) == nowhere - {'file'}
    assert empty(predictor.predict_crops([photo])) == nowhere | place
    assert empty(predictor.predict([photo * 0])) == nowhere | place | answer
    # `test_video_answers` has those whose faces are followed.
    _, clip = command(photo_dir / 'clip.avi', photo_dir / 'broken.jpg', track=False)
    assert empty(clip[:-1]) == {'track'} and clip['photo'].tolist() == [0, 1, 2, 3, 4]
    # Five frames a second.
    np.testing.assert_allclose(clip['time'][:-1], [0, 0.2, 0.4, 0.6])
    assert empty(clip[-1:]) == (nowhere - {'file'}) | place | answer


def test_one_photo_is_given_as_many_are(predictor, photo_dir):
    path = photo_dir / 'one.png'
    expected = predictor.predict([path])
    photo = cv2.imread(str(path))[:, :, ::-1]
    for one in (str(path), path, path.read_bytes(), photo, iter([photo])):
        table = predictor.predict(one)
        pd.testing.assert_frame_equal(table.drop(columns='file'), expected.drop(columns='file'))


def test_a_broken_photo_has_its_row_in_python_too(predictor, photo_dir):
    table = predictor.predict(
        [photo_dir / 'broken.jpg', photo_dir / 'no.jpg', png_bytes(np.zeros((90, 90, 3), np.uint8))]
    )
    assert table['photo'].tolist() == [0, 1, 2] and table['face'].tolist() == [-1, -1, -1]
    starts = ['unreadable: ', 'unreadable: ', 'no face']
    assert all(map(str.startswith, table['status'], starts))
    assert predictor.predict_crops(b'text')['status'][0].startswith('unreadable: the picture is')
    with pytest.raises(FileNotFoundError, match='no.jpg does not exist'):
        predictor.predict(photo_dir / 'no.jpg')


def test_photos_are_numbered_through_all_batches(predictor):
    table = predictor.predict_crops(random_images(37, 16))
    assert table['photo'].tolist() == list(range(37)) and set(table['face']) == {0}


def test_a_name_that_is_no_utf_8_has_its_row(command, predictor, photo_dir, tmp_path):
    path = os.path.join(tmp_path, b'\xff.png'.decode(errors='surrogateescape'))
    shutil.copy(photo_dir / 'one.png', path)
    (tmp_path / 'bad').mkdir()
    broken = os.path.join(tmp_path, 'bad', os.path.basename(path))
    shutil.copy(photo_dir / 'broken.jpg', broken)
    for suffix in ('csv', 'jsonl'):
        status, table = command(path, broken, output=str(tmp_path / f'out.{suffix}'), crops=True)
        assert status == 1 and table['file'].str.endswith('/\\xff.png').all()
        assert table['status'][0] == 'ok' and table['status'][1].startswith('unreadable: ')
    assert predictor.predict_crops([path])['file'].tolist() == [path]


def test_labels_of_another_order_are_refused(run_dir, tmp_path):
    shutil.copytree(run_dir.path, tmp_path / 'run', ignore=shutil.ignore_patterns('saved_model'))
    copied = RunDir(str(tmp_path / 'run'))
    names = copied.read_labels()
    pathlib.Path(copied.labels_file).write_text('\n'.join(reversed(names)))
    with pytest.raises(ValueError, match='canonical order'):
        fer_keras.load(copied.path)
    with pytest.raises(ValueError, match='canonical order'):
        evaluate(RunConfig(), copied, str(tmp_path / 'report'))


def test_a_saved_model_of_somebody_else_is_refused(tmp_path):
    image = keras.Input((8, 8, 3))
    keras.Model(image, keras.layers.Rescaling(2.0)(image)).export(str(tmp_path), verbose=False)
    with pytest.raises(ValueError, match='fer_keras.export.*somebody else'):
        fer_keras.load(tmp_path)


def test_something_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match='home of a user'):
        fer_keras.load('~nobody-of-this-name/run')
    with pytest.raises(FileNotFoundError, match='neither a run folder'):
        fer_keras.load(tmp_path)


def test_a_photo_of_the_wrong_kind_is_refused(predictor):
    with pytest.raises(ValueError, match='uint8.*float64'):
        predictor.predict([np.zeros((8, 8, 3))])


def test_every_face_and_every_file_has_its_row(run_dir, photo_dir, tmp_path):
    output = tmp_path / 'out.csv'
    completed = run(
        'predict', f'--model={run_dir.path}', f'--output={output}', '--every=2',
        f'--overlay_dir={tmp_path / "overlays"}', photo_dir,
    )  # fmt: skip
    assert completed.returncode == 1, completed.stderr[-3000:]  # one file is broken
    table = pd.read_csv(output)
    table['name'] = [file.rsplit('/')[-1] for file in table['file']]
    counts = table[table['status'] == 'ok'].groupby('name').size().to_dict()
    assert counts == {'one.png': 1, 'two.png': 2, 'clip.avi': 2}
    assert table.set_index('name').loc['nobody.png', 'status'] == 'no face'
    assert table.set_index('name').loc['broken.jpg', 'status'].startswith('unreadable')
    known = table[table['status'] == 'ok']
    np.testing.assert_allclose(known[COLUMNS].sum(axis=1), 1, atol=1e-5)
    assert set(table.loc[table['name'] == 'clip.avi', 'frame']) == {0, 2}
    assert len(list((tmp_path / 'overlays').iterdir())) == 5


def test_what_was_left_out_and_how_odd_pictures_were_read_is_said(
    predictor, photo_dir, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / 'folder'
    folder.mkdir()
    person = Image.open(photo_dir / 'one.png')
    person.save(folder / 'a.gif', save_all=True, append_images=[person.rotate(90)])
    shutil.copy(photo_dir / 'nobody.png', folder / 'b.jfif')
    (folder / 'c.HEIC').write_bytes(b'\0\0\0\x18ftypheic' + bytes(60))
    (folder / 'notes.txt').write_text('text')
    (folder / '._a.jpg').write_bytes(b'\0\x05\x16\x07')
    monkeypatch.setattr(answering, 'load', lambda path, **_: predictor)
    config = PredictionConfig(model='model', output=str(tmp_path / 'out.csv'), crops=True)
    with pytest.raises(SystemExit) as stopped:
        predict.main(config, [str(folder)])
    said = capsys.readouterr()
    assert stopped.value.code == 1 and '3 rows of 3 files, 1 unreadable' in said.out
    assert 'a.gif: the first of several frames' in said.err and 'c.HEIC' in said.err
    assert 'left out as no pictures or videos: 1 .txt' in said.err


def test_crops_as_json_lines(photo_dir, tmp_path, command):
    output = tmp_path / 'out.jsonl'
    files = [photo_dir / name for name in ('one.png', 'broken.jpg', 'nobody.png')]
    status, table = command(*files, output=str(output), crops=True)
    assert status == 1 and len(table) == 3
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row['status'][:10] for row in rows] == ['ok', 'unreadable', 'ok']
    assert rows[0]['left'] is None and rows[1]['score'] is None


def test_rows_keep_the_order_of_the_files_across_batches(command, photo_dir):
    names = ['broken.jpg', 'two.png', 'broken.jpg', 'nobody.png', 'one.png']
    for batch_size in (1, 3):
        status, table = command(*(photo_dir / name for name in names), batch_size=batch_size)
        shown = [file.rsplit('/')[-1] for file in table['file']]
        assert shown == [names[0], 'two.png', 'two.png', names[2], names[3], names[4]]
        assert status == 1 and table['face'].tolist() == [-1, 0, 1, -1, -1, 0]


def test_every_mutated_file_is_accounted_for(command, tmp_path):
    folder = tmp_path / 'mutated'
    folder.mkdir()
    for number in range(200):
        made = make_input('pictures', number)
        (folder / f'{number}-{made.name}').write_bytes(made.data)
    status, table = command(folder, crops=True, batch_size=64)
    assert status == 1 and table['file'].nunique() == 200
    is_read = table['status'] == 'ok'
    assert is_read.sum() > 40 and (~is_read).sum() > 40
    assert table.loc[~is_read, 'status'].str.startswith('unreadable: ').all()
    np.testing.assert_allclose(table.loc[is_read, COLUMNS].sum(axis=1), 1, atol=1e-5)


def test_memory_stays_flat_over_a_long_video(command, tmp_path):
    frame = random_images(1, 200)[0]
    write_video(tmp_path / 'long.avi', [np.roll(frame, shift, axis=1) for shift in range(400)])
    command(tmp_path / 'long.avi', crops=True, max_frames=8)  # what is kept for good
    tracemalloc.start()
    status, table = command(tmp_path / 'long.avi', crops=True, batch_size=16)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert status == 0 and table['frame'].tolist() == list(range(400))
    # All frames together have 48 MB, a batch has 2.
    assert peak < 12e6


def test_a_camera_is_written_as_it_goes_and_ends_with_ctrl_c(command, monkeypatch, tmp_path):
    monkeypatch.setattr(videos.cv2, 'VideoCapture', Camera)
    status, table = command('camera:0', max_frames=3, crops=True)
    assert status == 0 and table['frame'].tolist() == [0, 1, 2]

    frames = iter(range(6))

    def pressed(self):
        if next(frames, None) is None:
            raise KeyboardInterrupt
        return True

    monkeypatch.setattr(Camera, 'grab', pressed)
    status, table = command('camera:0', crops=True, batch_size=2)
    assert status == 130 and table['frame'].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    'sources, options, message',
    [
        ([], {}, 'Nothing to look at'),
        (['no'], {}, 'not exist'),
        ([__file__], {'output': 'a.txt'}, 'must end in .csv or .jsonl'),
        ([__file__], {'output': '/no/a.csv'}, 'cannot be written'),
    ],
)
def test_wrong_flags_are_refused(sources, options, message, command):
    with pytest.raises((UserError, FileNotFoundError), match=message):
        command(*sources, **options)


def test_wrong_flags_end_with_two():
    completed = run('predict', '--model=x')
    assert completed.returncode == 2 and 'Nothing to look at' in completed.stderr


def test_small_faces_are_left_out_where_they_are_not_wanted(
    command, predictor, photo_dir, monkeypatch
):
    asked, find = [], SingleShot.find_all_faces

    def note(search, images, *, small_faces):
        asked.append(small_faces)
        return find(search, images, small_faces=small_faces)

    monkeypatch.setattr(SingleShot, 'find_all_faces', note)
    for wanted in (True, False):
        assert len(command(photo_dir / 'one.png', small_faces=wanted)[1]) == 1
    assert asked == [True, False]
