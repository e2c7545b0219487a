"""TensorFlow is loaded without a word, and what fails is told all the same."""

import os
import subprocess
import sys

import pytest

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


def test_whoever_asks_for_the_notes_gets_them():
    assert 'cpu_feature_guard' in run(LOAD, TF_CPP_MIN_LOG_LEVEL='0').stderr


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
