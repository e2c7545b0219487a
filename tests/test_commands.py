"""What every command has in common: quick, quiet, and its own flags."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fer_keras.usage import commands

ROOT = Path(__file__).parents[1]
COMMANDS = sorted(
    path.stem
    for path in (ROOT / 'fer_keras').glob('[a-z]*.py')
    if '\n    flags.start(' in path.read_text()
)
HEAVY = ('tensorflow', 'keras', 'tensorflow_datasets', 'sklearn', 'matplotlib')


def run(*command: str, **options) -> subprocess.CompletedProcess:
    environment = {name: v for name, v in os.environ.items() if not name.startswith('TF_CPP')}
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=ROOT,
        **options,
    )


def loaded_by(code: str) -> set[str]:
    """The modules that a process has loaded when it ends."""
    completed = run('-c', f'{code}\nimport sys; print("LOADED", *sys.modules)')
    assert 'LOADED' in completed.stdout, completed.stderr
    return set(completed.stdout.rpartition('LOADED')[2].split())


def ended(command: str, *arguments: str) -> tuple[str, str, set[str]]:
    """What `python -m fer_keras.COMMAND` prints, with its status, and what it has loaded."""
    code = f"""
import runpy, sys
sys.argv = ['command', *{arguments!r}]
status = 0
try:
    runpy.run_module('fer_keras.{command}', run_name='__main__')
except SystemExit as error:
    status = error.code or 0
print('STATUS', status)
print('LOADED', *sys.modules)
"""
    completed = run('-c', code)
    printed, _, loaded = completed.stdout.rpartition('LOADED')
    return printed, completed.stderr, set(loaded.split())


def test_there_are_commands():
    assert {'train', 'evaluate', 'compare', 'predict', 'export'} <= set(COMMANDS)


@pytest.mark.parametrize('command', COMMANDS)
def test_help_shows_the_commands_own_flags_in_groups_without_tensorflow(command):
    printed, errors, loaded = ended(command, '--help')
    assert errors == ''
    assert printed.startswith(f'usage: python -m fer_keras.{command} ')
    has_flags = command != 'recipes'
    assert ('\ninput:\n' in printed or '\ndata:\n' in printed) == has_flags
    assert printed.endswith('\nSTATUS 0\n')
    assert not loaded & set(HEAVY)


def test_help_shows_nobody_elses_flags():
    shown = {name: run('-m', f'fer_keras.{name}', '--help').stdout for name in ('export', 'train')}
    assert '--formats' in shown['export'] and '--learning_rate' not in shown['export']
    assert '--learning_rate' in shown['train'] and '--formats' not in shown['train']
    assert '--verbosity' not in shown['train']


@pytest.mark.parametrize('command', COMMANDS)
def test_wrong_flags_end_with_2_and_a_line_before_anything_is_loaded(command):
    printed, errors, loaded = ended(command, '--no_such_flag=1')
    assert printed == 'STATUS 2\n'
    assert errors.startswith('error: ') and errors.count('\n') == 1
    assert not loaded & set(HEAVY)


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_by('import fer_keras') & {*HEAVY, 'numpy', 'pandas', 'absl'}


def test_comparing_runs_needs_no_tensorflow(tmp_path):
    header = 'file_name,subject_id,label,predicted,p_happy,p_sad\n'
    rows = ''.join(f'{i}.png,s{i % 4},happy,happy,0.9,0.1\n' for i in range(8))
    for name in ('a', 'b'):
        (tmp_path / f'{name}.csv').write_text(header + rows)
    files = [str(tmp_path / f'{name}.csv') for name in ('a', 'b')]
    printed, errors, loaded = ended('compare', *files)
    assert printed.endswith('STATUS 0\n') and errors == ''
    assert not loaded & {'tensorflow', 'keras'}


def test_a_commands_stderr_holds_nothing_of_tensorflow(tmp_path):
    completed = run('-m', 'fer_keras.find_duplicates', f'--data_dir={tmp_path}', 'cfee/basic_faces')
    assert completed.returncode == 2
    assert completed.stderr.startswith('error: cfee/basic_faces is not prepared')
    assert completed.stderr.count('\n') == 1


def test_one_command_leads_to_all():
    completed = run('-m', 'fer_keras', 'train-saliency', '--help')
    assert completed.returncode == 0 and '--kind' in completed.stdout
    completed = run('-m', 'fer_keras', 'trian')
    assert completed.returncode == 2 and 'no command `trian`' in completed.stderr
    assert 'train_saliency' in completed.stderr
    assert set(commands()) == set(COMMANDS)


@pytest.mark.slow
def test_what_is_installed_has_the_recipes_and_the_cards_of_weights(tmp_path):
    subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '-w', tmp_path, ROOT],
        check=True,
    )
    with zipfile.ZipFile(next(tmp_path.glob('*.whl'))) as wheel:
        names = set(wheel.namelist())
    recipes = {f'fer_keras/experiments/{path.name}' for path in ROOT.glob('experiments/*.flags')}
    assert recipes and recipes <= names
    weights = (ROOT / 'fer_keras' / 'models' / 'weights').iterdir()
    assert {f'fer_keras/models/weights/{path.name}' for path in weights} <= names
    graph = 'fer_keras/pretrained/wild/checkpoints/graph.onnx'
    assert {'tfds_builders/single_shot.npz', 'tfds_builders/single_shot.md', graph} <= names
    assert {'fer_keras/py.typed', 'tfds_builders/py.typed'} <= names
