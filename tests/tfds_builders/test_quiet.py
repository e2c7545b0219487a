"""TensorFlow is loaded without a word, and what fails is told all the same."""

import os
import platform
import subprocess
import sys

import pytest
import tensorflow as tf

from tfds_builders import quiet

LOAD = 'from tfds_builders.quiet import load_tensorflow; tf = load_tensorflow();'


def run(code, *, close_stderr=False, **variables):
    """Runs code in a process whose environment does not set the level of the log."""
    environment = {k: v for k, v in os.environ.items() if k != 'TF_CPP_MIN_LOG_LEVEL'}
    command = [sys.executable, '-c', code]
    if close_stderr:
        command = ['sh', '-c', 'exec "$@" 2>&-', 'sh', *command]
    return subprocess.run(
        command, env=environment | variables, capture_output=True, text=True, check=False
    )


def test_nothing_is_printed_while_tensorflow_loads_and_runs():
    use = "print(len(tf.config.list_physical_devices('CPU')), int(tf.constant(1) + 1))"
    twice = 'assert load_tensorflow() is tf; import os; os.write(2, b"later");'
    done = run(LOAD + twice + use)
    assert (done.returncode, done.stdout, done.stderr) == (0, '1 2\n', 'later')


@pytest.mark.slow
def test_whoever_asks_for_the_notes_gets_them():
    assert 'cpu_feature_guard' in run(LOAD, TF_CPP_MIN_LOG_LEVEL='0').stderr


@pytest.mark.skipif(platform.machine() not in ('x86_64', 'AMD64'), reason='of x86 alone')
def test_onednn_is_on_where_it_is_wanted_and_nobody_says_no(monkeypatch):
    for said, asked, expected in ((None, True, '1'), ('0', True, '0'), (None, False, None)):
        monkeypatch.delenv('TF_ENABLE_ONEDNN_OPTS', raising=False)
        if said:
            monkeypatch.setenv('TF_ENABLE_ONEDNN_OPTS', said)
        monkeypatch.setattr(quiet, '_import_tensorflow', lambda: tf)
        monkeypatch.setattr(quiet, '_is_loaded', False)
        quiet.load_tensorflow(onednn=asked)
        assert os.environ.get('TF_ENABLE_ONEDNN_OPTS') == expected


@pytest.mark.slow
def test_a_closed_stderr_is_no_reason_to_fail():
    done = run(LOAD + 'print(int(tf.constant(1) + 1))', close_stderr=True)
    assert (done.returncode, done.stdout) == (0, '2\n')


def test_what_was_held_is_written_out_when_the_import_fails():
    broken = (
        'import os, sys, types\n'
        'class Broken:\n'
        '    def find_spec(self, name, path=None, target=None):\n'
        '        if name == "tensorflow":\n'
        '            os.write(2, b"libcuda is of another version\\n")\n'
        '            raise ImportError("no TensorFlow")\n'
        'sys.meta_path.insert(0, Broken())\n'
    )
    done = run(broken + LOAD)
    assert done.returncode == 1
    assert done.stderr.startswith('libcuda is of another version\nTraceback')
    assert done.stderr.rstrip().endswith('ImportError: no TensorFlow')


def test_what_is_held_is_held_for_the_time_of_the_block_only(capfd):
    from tfds_builders.quiet import hold_stderr

    with hold_stderr():
        os.write(2, b'inside')
    os.write(2, b'after')
    assert capfd.readouterr().err == 'after'
    with pytest.raises(KeyError), hold_stderr():
        os.write(2, b'the reason')
        raise KeyError
    assert capfd.readouterr().err == 'the reason'


def run_module(*arguments):
    code = f'import sys, runpy; sys.argv = {["tfds_builders", *map(str, arguments[1:])]!r};'
    return run(f'{code} runpy.run_module({arguments[0]!r}, run_name="__main__")')


@pytest.mark.slow
def test_commands_print_what_is_for_the_user_and_nothing_else(tmp_path):
    drawn = run_module('tfds_builders.demo', f'--output_dir={tmp_path / "in"}', '--subjects=1')
    assert (drawn.returncode, drawn.stderr) == (0, '')
    folders = [f'--manual_dir={tmp_path / "in"}', f'--data_dir={tmp_path / "out"}']
    built = run_module('tfds_builders.build', 'cfee', *folders)
    assert built.returncode == 0, built.stderr
    lines = [line for line in built.stderr.replace('\r', '\n').split('\n') if line.strip()]
    assert lines
    # The bar of the builder.
    assert all(line.startswith('cfee/basic_faces/1.1.0: ') for line in lines), built.stderr
    assert 'no face found' in built.stdout and 'Downloading' not in built.stdout


def test_help_and_wrong_flags_do_not_load_tensorflow():
    for arguments in (['--help'], ['nosuchset'], ['cfee', '--config=none'], []):
        done = run(
            'import sys; from tfds_builders import build\n'
            f'try: status = build.main({arguments!r})\n'
            'except SystemExit as stop: status = stop.code\n'
            'assert "tensorflow" not in sys.modules\n'
            'sys.exit(status)'
        )
        assert done.returncode == (0 if arguments == ['--help'] else 2)
        assert done.stderr.count('\n') == (0 if arguments == ['--help'] else 1), done.stderr
