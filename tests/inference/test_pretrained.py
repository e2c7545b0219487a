"""The classifier that comes with the package answers without any training."""

from pathlib import Path

import numpy as np
import pytest

import fer_keras
from fer_keras.config.choices import BACKBONES
from fer_keras.config.model import ModelConfig
from fer_keras.errors import InvalidInputError
from fer_keras.inference.trained_files import find_trained
from fer_keras.pretrained.names import DEFAULT, NAMES, locate
from fer_keras.provenance.storage import find_record
from fer_keras.training.initial_weights import require_fitting
from tests.fakes import BASIC, png_bytes, portraits
from tests.test_end_to_end import run
from tfds_builders.drawing.people import draw_photo


@pytest.mark.parametrize('name', NAMES)
def test_it_is_small_whole_and_has_its_card(name):
    folder = Path(locate(name))
    files = [file for file in folder.rglob('*') if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 10 * 2**20
    card = (folder / 'README.md').read_text()
    for heading in ('## Taught by', '## Measured', '## Known failures', '## Not for', '## Terms'):
        assert heading in card
    trained = find_trained(name)
    assert trained.name == name and trained.read_flags()['backbone'] in BACKBONES
    record = find_record(name)
    assert record.sources and record.images == trained.read_record().images


def test_a_folder_of_the_same_name_is_asked_for_with_a_dot(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEFAULT).mkdir()
    assert find_trained(DEFAULT).name == DEFAULT
    with pytest.raises(FileNotFoundError, match='neither a run folder.*of the package: wild'):
        find_trained(f'./{DEFAULT}')


def test_it_recognises_people_whom_nobody_has_seen():
    """Drawn people, of whom some taught it; the numbers on real ones stand on its card."""
    photos = [draw_photo(person, name) for person in range(900, 904) for name in BASIC]
    table = fer_keras.load().predict(photos)
    assert table['face'].eq(0).all() and set(fer_keras.load().names) == set(BASIC)
    assert np.mean(table['label'].to_numpy() == np.tile(BASIC, 4)) > 0.6


def test_a_photo_is_answered_on_the_screen_without_any_flag(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo = tmp_path / 'photo.png'
    photo.write_bytes(png_bytes(portraits(1)[0]))
    completed = run('predict', photo)
    assert completed.returncode == 0, completed.stderr[-3000:]
    lines = completed.stdout.splitlines()
    assert lines[0].split() == ['file', 'face', 'box', 'label', 'score', 'next', 'score']
    assert lines[1].startswith('photo.png  0') and lines[1].count('%') == 2
    assert lines[2] == '1 row of 1 file, 0 unreadable'
    assert [file.name for file in tmp_path.iterdir()] == ['photo.png']


@pytest.mark.slow
def test_it_is_served_without_any_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    completed = run('export', f'--model={DEFAULT}')
    assert completed.returncode == 0, completed.stderr[-3000:]
    served = tmp_path / DEFAULT / 'saved_model'
    assert (served / '1' / 'saved_model.pb').is_file()
    card = (served / '1' / 'model_card.md').read_text()
    assert 'fer2013/originals' in card and str(Path.home()) not in card
    assert find_record(served).sources == find_record(DEFAULT).sources
    photos = portraits(2)
    ours, exported = (fer_keras.load(path).predict(photos) for path in (DEFAULT, served))
    columns = [f'p_{name}' for name in BASIC]
    np.testing.assert_allclose(exported[columns], ours[columns], atol=1e-5)


def test_another_recipe_is_told_the_flags_that_start_from_it():
    with pytest.raises(InvalidInputError, match='branches as wild, from which') as refused:
        require_fitting(ModelConfig(initial_weights=DEFAULT, hog_branch=True, crop=0.8))
    for flag in ('--backbone=', '--color=', '--crop=1.0', '--hog_branch=False'):
        assert flag in str(refused.value)
    known = find_trained(DEFAULT).read_flags()
    fitting = ModelConfig(initial_weights=DEFAULT, backbone=known['backbone'], color=known['color'])
    require_fitting(fitting)
