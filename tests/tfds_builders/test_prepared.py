"""Builds that meet, that were killed, and that find no room."""

import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from tfds_builders import build, demo, locks, prepared
from tfds_builders.errors import describe_machine_error

CONFIG = 'expression_folders/originals'
# Builds, and stands still in the midst of it until a file is there.
SLOW_BUILD = """
import os, sys, time
from tfds_builders import build
from tfds_builders import photo_tasks

def stand_still(*arguments):
    print('building', file=sys.__stdout__, flush=True)
    while not os.path.exists(go_on):
        time.sleep(0.01)
    return original(*arguments)

original, photo_tasks._read = photo_tasks._read, stand_still
go_on = sys.argv.pop()
sys.exit(build.main(sys.argv[1:]))
"""


@pytest.fixture
def photos(tmp_path):
    for label in ('happy', 'sad'):
        for person in 'ab':
            path = tmp_path / 'photos' / label / f'{person}_1.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((8, 8, 3), ord(person), np.uint8))
    return tmp_path / 'photos'


def arguments(photos, data_dir):
    flags = ['--config=originals', '--accept_subjects', f'--data_dir={data_dir}']
    return [f'expression_folders={photos}', *flags]


def start(photos, data_dir, go_on):
    command = [sys.executable, '-c', SLOW_BUILD, *arguments(photos, data_dir), str(go_on)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'building\n'
    return process


@pytest.mark.slow
def test_of_two_builds_at_once_the_second_says_so_and_waits(photos, tmp_path, capsys, monkeypatch):
    first = start(photos, tmp_path / 'data', tmp_path / 'go_on')
    say = prepared._say_waiting

    def say_and_let_go_on(message):
        say(message)
        (tmp_path / 'go_on').touch()

    monkeypatch.setattr(prepared, '_say_waiting', say_and_let_go_on)
    assert build.main(arguments(photos, tmp_path / 'data')) == 0
    printed = capsys.readouterr()
    assert f'written by a build of expression_folders by process {first.pid} on' in printed.err
    assert 'Waiting for it; Ctrl-C ends the waiting.' in printed.err
    assert 'was already built' in printed.out
    assert first.wait() == 0
    assert os.listdir(tmp_path / 'data' / CONFIG) == ['1.1.0']


def test_a_killed_build_starts_again_cleanly(photos, tmp_path, capsys):
    first = start(photos, tmp_path / 'data', tmp_path / 'never')
    first.send_signal(signal.SIGKILL)
    first.wait()
    left = os.listdir(tmp_path / 'data' / CONFIG)
    assert any(name.startswith('incomplete.') for name in left)
    assert build.main(arguments(photos, tmp_path / 'data')) == 0
    assert 'note' not in capsys.readouterr().err
    assert os.listdir(tmp_path / 'data' / CONFIG) == ['1.1.0']


def test_what_another_program_is_writing_stays(photos, tmp_path):
    folder = tmp_path / 'data' / CONFIG
    old, new = folder / 'incomplete.OLD_1.1.0', folder / 'incomplete.NEW_1.1.0'
    for left in (old, new):
        left.mkdir(parents=True)
        (left / 'part').write_text('')
    then = time.time() - 2 * locks.FREE_AFTER_S
    for path in (old, old / 'part', new):
        os.utime(path, (then, then))
    assert build.main(arguments(photos, tmp_path / 'data')) == 0
    assert sorted(os.listdir(folder)) == ['1.1.0', new.name]


def test_a_folder_that_holds_no_whole_set_is_named(photos, tmp_path, capsys):
    (tmp_path / 'data' / CONFIG / '1.1.0').mkdir(parents=True)
    assert build.main(arguments(photos, tmp_path / 'data')) == 1
    assert 'without dataset_info.json. Delete that folder' in capsys.readouterr().err


@pytest.mark.parametrize('place', ['file', 'file/inside', '/proc/data'])
def test_a_place_that_cannot_be_written_to_ends_in_a_line(place, photos, tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    assert build.main(arguments(photos, tmp_path / place)) in (1, 2)
    told = capsys.readouterr().err
    assert told.startswith('error: ') and told.count('\n') == 1 and 'cannot be written to' in told


def test_the_machines_refusals_are_told_whatever_library_says_them():
    import tensorflow as tf

    with pytest.raises(tf.errors.OpError) as raised:
        tf.io.write_file('/dev/full', 'x' * 100000)
    told = describe_machine_error(raised.value)
    assert told.startswith('/dev/full; No space left on device. Make room there')
    with pytest.raises(NotADirectoryError) as raised:
        os.listdir('/dev/full')
    assert describe_machine_error(raised.value).startswith('Not a directory: /dev/full. A file is')
    text = "Unable to write (errno = 28, error message = 'No space left on device')"
    assert 'Make room' in describe_machine_error(OSError(text))
    assert describe_machine_error(ValueError('No space left on device')) == ''
    assert describe_machine_error(FileNotFoundError(2, 'No such file or directory', 'a')) == ''
    missing, own = (ModuleNotFoundError(name=name) for name in ('sklearn', 'fer_keras.trian'))
    assert (
        describe_machine_error(missing) == 'sklearn is not installed. Type: pip install fer_keras'
    )
    assert describe_machine_error(own) == ''


def test_a_tilde_is_the_home_in_every_path_of_a_build(photos, monkeypatch, capsys):
    monkeypatch.setenv('HOME', str(photos.parent))
    options = build.parse(['cfee=~/a', 'rafd', '--manual_dir', '~/b', '--data_dir=~/c'])
    home = str(photos.parent)
    assert {name: str(folder) for name, folder in options.sets.items()} == {
        'cfee': f'{home}/a',
        'rafd': f'{home}/b',
    }
    assert str(options.data_dir) == f'{home}/c'
    written = []
    monkeypatch.setattr(demo, 'write_demo_archives', lambda folder, **_: written.append(folder))
    assert demo.main(['--output_dir=~/d']) == 0 and written == [f'{home}/d']
    assert build.main(['rafd', '--data_dir=~nobody_here/x']) == 2
    assert (
        'there is no such user. For a folder of that name, give ./~nob' in capsys.readouterr().err
    )
