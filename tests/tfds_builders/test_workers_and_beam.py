"""Builds in several processes and on Apache Beam give what a build in one process gives."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import tfds_builders
from tests.tfds_builders.test_builders import fer2013_rows, no_face_found, write_image  # noqa: F401
from tests.tfds_builders.test_fixations import write_salicon
from tfds_builders import build, demo, expressions, faces, prepared
from tfds_builders.archives import Photo
from tfds_builders.errors import EndedWorkerError
from tfds_builders.fixations import ImageTask
from tfds_builders.how import How
from tfds_builders.photo_tasks import PhotoTask
from tfds_builders.workers import WorkerPool

DIRECT = 'runner=DirectRunner'
PROCESSES = f'{DIRECT},direct_num_workers=2,direct_running_mode=multi_processing'


def write_people(folder):
    """Photos of which some are broken, some are stored as PNG, and some are no photos."""
    for person in range(30):
        for number, label in enumerate(('happy', 'sad')):
            suffix = 'bmp' if person % 7 == 0 else 'png'
            write_image(folder / label / f'{person:03d}_1.{suffix}', 100 * person + number)
    for person in (3, 11, 12, 25):
        path = folder / f'happy/{person:03d}_1.png'
        path.write_bytes(path.read_bytes()[:50])
    (folder / 'happy/notes.txt').write_text('no photo')


def write_table(folder):
    folder.mkdir()
    rows = [f'{code},{pixels},{usage}' for code, pixels, usage in fer2013_rows()]
    broken = ['3,1 2 3,PrivateTest', '3,1 2 3,Training', '3,1 2,Nothing']
    (folder / 'fer2013.csv').write_text('\n'.join(['emotion,pixels,Usage', *broken, *rows]))


SETS = {
    'expression_folders': ('originals', write_people),
    'fer2013': ('originals', write_table),
    'salicon': (None, write_salicon),
}


@pytest.fixture(scope='module', params=SETS)
def built(request, tmp_path_factory):
    """A set, its config and archive, and what a build in this process made of it."""
    folder = tmp_path_factory.mktemp(request.param)
    config, write = SETS[request.param]
    write(folder / 'archive')
    return request.param, config, folder, build_at(request.param, config, folder, 'here')


def build_at(name, config, folder, data_dir, **how):
    chosen = build.configs_of(name, [config] if config else None)[0]
    return build.prepare(name, chosen, folder / 'archive', folder / data_dir, how=How(**how))[0]


def records_of(builder):
    """The examples of each split, read shard by shard."""
    return {
        # Not as bytes, in which the order of the features is another in each process.
        name: [
            tf.train.Example.FromString(record)
            for record in tf.data.TFRecordDataset(split.filepaths).as_numpy_iterator()
        ]
        for name, split in builder.info.splits.items()
    }


def made_by(builder):
    """All that a build leaves but where it cut its shards."""
    metadata = builder.data_path / 'metadata.json'
    names = (path.name for path in builder.data_path.iterdir())
    return {
        'records': records_of(builder),
        # Byte by byte: what is listed is in the same order, too.
        'metadata': metadata.read_text() if metadata.exists() else None,
        'other files': sorted(name for name in names if '.tfrecord-' not in name),
    }


def test_several_processes_make_what_one_makes(built):
    name, config, folder, here = built
    assert made_by(here) == made_by(build_at(name, config, folder, 'workers', workers=2))


# `expression_folders` is built below, with more shards.
@pytest.mark.parametrize(
    'built', ['fer2013', pytest.param('salicon', marks=pytest.mark.slow)], indirect=True
)
def test_beam_makes_what_one_process_makes(built):
    name, config, folder, here = built
    assert made_by(here) == made_by(build_at(name, config, folder, 'beam', beam=DIRECT))


def test_beam_may_cut_shards_elsewhere_and_keeps_their_order(tmp_path):
    from apache_beam.options.pipeline_options import PipelineOptions

    write_people(tmp_path / 'archive')
    here = build_at('expression_folders', 'originals', tmp_path, 'here')
    builder = tfds_builders.BUILDERS['expression_folders'](
        config='originals', data_dir=tmp_path / 'beam'
    )
    # As `tfds build` calls it.
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=tmp_path / 'archive',
            beam_options=PipelineOptions([f'--{DIRECT}']),
            num_shards=4,
        )
    )
    assert len(builder.info.splits['train'].shard_lengths) > 1
    assert records_of(builder) == records_of(here)
    listing = {prepared.LISTING: dict(here.info.metadata)[prepared.LISTING]}
    metadata = json.loads((builder.data_path / 'metadata.json').read_text())
    written = json.loads((here.data_path / 'metadata.json').read_text())
    assert {**listing, **metadata} == written and len(metadata['skipped']) == 5
    assert list(metadata['skipped']) == list(written['skipped'])


def test_a_split_of_which_nothing_can_be_read_is_told_in_a_line_with_beam_too(tmp_path, capsys):
    write_people(tmp_path / 'archive')
    for path in (tmp_path / 'archive').glob('*/*_1.*'):
        path.write_bytes(b'no picture')
    flags = ['--config=originals', f'--data_dir={tmp_path}', f'--beam_pipeline_options={DIRECT}']
    assert build.main([f'expression_folders={tmp_path / "archive"}', *flags]) == 1
    told = capsys.readouterr().err
    assert 'error: expression_folders: Each split' in told and 'Traceback' not in told


def test_without_beam_it_is_said_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'apache_beam', None)
    write_people(tmp_path / 'archive')
    arguments = [f'expression_folders={tmp_path / "archive"}', f'--data_dir={tmp_path}']
    assert build.main([*arguments, f'--beam_pipeline_options={DIRECT}']) == 2
    assert 'pip install "fer_keras[beam]"' in capsys.readouterr().err
    assert build.main([*arguments, '--config=originals']) == 0


@pytest.mark.parametrize(
    ('flags', 'told'),
    [
        (['--workers=0'], '--workers must be at least 1. Received: 0.'),
        (['--workers=two'], "invalid int value: 'two'"),
        (['--workers=2', f'--beam_pipeline_options={DIRECT}'], 'leave out one of'),
        (['--beam_pipeline_options=runner=NoRunner'], 'must name a runner of Beam'),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_built(flags, told, tmp_path, capsys):
    assert build.main(['cfee', f'--data_dir={tmp_path / "data"}', *flags]) == 2
    message = capsys.readouterr().err
    assert told in message and message.count('\n') == 1
    assert not (tmp_path / 'data').exists()


def test_whatever_is_wrong_with_one_photo_leaves_out_that_photo_alone(tmp_path, monkeypatch):
    def find(images):
        if any(image.shape == (8, 8, 3) for image in images):
            raise RuntimeError('no room for\nthis one')
        return [None] * len(images)

    class Unreadable:
        def read_bytes(self):
            raise LookupError('nowhere')

    monkeypatch.setattr(faces, 'find_faces', find)
    paths = [tmp_path / f'{side}.png' for side in (10, 8, 12)]
    for path in paths:
        cv2.imwrite(str(path), np.zeros((int(path.stem), int(path.stem), 3), np.uint8))
    photos = [Photo(path, path.name, 'happy', '') for path in paths]
    photos.append(Photo(Unreadable(), 'd.png', 'happy', ''))
    outcomes = list(PhotoTask(tuple((photo, 0) for photo in photos), True).outcomes())
    assert [outcome.example is not None for outcome in outcomes] == [True, False, True, False]
    assert outcomes[1].finding.left_out == 'cannot be prepared: RuntimeError: no room for this one'
    assert outcomes[3].finding.left_out == 'cannot be prepared: LookupError: nowhere'


def test_a_process_that_the_system_ends_is_told(tmp_path):
    with WorkerPool(1) as pool, pytest.raises(EndedWorkerError, match='Give fewer --workers'):
        list(pool.do_all([('train', ImageTask(os._exit, 1))]))


@pytest.mark.slow
def test_faces_are_cropped_alike_in_several_processes(tmp_path):
    demo.write_demo_archives(tmp_path / 'archive', subjects=4)
    ways = {
        'here': [],
        'workers': ['--workers=2'],
        'beam': [f'--beam_pipeline_options={PROCESSES}'],
    }
    builders = []
    for way, flags in ways.items():
        command = [sys.executable, '-m', 'tfds_builders.build', 'cfee', *flags]
        command += [f'--manual_dir={tmp_path / "archive"}', f'--data_dir={tmp_path / way}']
        # With several threads the detector's sums are taken in another order.
        one_thread = {'TF_NUM_INTRAOP_THREADS': '1', 'TF_NUM_INTEROP_THREADS': '1'}
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **one_thread})
        builders.append(tfds_builders.BUILDERS['cfee'](data_dir=tmp_path / way))
    assert made_by(builders[0]) == made_by(builders[1]) == made_by(builders[2])
    assert any(row['detected'] for row in tfds.as_numpy(builders[0].as_dataset('train')))


@pytest.mark.slow
def test_the_processes_of_a_killed_build_end_with_it_and_it_starts_again(tmp_path):
    folder = tmp_path / 'archive'
    for person in range(200):
        for label in expressions.BASIC[:2]:
            write_image(folder / label / f'{person:03d}_1.png', person, size=(900, 900))
    command = [sys.executable, '-m', 'tfds_builders.build', f'expression_folders={folder}']
    command += ['--config=originals', f'--data_dir={tmp_path / "data"}', '--workers=2']
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    children = Path(f'/proc/{first.pid}/task/{first.pid}/children')
    deadline = time.monotonic() + 120
    while len(found := children.read_text().split()) < 3:  # Of Python itself, there is one, too.
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    while any(os.path.exists(f'/proc/{child}') for child in found):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert subprocess.run(command, check=False).returncode == 0
    metadata = next((tmp_path / 'data').glob('**/metadata.json'))
    assert sum(json.loads(metadata.read_text())['images']['train'].values()) > 200
    assert not list((tmp_path / 'data').glob('**/incomplete.*'))
