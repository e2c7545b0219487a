"""A run keeps a hash of what lies behind the path of its saliency."""

import cv2
import numpy as np
import pytest

from fer_keras import files
from fer_keras.config.model import ModelConfig
from fer_keras.data.datasets import open_dataset
from fer_keras.data.splits import read_split
from fer_keras.inference.saliency_contents import (
    read_recorded,
    record_contents,
    require_same_model,
)
from fer_keras.run_dir import RunDir
from tests.fakes import BASIC, write_dataset


@pytest.fixture
def run_dir(tmp_path):
    (tmp_path / 'run').mkdir()
    found = RunDir(str(tmp_path / 'run'))
    (tmp_path / 'run/environment.json').write_text('{"python": "3"}')
    return found


def recorded_by(run_dir, model, splits=()):
    record_contents(run_dir, read_recorded(run_dir), model, splits, is_chief=True)
    return files.read_json(run_dir.environment_file)


def test_another_saved_model_under_the_path_is_refused(tmp_path, run_dir):
    (tmp_path / 'model/variables').mkdir(parents=True)
    (tmp_path / 'model/saved_model.pb').write_bytes(b'graph')
    weights = tmp_path / 'model/variables/variables.data'
    weights.write_bytes(b'one')
    model = ModelConfig(saliency=f'saved_model:{tmp_path / "model"}')
    environment = recorded_by(run_dir, model)
    assert environment == recorded_by(run_dir, model) and environment['python'] == '3'
    require_same_model(model, run_dir)
    weights.write_bytes(b'two')
    with pytest.raises(ValueError, match='in which files have changed'):
        recorded_by(run_dir, model)
    with pytest.raises(ValueError, match='train again in another --run_dir'):
        require_same_model(model, run_dir)
    # Runs of earlier versions have no hash.
    files.write_json(run_dir.environment_file, {})
    require_same_model(model, run_dir)


def test_other_maps_of_what_is_trained_on_are_refused_and_those_of_targets_may_come(
    tmp_path, run_dir
):
    write_dataset(tmp_path, names=BASIC[:2], people={'train': 1})
    maps = tmp_path / 'maps'
    maps.mkdir()
    names = [f'train0_{name}_0.png' for name in BASIC[:2]]
    for name in names:
        cv2.imwrite(str(maps / name), np.full((8, 8), 7, np.uint8))
    split = read_split([open_dataset('fake', str(tmp_path))], 'train', BASIC[:2], str(maps))
    model = ModelConfig(saliency=f'folder:{maps}')
    environment = recorded_by(run_dir, model, [split])
    cv2.imwrite(str(maps / 'of_a_target.png'), np.full((8, 8), 9, np.uint8))
    assert recorded_by(run_dir, model, [split]) == environment
    require_same_model(model, run_dir)
    cv2.imwrite(str(maps / names[0]), np.full((8, 8), 9, np.uint8))
    with pytest.raises(ValueError, match='must stay what it was trained with'):
        recorded_by(run_dir, model, [split])


def test_saliency_that_is_ours_needs_no_hash(run_dir):
    assert 'saliency_sha256' not in recorded_by(run_dir, ModelConfig(saliency='none'))
