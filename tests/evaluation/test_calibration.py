"""A temperature changes how certain a classifier is, and nothing else."""

import json

import numpy as np
import pytest

from fer_keras import calibrate as command
from fer_keras.config.data import DataConfig
from fer_keras.config.run import RunConfig
from fer_keras.config.training import TrainingConfig
from fer_keras.data.datasets import open_sources
from fer_keras.data.recording import make_record
from fer_keras.data.splits import read_split
from fer_keras.evaluation.calibration import fit_temperature
from fer_keras.evaluation.predicting import predict_split
from fer_keras.evaluation.predictions import probabilities_of
from fer_keras.models.classifier import divide_scores, load_classifier
from fer_keras.provenance.storage import find_record
from tests.fakes import BASIC, tiniest_model, write_dataset, write_untrained_run


def test_the_temperature_of_calibrated_answers_is_one():
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(3), 20000)
    truth = np.array([generator.choice(3, p=row) for row in probabilities])
    assert fit_temperature(probabilities, truth) == pytest.approx(1, abs=0.05)
    # Their logarithms doubled: twice too sure.
    squared = probabilities**2 / (probabilities**2).sum(axis=1, keepdims=True)
    assert fit_temperature(squared, truth) == pytest.approx(2, abs=0.1)


def test_answers_divided_by_their_temperature_have_the_temperature_one():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 500)
    truth = np.where(np.arange(500) % 3, probabilities.argmax(axis=1), 0)
    fitted = fit_temperature(probabilities, truth)
    divided = probabilities ** (1 / fitted)
    divided /= divided.sum(axis=1, keepdims=True)
    assert abs(fitted - 1) > 0.05
    assert fit_temperature(divided, truth) == pytest.approx(1, abs=1e-3)


def test_impossible_answers_have_a_temperature_too():
    assert np.isfinite(fit_temperature(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 0])))


@pytest.mark.parametrize('hog_branch', [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_run_is_calibrated_where_its_weights_lie(tmp_path, hog_branch, capsys):
    write_dataset(tmp_path, people={'train': 2, 'validation': 3, 'test': 1})
    write_dataset(tmp_path, name='other', people={'train': 2, 'validation': 2, 'test': 1})
    data = DataConfig(data_dir=str(tmp_path), source='fake,other', image_size_px=48, batch_size=4)
    run_dir = write_untrained_run(tmp_path / 'run', tiniest_model(hog_branch=hog_branch))
    sources = open_sources(data)
    validation = read_split(sources, 'validation', BASIC)
    with open(run_dir.training_record_file, 'wb') as file:
        file.write(make_record(validation, validation, (), sources).to_bytes())
    model = load_classifier(run_dir.model_file)
    divide_scores(model, 0.01)  # Far too sure of what it does not know.
    model.save(run_dir.model_file)
    before = predict_split(model, validation, data, BASIC)

    command.main(RunConfig(data, training=TrainingConfig(run_dir=run_dir.path)))

    with open(run_dir.calibration_file) as file:
        found = json.load(file)
    after = predict_split(load_classifier(run_dir.model_file), validation, data, BASIC)
    assert found['temperature'] > 1.5
    assert list(after['predicted']) == list(before['predicted'])
    assert probabilities_of(after, BASIC).max() < probabilities_of(before, BASIC).max()
    assert found['fake']['images'] == 3 * len(BASIC)
    assert found['other']['images'] == 2 * len(BASIC)
    assert find_record(run_dir.model_file).sources == ('fake', 'other')
    printed = capsys.readouterr().out
    assert (
        'temperature ' in printed and 'fake' in printed and 'expected calibration error' in printed
    )
