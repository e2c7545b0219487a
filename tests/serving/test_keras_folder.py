"""A classifier to hand on answers as the one that was trained, and tells nothing of its machine."""

import json
import os
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pandas as pd
import pytest

import fer_keras
from fer_keras.config.fields import as_flags
from fer_keras.config.model import ModelConfig
from fer_keras.config.run import RunConfig
from fer_keras.config.serving import ExportConfig
from fer_keras.config.training import TrainingConfig
from fer_keras.inference.trained_files import find_trained
from fer_keras.models.classifier import load_classifier
from fer_keras.provenance.record import TrainingRecord
from fer_keras.provenance.storage import add_to_archive, find_record
from fer_keras.run_dir import RunDir
from fer_keras.serving.exporting import export_run
from tests.fakes import BASIC, random_images, tiniest_model, write_untrained_run

# What the card tells of a test.
METRICS = {
    'target': 'fake/1.0.0',
    'target_split': 'test',
    'images': 7,
    'subjects': 3,
    'accuracy': 0.5,
    'accuracy_interval': [0.1, 0.9],
    'unweighted_average_recall': 0.5,
    'per_class': {},
}


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """A run whose flags name places of a machine, and what it hands on."""
    folder = tmp_path_factory.mktemp('runs')
    run_dir = write_untrained_run(folder / 'mine', tiniest_model(color='grey'))
    model = ModelConfig(
        backbone='tiny', backbone_weights=str(folder / 'secret' / 'w.h5'), color='grey'
    )
    run = RunConfig(model=model, training=TrainingConfig(run_dir=run_dir.path))
    Path(run_dir.flags_file).write_text(as_flags(run))
    record = TrainingRecord((), {'backbone': f'{folder}/secret/w.h5 (SHA-256 0123456789ab)'})
    add_to_archive(run_dir.model_file, record.to_bytes())
    metrics = Path(run_dir.report_dir(), 'metrics.json')
    metrics.parent.mkdir()
    metrics.write_text(json.dumps(METRICS | {'taught': {'pretrained': record.pretrained}}))
    export_run(run, ExportConfig(formats=('keras',)))
    return run_dir, RunDir(run_dir.keras_dir)


def test_it_answers_as_the_trained_one_and_is_half_as_large(exported):
    known, handed_on = exported
    images = random_images(4, 48)
    expected = fer_keras.load(known.path).predict_crops(images)
    for path in (handed_on.path, handed_on.model_file):
        pd.testing.assert_frame_equal(
            fer_keras.load(path).predict_crops(images), expected, atol=2e-3, rtol=0
        )
    assert find_trained(handed_on.path).read_flags()['color'] == 'grey'


def test_kernels_alone_are_halved_and_calculate_in_float32(exported):
    known, handed_on = exported
    with zipfile.ZipFile(handed_on.model_file) as archive:
        weights = h5py.File(archive.open('model.weights.h5'))
        types = {}
        weights.visititems(
            lambda name, item: (
                types.setdefault(item.ndim > 1, set()).add(item.dtype.name)
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    assert types == {True: {'float16'}, False: {'float32'}}
    exact, halved = load_classifier(known.model_file), load_classifier(handed_on.model_file)
    for one, other in zip(exact.weights, halved.weights, strict=True):
        assert other.dtype == 'float32'
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-6)


def test_no_place_of_the_machine_goes_along(exported):
    _, handed_on = exported
    for folder, _, files in os.walk(handed_on.path):
        for file in files:
            assert b'secret' not in Path(folder, file).read_bytes(), file
    record = find_record(handed_on.model_file)
    assert record.pretrained == {'backbone': 'w.h5 (SHA-256 0123456789ab)'}
    card = Path(handed_on.card_file).read_text()
    assert 'w.h5' in card and '| accuracy | 50.0% |' in card


def test_values_beyond_half_precision_stay_as_they_are(exported, tmp_path):
    known, _ = exported
    model = load_classifier(known.model_file)
    kernel = model.get_layer('probabilities').kernel
    kernel.assign(np.full(kernel.shape, 1e6))
    large = write_untrained_run(tmp_path / 'large')
    model.save(large.model_file)
    run = RunConfig(training=TrainingConfig(run_dir=large.path))
    export_run(run, ExportConfig(formats=('keras',), output=str(tmp_path / 'out')))
    found = load_classifier(RunDir(str(tmp_path / 'out' / 'keras')).model_file)
    assert np.all(found.get_layer('probabilities').kernel == 1e6)


def test_nothing_of_the_optimizer_is_kept(exported, tmp_path):
    known, _ = exported
    model = load_classifier(known.model_file)
    model.compile(keras.optimizers.AdamW(), 'categorical_crossentropy')
    model.fit(random_images(2, 48).astype(np.float32), np.eye(len(BASIC))[:2], verbose=0)
    trained = write_untrained_run(tmp_path / 'trained')
    model.save(trained.model_file)
    run = RunConfig(training=TrainingConfig(run_dir=trained.path))
    export_run(run, ExportConfig(formats=('keras',)))
    with zipfile.ZipFile(RunDir(trained.keras_dir).model_file) as archive:
        assert not any('optimizer' in name for name in h5py.File(archive.open('model.weights.h5')))
