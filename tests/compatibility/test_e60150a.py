"""What people have from commit e60150a still loads and answers alike; see README.md beside this."""

import csv
import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import fer_keras
from fer_keras import flags
from fer_keras.data.datasets import label_names, open_dataset
from fer_keras.data.decoding import decode
from fer_keras.data.splits import read_split
from fer_keras.models.backbones import BACKBONES
from fer_keras.models.classifier import load_classifier
from fer_keras.run_dir import RunDir
from fer_keras.training.session import train
from tests.compatibility.make_artifacts import COMMIT, DESCRIBED, SETS, random_inputs, small_weights
from tests.fakes import TINY_BACKBONE
from tfds_builders import splits

ROOT = Path(__file__).parents[2]
# Each class that was registered in the package `fer_keras`: whatever its name is now.
REGISTERED = (
    'BgrMinusMean', 'BlendFusion', 'BothSides', 'CenterGaussian', 'DecideTogether',
    'DivideByMaximum', 'ExpOfLogits', 'LearnedPrior', 'Letterbox', 'LogPrior', 'MapChannel',
    'MapOfAnother', 'MeanOfSides', 'NormalizedGradients', 'OrientationHistograms',
    'ResidualFusion', 'ResizeMap', 'SavedModelLayer', 'SpectralResidual', 'UndoLetterbox',
    '_UnitInterval',
)  # fmt: skip
CLASSIFIERS = ('folder_blend_grey', 'spectral_multiply', 'plain_mirrored', 'center_bfloat16')
# bfloat16 has eight bits, and each kind of processor adds in another order.
TOLERANCE = {'center_bfloat16': 1e-2}


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """A folder with everything; the paths inside the runs are relative to it."""
    folder = tmp_path_factory.mktemp('compatibility')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)  # Python 3.12 wants a filter.
        shutil.unpack_archive(Path(__file__).with_name(f'{COMMIT}.tar.xz'), folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / COMMIT)
        yield folder / COMMIT


def run_command(module, *arguments):
    """Runs a command where the artifacts are, with the code of this checkout."""
    return subprocess.run(
        [sys.executable, '-m', f'fer_keras.{module}', *arguments],
        env=os.environ | {'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def read_flags(file):
    return flags.parse_run([f'--flagfile={file}'])


def probabilities(path):
    answers = fer_keras.load(path).predict_crops(np.load('expected/images.npy'))
    return answers.filter(like='p_').to_numpy()


# Intervals are wider since they hold what they promise for few people.
_OF_OTHER_METHODS = ('accuracy_interval', 'intervals')


def assert_holds(found, expected, where=''):
    """What was there must be there, with numbers that differ by at most 1e-6; more may be."""
    if isinstance(expected, dict):
        assert set(expected) <= set(found), where
        for key, value in expected.items():
            if key in _OF_OTHER_METHODS:
                continue
            assert_holds(found[key], value, f'{where}/{key}')
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for position, value in enumerate(expected):
            assert_holds(found[position], value, f'{where}/{position}')
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-6), where
    else:
        assert found == expected, where


# Prepared sets.


@pytest.mark.parametrize('name', SETS)
def test_a_prepared_set_is_read_as_it_was(made, name):
    with open('expected/sets.csv', newline='') as file:
        expected = [row for row in csv.DictReader(file) if row['set'] == name]
    builder = open_dataset(name, 'data')
    names, found = label_names([builder]), []
    for split in ('train', 'validation', 'test'):
        for example in read_split([builder], split, names).examples:
            texts = {key: example[key].numpy().decode() for key in DESCRIBED}
            label = names[int(example['label'])]
            pixels = np.ravel(decode(example['image'], 2))
            found.append({'set': name, 'split': split, **texts, 'label': label, 'pixels': pixels})
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        pixels = np.array(other.pop('pixels').split(), float)
        np.testing.assert_allclose(one.pop('pixels'), pixels, atol=1)
        assert one == other


def test_a_fold_of_a_prepared_set_holds_the_same_people(made):
    builder = open_dataset('expression_folders/originals', 'data')
    with open('expected/sets.csv', newline='') as file:
        people = {
            row['subject_id']
            for row in csv.DictReader(file)
            if row['set'] == 'expression_folders/originals'
        }
    fold_of = {
        one: splits.fold_of(splits.subject_slot('expression_folders', one)) for one in people
    }
    fold = fold_of['001']
    source = read_split([builder], 'test', label_names([builder]), fold=fold)
    found = {example['subject_id'].numpy().decode() for example in source.examples}
    assert found == {one for one, its_fold in fold_of.items() if its_fold == fold}


# Runs, model files and SavedModels.


@pytest.mark.parametrize(
    ('path', 'expected'),
    [
        ('runs/finished', 'finished'),
        ('runs/finished/checkpoints/best.keras', 'finished'),
        ('runs/finished/saved_model', 'saved_model'),
    ],
)
def test_a_run_its_model_file_and_its_saved_model_answer_alike(made, path, expected):
    assert fer_keras.load(path).names == ('happy', 'sad', 'surprised')
    np.testing.assert_allclose(probabilities(path), np.load(f'expected/{expected}.npy'), atol=1e-5)


@pytest.mark.slow
def test_evaluate_finds_the_numbers_of_the_report(made):
    completed = run_command('evaluate', '--run_dir=runs/finished')
    assert completed.returncode == 0, completed.stderr[-3000:]
    folder = Path('runs/finished/report')
    again = folder / 'expression_folders_originals_test'
    found, expected = (json.loads((f / 'metrics.json').read_text()) for f in (again, folder))
    assert_holds(found, expected)
    found, expected = (pd.read_csv(f / 'predictions.csv') for f in (again, folder))
    pd.testing.assert_frame_equal(found[expected.columns], expected, atol=1e-5, rtol=0)


def test_a_finished_run_is_not_trained_again(made):
    run = read_flags('runs/finished/flags.txt')
    with pytest.raises(FileExistsError, match='already holds a run'):
        train(run, RunDir('runs/finished'))


@pytest.mark.slow
def test_an_unfinished_run_goes_on_to_where_it_would_have_come(made, monkeypatch):
    # The backbone's name is one that people have; the network is small, so that the state is.
    monkeypatch.setitem(BACKBONES, 'mobilenet_v2', TINY_BACKBONE)
    run = read_flags('runs/unfinished/flags.txt')
    run_dir = RunDir('runs/unfinished')
    assert len(pd.read_csv(run_dir.history_file)) == 1
    assert train(run, run_dir)
    expected = pd.read_csv('expected/resumed_history.csv')
    found = pd.read_csv(run_dir.history_file)[expected.columns]
    pd.testing.assert_frame_equal(found, expected, atol=1e-4, rtol=0)
    weights = small_weights(load_classifier(run_dir.model_file))
    for one, other in zip(weights, np.load('expected/resumed_weights.npz').values(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize('name', CLASSIFIERS)
def test_a_model_file_answers_alike(made, name):
    model = load_classifier(f'models/{name}.keras')
    answers = model(random_inputs(model.input_shape[1:], 255), training=False)
    expected = np.load(f'expected/{name}.npy')
    np.testing.assert_allclose(answers, expected, atol=TOLERANCE.get(name, 1e-5))


@pytest.mark.parametrize('name', REGISTERED)
def test_a_class_keeps_the_name_that_files_call_it_by(name):
    assert keras.saving.get_registered_object(f'fer_keras>{name}') is not None


def test_every_layer_answers_alike(made):
    model = load_classifier('models/every_layer.keras')
    answers = model(random_inputs(model.input_shape[1:], 255), training=False)
    expected = np.load('expected/every_layer.npz')
    assert set(answers) == set(expected.files)
    assert set(expected.files) == set(REGISTERED) - {'SavedModelLayer'}
    for name in expected.files:
        np.testing.assert_allclose(
            answers[name], expected[name], atol=1e-4, rtol=1e-5, err_msg=name
        )


@pytest.mark.parametrize('name', ['GroupedAdamW', 'GroupedSGD'])
def test_a_model_file_with_an_optimizer_that_is_gone_answers_alike(made, name):
    path, expected = f'models/{name}.keras', np.load(f'expected/{name}.npy')
    inputs = random_inputs((4,), 1)
    np.testing.assert_allclose(load_classifier(path)(inputs), expected, atol=1e-5)


# Flags.


def test_the_flags_of_a_run_give_its_configuration(made):
    run = read_flags('runs/unfinished/flags.txt')
    assert run.data.source_names == ('expression_folders/originals',)
    assert (run.data.image_size_px, run.data.batch_size, run.data.cache) == (48, 6, True)
    assert (run.model.saliency, run.model.fusion) == ('center', 'blend')
    assert run.model.fusion_strength == 0.3 and not run.model.average_mirrored
    assert (run.training.epochs, run.training.ema_momentum) == (2, 0.5)
    assert (run.training.monitor, run.training.strategy) == ('val_loss', 'one_device')


def test_neither_flag_of_balance_is_no_balance(made):
    assert read_flags('runs/finished/flags.txt').data.balance == 'none'


@pytest.mark.parametrize(
    ('name', 'balance'), [('balance_classes', 'loss'), ('balanced_sampling', 'sampling')]
)
def test_either_flag_of_balance_is_read_as_the_one_option_and_named(made, capfd, name, balance):
    assert read_flags(f'flags/{name}.txt').data.balance == balance
    assert name in capfd.readouterr().err


def test_both_flags_of_balance_are_read_and_named(made, capfd):
    """The run was trained with both at once, which is no choice any more; it still loads."""
    assert read_flags('flags/both_balances.txt').data.balance in ('loss', 'sampling')
    printed = capfd.readouterr().err
    assert 'balance_classes' in printed and 'balanced_sampling' in printed


def test_the_shallow_branch_is_read_as_that_of_histograms(made):
    run = read_flags('flags/shallow_source.txt')
    assert run.model.hog_branch and run.data.hog_source == 'rafd/frontal_faces'


@pytest.mark.parametrize(
    ('name', 'given'), [('group_rates', '0.1,0.3,1'), ('precision_auto', 'auto')]
)
def test_a_flag_that_has_gone_is_read_and_named(made, capfd, name, given):
    run = read_flags(f'flags/{name}.txt')
    assert run.training.precision == 'float32' and run.model.saliency == 'center'
    printed = capfd.readouterr().err
    assert name.removesuffix('_auto') in printed and given in printed
