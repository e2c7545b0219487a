import shutil
import subprocess
from pathlib import Path

import pytest

from fer_keras import environment


def commit_all(folder):
    name = ('-c', 'user.name=a', '-c', 'user.email=a@b.c')
    for command in (['init', '-q'], ['add', '-A'], [*name, 'commit', '-qm', 'all']):
        subprocess.run(['git', *command], cwd=folder, check=True)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder like ours, in which the package lies."""
    (tmp_path / 'setup.cfg').touch()
    package = tmp_path / 'fer_keras'
    package.mkdir()
    monkeypatch.setattr(environment, '__file__', str(package / 'environment.py'))
    shutil.copy(Path(__file__), package / 'environment.py')
    return tmp_path


def test_the_commit_is_that_of_our_checkout(checkout):
    commit_all(checkout)
    commit = environment._commit()
    assert len(commit) >= 7
    (checkout / 'setup.cfg').write_text('changed')
    assert environment._commit() == f'{commit}-dirty'


def test_the_repository_around_an_installed_package_is_not_ours(checkout, monkeypatch):
    installed = checkout / '.venv/lib/site-packages/fer_keras/environment.py'
    monkeypatch.setattr(environment, '__file__', str(installed))
    installed.parent.mkdir(parents=True)
    commit_all(checkout)
    assert environment._commit() == ''


def test_without_a_repository_there_is_no_commit(checkout):
    assert environment._commit() == ''
