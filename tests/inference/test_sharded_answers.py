"""Shards on Beam have the rows of the ordinary command, each once, whenever they were ended."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from fer_keras import predict
from fer_keras.config.inference import PredictionConfig
from fer_keras.errors import ExistingFileError, InvalidInputError
from fer_keras.inference import answering, predictor, shard_writing
from fer_keras.inference.predictor import Predictor
from fer_keras.inference.shard_plan import ListedFile, ShardPlan, write_files
from fer_keras.inference.sharded_answers import answer_in_shards
from fer_keras.run_dir import RunDir
from tests.fakes import BASIC, face_at, portraits, write_untrained_run
from tests.inference.test_photos import write_video
from tfds_builders.errors import InvalidArchiveError
from tfds_builders.single_shot import SingleShot

DIRECT = 'runner=DirectRunner'
NAMES = ('sad', 'happy')
MODEL = 'run'  # Relative, as names of files may be.


def probabilities(images):
    """A light picture is happy, a dark one sad; one of a single grey level cannot be answered."""
    if any(image.min() == image.max() == 77 for image in images):
        raise RuntimeError('no room for\nthis one')
    happy = images.mean(axis=(1, 2, 3)) / 255
    return np.stack([1 - happy, happy], axis=1).astype(np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Photos, of which one is broken and some have nobody, videos, and a classifier, in place."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(answering, 'load', lambda path, **_: Predictor(probabilities, NAMES))
    loaded = []
    monkeypatch.setattr(
        predictor, 'load', lambda path, **_: loaded.append(path) or Predictor(probabilities, NAMES)
    )
    monkeypatch.setattr(
        SingleShot,
        'find_all_faces',
        lambda _, images, **__: [
            [face_at(16, 16, 12)] * int(image[0, 0, 0] % 3) for image in images
        ],
    )
    files = RunDir(MODEL)
    for path in (files.model_file, files.labels_file):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text('sad\nhappy\n')
    (tmp_path / 'photos').mkdir()
    for number in range(11):
        cv2.imwrite(f'photos/{number:02d}.png', np.full((32, 32, 3), 20 * number + 1, np.uint8))
    Path('photos/03_broken.jpg').write_bytes(b'no picture')
    Path('photos/notes.txt').write_text('no picture')
    shutil.copy('photos/04.png', os.fsencode('photos/') + b'05\xff.png')
    write_video(tmp_path / 'photos/06_clip.avi', [82, 85, 88, 91])
    Path('photos/07_broken.mp4').write_bytes(b'no video')
    return loaded


def make_config(**options):
    values = {'beam_pipeline_options': DIRECT, 'output': 'answers', 'files_a_shard': 3}
    return PredictionConfig(**{'model': MODEL, 'batch_size': 2, **values, **options})


@pytest.fixture
def without_beam(monkeypatch):
    """Shards are written here, one after the other; gives the names of those that were."""
    from fer_keras.inference import beam_answers

    written = []

    def write_here(shards, plan, config, options):
        for shard in shards:
            shard_writing.write_shard(predictor.load(''), plan, shard, config)
            written.append(shard.name)

    monkeypatch.setattr(beam_answers, 'write_shards', write_here)
    return written


def rows_of_the_command(*inputs, **options):
    config = PredictionConfig(model=MODEL, output='ordinary.jsonl', **options)
    return answering.answer_files(config, inputs), read('ordinary.jsonl')


def read(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def require_equal(rows, expected):
    assert [list(row) for row in rows] == [list(row) for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert row == pytest.approx(other, abs=1e-5)


def rows_of_shards(folder='answers'):
    """All rows, with the numbers of pictures that the ordinary command gives them."""
    summary = json.loads(Path(folder, 'summary.json').read_text())
    rows = []
    for shard in summary['shards']:
        of_shard = read(Path(folder, shard['name']))
        rows += [{**row, 'photo': row['photo'] + shard['add_to_photo']} for row in of_shard]
    return rows, summary


def test_beam_writes_the_rows_of_the_ordinary_command(folder, capsys):
    pytest.importorskip('trackers')
    Path('list.txt').write_text('photos/10.png\n\nphotos/gone.png\n')
    inputs = {'input_list': 'list.txt', 'batch_size': 3}
    ordinary, expected = rows_of_the_command('photos', **inputs)
    with pytest.raises(SystemExit) as ended:
        predict.main(make_config(**inputs), ['photos'])
    said = capsys.readouterr()
    assert ended.value.code == ordinary.exit_status == 1
    rows, summary = rows_of_shards()
    require_equal(rows, expected)
    assert len(folder) == 1  # Loaded once, for all shards.
    names = [shard['name'] for shard in summary['shards']]
    assert names == [f'part-{number:05d}-of-00008.jsonl' for number in range(8)]
    assert [shard['files'] for shard in summary['shards']] == [3, 3, 3, 1, 1, 1, 3, 2]
    counted = {name: summary[name] for name in ('files', 'pictures', 'rows', 'faces', 'unreadable')}
    num_faces = sum(row['face'] >= 0 for row in expected)
    assert f'{len(rows)} rows of {ordinary.sources} files, 3 unreadable, {num_faces}' in said.out
    assert counted == {
        'files': ordinary.sources,
        'pictures': expected[-1]['photo'] + 1,
        'rows': len(expected),
        'faces': num_faces,
        'unreadable': 3,
    }
    assert [one['file'] for one in summary['unreadable_files']] == [
        'photos/03_broken.jpg', 'photos/07_broken.mp4', 'photos/gone.png',
    ]  # fmt: skip
    assert [one['reason'] for one in summary['unreadable_files']] == ordinary.problems
    assert summary['left_out'] == {'.txt': 1} and '1 .txt' in said.err
    assert sorted(os.listdir('answers')) == sorted(['_progress', 'summary.json', *names])


def test_hundreds_of_files_have_the_rows_of_the_ordinary_command(folder):
    for number in range(320):
        file = Path(f'many/{number % 7}/{number:03d}.png')
        file.parent.mkdir(parents=True, exist_ok=True)
        content = cv2.imencode('.png', np.full((32, 32, 3), number % 77, np.uint8))[1].tobytes()
        # Each thirteenth is empty, cut off or of another kind.
        broken = (b'', content[:40], b'no picture')
        file.write_bytes(broken[number // 13 % 3] if number % 13 == 0 else content)
    ordinary, expected = rows_of_the_command('many')
    outcome = answer_in_shards(make_config(files_a_shard=40), ['many'])
    rows, summary = rows_of_shards()
    require_equal(rows, expected)
    assert outcome.exit_status == ordinary.exit_status == 1
    assert outcome.problems == ordinary.problems and len(ordinary.problems) > 12
    assert summary['files'] == ordinary.sources == 320 and len(summary['shards']) == 8
    # Some have several faces, some none.
    assert {row['face'] for row in rows} == {-1, 0, 1}


def test_a_command_that_was_ended_goes_on_without_doubling_or_losing_a_row(folder, without_beam):
    answer_in_shards(make_config(), ['photos'])
    whole, _ = rows_of_shards()
    # As after a kill: two are not there, of one the rest is not, and one is half written.
    shards = sorted(without_beam)
    os.remove(f'answers/{shards[1]}')
    os.remove(f'answers/{shards[4]}')
    os.remove(f'answers/_progress/counts/{shards[4]}.json')
    os.remove(f'answers/_progress/counts/{shards[5]}.json')
    os.mkdir('answers/_progress/unfinished')
    Path('answers/_progress/unfinished/part-00001-of-00007-0a.jsonl').write_text('{"file": ')
    without_beam.clear()
    outcome = answer_in_shards(make_config(batch_size=5), ['photos'])
    assert without_beam == [shards[1], shards[4], shards[5]]
    require_equal(rows_of_shards()[0], whole)
    assert outcome.rows == len(whole) and not os.path.exists('answers/_progress/unfinished')
    without_beam.clear()
    assert answer_in_shards(make_config(), ['photos']) == outcome and without_beam == []


def test_one_that_was_ended_while_it_listed_begins_anew(folder, without_beam):
    os.makedirs('answers/_progress')
    Path('answers/_progress/files.unfinished-1234.jsonl').write_text('{"name": ')
    assert answer_in_shards(make_config(), ['photos']).sources == 15


def test_parquet_has_the_types_of_the_table(folder, without_beam):
    _, expected = rows_of_the_command('photos/00.png', 'photos/05*', 'photos/06_clip.avi')
    answer_in_shards(
        make_config(format='parquet'), ['photos/00.png', 'photos/05*', 'photos/06_clip.avi']
    )
    shards = sorted(Path('answers').glob('part-*.parquet'))
    table = pd.concat([pd.read_parquet(shard) for shard in shards], ignore_index=True)
    assert table['photo'].dtype == 'Int64' and table['score'].dtype == 'float64'
    rows = [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in table.to_dict('records')
    ]
    require_equal(rows, expected)


def change_model():
    Path(RunDir(MODEL).model_file).write_text('another')


@pytest.mark.parametrize(
    'change, inputs, options, message',
    [
        (change_model, ['photos'], {}, 'answers of another classifier'),
        (lambda: None, ['photos/00.png'], {}, 'number 2 was photos/01.png. Received: no more'),
        (lambda: None, ['photos', 'photos/00.png'], {}, 'was not there. Received: photos/00.png'),
        (lambda: None, ['photos'], {'every': 2}, 'begun with every=1. Received: every=2'),
        (lambda: None, ['photos'], {'format': 'parquet'}, 'format=jsonl. Received: format=parquet'),
    ],
)
def test_answers_to_another_question_are_refused(
    change, inputs, options, message, folder, without_beam
):
    answer_in_shards(make_config(), ['photos'])
    change()
    with pytest.raises(InvalidInputError, match=message):
        answer_in_shards(make_config(**options), inputs)


def test_a_folder_of_something_else_is_left_as_it_is(folder, without_beam):
    with pytest.raises(ExistingFileError, match='photos holds other files'):
        answer_in_shards(make_config(output='photos'), ['photos'])
    assert not os.path.exists('photos/_progress')


@pytest.mark.parametrize(
    'options, message',
    [
        ({'output': ''}, '`output` must be a folder'),
        ({'output': 'a.csv'}, '`output` must be a folder'),
        ({'overlay_dir': 'drawn'}, '`overlay_dir` is not written on Beam'),
        ({'format': 'csv'}, 'one of `jsonl`, `parquet`'),
        ({'beam_pipeline_options': ''}, 'must end in .csv or .jsonl'),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        make_config(**options)


def test_cameras_and_nothing_are_refused(folder, without_beam):
    for inputs, message in ((['camera:0'], 'no cameras'), ([], 'Nothing to look at')):
        with pytest.raises(InvalidInputError, match=message):
            answer_in_shards(make_config(), inputs)


def test_without_beam_it_is_said_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, 'apache_beam', None)
    with pytest.raises(InvalidArchiveError, match=r'pip install "fer_keras\[beam\]"'):
        answer_in_shards(make_config(), ['photos'])
    assert not os.path.exists('answers')


def test_whatever_is_wrong_with_one_picture_is_listed_with_it(folder, without_beam):
    cv2.imwrite('photos/07_odd.png', np.full((32, 32, 3), 77, np.uint8))
    outcome = answer_in_shards(make_config(crops=True, files_a_shard=6), ['photos'])
    rows, summary = rows_of_shards()
    row = next(row for row in rows if row['file'] == 'photos/07_odd.png')
    reason = 'cannot be answered: RuntimeError: no room for this one'
    assert row['status'] == f'unreadable: photos/07_odd.png {reason}' and row['face'] == -1
    assert outcome.exit_status == 1 and len(summary['unreadable_files']) == 3
    assert len({row['photo'] for row in rows}) == summary['pictures'] == 19


def test_where_every_picture_fails_it_is_not_the_pictures(folder, without_beam):
    for number in range(2):
        cv2.imwrite(f'photos/{number:02d}.png', np.full((32, 32, 3), 77, np.uint8))
    with pytest.raises(RuntimeError, match='no room'):
        answer_in_shards(make_config(crops=True), ['photos/00.png', 'photos/01.png'])
    assert not list(Path('answers').glob('part-*'))


def test_a_machine_that_does_not_see_the_files_says_so(folder, monkeypatch):
    seen = shard_writing.write_shard

    def elsewhere(*arguments):
        if os.path.isdir('photos'):
            os.rename('photos', 'moved')
        seen(*arguments)

    monkeypatch.setattr(shard_writing, 'write_shard', elsewhere)
    # On Beam, which adds where it happened.
    with pytest.raises(InvalidInputError, match='photos/00.png and the other.*were given.$'):
        answer_in_shards(make_config(), ['photos'])
    assert not list(Path('answers').glob('part-*'))


def test_each_video_has_a_shard_for_itself_and_photos_share_one(tmp_path):
    plan = ShardPlan(str(tmp_path), 'wild', '0a', {'files_a_shard': 2, 'format': 'jsonl'})
    kinds = 'ppp v v p'.replace(' ', '')
    files = [ListedFile(f'{i}', kind == 'v') for i, kind in enumerate(kinds)]
    assert write_files(plan, files)
    shards = plan.shards()
    assert [(shard.first, shard.files) for shard in shards] == [
        (0, 2), (2, 1), (3, 1), (4, 1), (5, 1),
    ]  # fmt: skip
    assert [one for shard in shards for one in plan.read_files(shard)] == files


@pytest.mark.slow
def test_a_killed_command_goes_on_with_the_real_detector(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_dir = write_untrained_run(tmp_path / 'run')
    Path('photos').mkdir()
    for number, person in enumerate(portraits(8)):
        cv2.imwrite(f'photos/{number}.jpg', person[..., ::-1])
    Path('photos/broken.jpg').write_bytes(b'no picture')
    write_video('photos/clip.avi', [90, 95, 99])
    processes = f'{DIRECT},direct_num_workers=2,direct_running_mode=multi_processing'
    command = [sys.executable, '-m', 'fer_keras.predict', f'--model={run_dir.path}', 'photos']
    command += ['--output=answers', '--files_a_shard=2', f'--beam_pipeline_options={processes}']
    environment = {**os.environ, 'PYTHONPATH': str(Path(__file__).parents[2])}
    # With its workers a group of its own, which is killed as a whole.
    first = subprocess.Popen(command, start_new_session=True, env=environment)
    deadline = time.monotonic() + 600
    while not list(Path('answers').glob('part-*')):
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert not os.path.exists('answers/summary.json')
    outcome = answering.answer_files(make_config(model=run_dir.path, files_a_shard=2), ['photos'])
    ordinary = PredictionConfig(model=run_dir.path, output='ordinary.jsonl')
    answering.answer_files(ordinary, ['photos'])
    rows, _ = rows_of_shards()
    require_equal(rows, read('ordinary.jsonl'))
    assert outcome.exit_status == 1 and outcome.faces >= 8
    assert {f'p_{name}' for name in BASIC} <= set(rows[0])
