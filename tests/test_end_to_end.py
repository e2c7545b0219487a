"""The commands as a user types them, on a data set that can be learned in seconds."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from fer_keras.config.data import DataConfig
from fer_keras.config.run import RunConfig
from fer_keras.config.training import TrainingConfig
from fer_keras.data.datasets import open_dataset
from fer_keras.data.splits import read_split
from fer_keras.evaluation.predicting import predict_split
from fer_keras.models.classifier import load_classifier
from fer_keras.run_dir import RunDir
from fer_keras.training.session import train
from tests.fakes import BASIC, tiniest_model, write_dataset

TRAIN = [
    '--source=fake', '--backbone=mobilenet', '--backbone_weights=none',
    '--image_size_px=48', '--batch_size=14', '--augmentation=none', '--epochs=7', '--head_epochs=0',
    '--learning_rate=3e-3', '--saliency=center', '--deterministic', '--dropout=0',
]  # fmt: skip


def run(module, *arguments):
    command = [sys.executable, '-m', f'fer_keras.{module}', *map(str, arguments)]
    # Nobody has asked TensorFlow to be quiet.
    environment = {name: v for name, v in os.environ.items() if not name.startswith('TF_CPP')}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp('data')
    write_dataset(path, people={'train': 30, 'validation': 6, 'test': 6})
    write_dataset(path, name='other', names=('happy', 'neutral'), people={'test': 5})
    return path


@pytest.fixture(scope='module')
def trained(data_dir, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp('runs') / 'first'
    completed = run('train', *TRAIN, f'--data_dir={data_dir}', f'--run_dir={run_dir}')
    assert (completed.returncode, completed.stderr) == (0, ''), completed.stderr[-3000:]
    return run_dir, completed.stdout


def metrics_of(report_dir):
    return json.loads((report_dir / 'metrics.json').read_text())


def test_training_learns_and_leaves_every_promised_file(trained):
    run_dir, printed = trained
    for name in (
        'flags.txt', 'environment.json', 'training_record.npz', 'labels.txt', 'history.csv',
        'checkpoints/best.keras',
        'report/metrics.json', 'report/predictions.csv', 'report/confusion_matrix.csv',
        'report/confusion_matrix.png', 'report/recall.csv', 'report/history.png',
        'report/report.html', 'report/report.md', 'report/report.json', 'report/duplicates.csv',
    ):  # fmt: skip
        assert (run_dir / name).stat().st_size > 0, name
    metrics = metrics_of(run_dir / 'report')
    assert metrics['accuracy'] > 0.5
    low, high = metrics['accuracy_interval']
    assert low <= metrics['accuracy'] <= high
    assert 'unweighted average recall' in printed and 'confusion_matrix.png' in printed


def test_the_numbers_can_be_made_again_from_the_predictions(trained):
    rows = pd.read_csv(trained[0] / 'report/predictions.csv')
    metrics = metrics_of(trained[0] / 'report')
    assert len(rows) == metrics['images'] == 42
    assert (rows['label'] == rows['predicted']).mean() == pytest.approx(metrics['accuracy'])
    columns = [f'p_{name}' for name in BASIC]
    np.testing.assert_allclose(rows[columns].sum(axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_the_written_flags_repeat_the_run_bit_by_bit(trained, tmp_path):
    first = trained[0]
    completed = run('train', f'--flagfile={first / "flags.txt"}', f'--run_dir={tmp_path / "again"}')
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert (tmp_path / 'again/history.csv').read_text() == (first / 'history.csv').read_text()
    again = metrics_of(tmp_path / 'again/report')
    assert again == metrics_of(first / 'report')


@pytest.mark.slow
def test_a_run_is_not_overwritten(trained, data_dir):
    completed = run('train', *TRAIN, f'--data_dir={data_dir}', f'--run_dir={trained[0]}')
    assert completed.returncode == 2 and 'already holds a run' in completed.stderr


def test_the_report_stands_alone_and_shows_no_face_unless_told(trained):
    folder = trained[0] / 'report'
    page = (folder / 'report.html').read_text()
    for heading in (
        'Summary', 'Confusions', 'Classes', 'Calibration', 'Slices', 'Learning curves', 'Examples',
        'Duplicates', 'Taught by', 'Model card', 'Data and versions', 'Configuration',
    ):  # fmt: skip
        assert f'{heading}</h2>' in page, heading
    assert not re.search(r'(src|href)="(?!data:|#)', page) and 'url(' not in page
    assert 'data:image/jpeg' not in page and not (folder / 'examples').exists()
    assert '--report_images' in page and '--<wbr>' not in page
    split_hash = json.loads((trained[0] / 'environment.json').read_text())['data_sets'][0]
    assert split_hash['split_hash'] in page
    numbers = json.loads((folder / 'report.json').read_text())['numbers']
    assert numbers == metrics_of(folder)
    low, high = numbers['intervals']['accuracy']
    assert low <= numbers['accuracy'] <= high
    # Six people are too few for the means over classes.
    assert numbers['intervals']['macro_f1'] is None and numbers['no_interval']['macro_f1'] in page
    assert numbers['few_people'] in page and numbers['few_people'] in trained[1]
    assert f'{numbers["macro_f1"]:.3f}' in page
    assert f'{numbers["macro_f1"]:.3f}' in (folder / 'report.md').read_text()


@pytest.mark.slow
def test_evaluate_tests_another_set_and_masks_nothing_in_silence(trained):
    completed = run(
        'evaluate', f'--run_dir={trained[0]}', '--target=other', '--target_split=all',
        '--report_images',
    )  # fmt: skip
    assert completed.returncode == 0, completed.stderr[-3000:]
    metrics = metrics_of(trained[0] / 'report/other_all')
    assert metrics['images'] == 10 and set(metrics['per_class']) == {'happy', 'neutral'}
    assert metrics['classes_absent'] == [name for name in BASIC if name not in ('happy', 'neutral')]
    assert 'absent from this split' in completed.stdout
    page = (trained[0] / 'report/other_all/report.html').read_text()
    assert 'masks these' in page and 'among the classes of the images' in page
    # Worst errors and a sample of all ten, each with the four pictures side by side.
    errors = round(10 * (1 - metrics['accuracy']))
    assert page.count('data:image/jpeg') == min(errors, 8) + 8
    picture = next((trained[0] / 'report/other_all/examples').iterdir())
    assert cv2.imread(str(picture)).shape == (128, 4 * 128, 3)


@pytest.mark.slow
def test_the_exported_model_answers_as_the_report_says(trained, data_dir):
    run_dir = trained[0]
    completed = run('export', f'--run_dir={run_dir}', '--formats=saved_model,onnx', '--check')
    assert (completed.returncode, completed.stderr) == (0, ''), completed.stderr[-3000:]
    assert (run_dir / 'saved_model/1/saved_model.pb').is_file()
    forms = pd.read_csv(run_dir / 'parity.csv')
    assert set(forms['form']) == {'.keras', 'SavedModel', 'SavedModel, C API', 'ONNX'}
    assert forms['agrees'].all() and 'SavedModel, C API' in completed.stdout
    accuracy = metrics_of(run_dir / 'report')['accuracy']
    card = (run_dir / 'saved_model/1/model_card.md').read_text()
    assert f'| accuracy | {accuracy:.1%} |' in card and '| trained on | fake |' in card
    serve = tf.saved_model.load(str(run_dir / 'saved_model/1')).signatures['serving_default']
    source = read_split([open_dataset('fake', str(data_dir))], 'test', BASIC)
    images = tf.stack([example['image'] for example in source.examples])
    rows = pd.read_csv(run_dir / 'report/predictions.csv')
    served = serve(image_bytes=images)
    columns = [f'p_{name}' for name in BASIC]
    np.testing.assert_allclose(served['probabilities'], rows[columns], atol=1e-5)
    assert [name.decode() for name in served['label'].numpy()] == rows['predicted'].tolist()


@pytest.mark.parametrize(
    'kind',
    [
        pytest.param('', marks=pytest.mark.slow),
        pytest.param('checkpoints/best.keras', marks=pytest.mark.slow),
        pytest.param('saved_model', marks=pytest.mark.slow),
    ],
)
def test_run_file_and_saved_model_agree(kind, trained, data_dir, tmp_path):
    run_dir = trained[0]
    if kind == 'saved_model' and not (run_dir / kind).is_dir():
        assert run('export', f'--run_dir={run_dir}').returncode == 0
    target = (f'--data_dir={data_dir}', '--target=fake', '--source=fake')
    completed = run(
        'evaluate', f'--model={run_dir / kind}', f'--output={tmp_path / "report"}', *target
    )
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert metrics_of(tmp_path / 'report')['taught']['is_recorded']
    again = pd.read_csv(tmp_path / 'report/predictions.csv')
    pd.testing.assert_frame_equal(
        again, pd.read_csv(run_dir / 'report/predictions.csv'), atol=1e-5, rtol=0
    )
    assert metrics_of(tmp_path / 'report')['accuracy'] == metrics_of(run_dir / 'report')['accuracy']


def test_an_unknown_format_is_told_the_known_ones(trained):
    completed = run('export', f'--run_dir={trained[0]}', '--formats=caffe')
    assert completed.returncode == 2
    assert '`saved_model`, `keras`, `tflite`, `onnx`. Received: ' in completed.stderr


def test_a_model_outside_its_run_needs_a_folder_for_the_report(trained):
    completed = run('evaluate', f'--model={trained[0]}')
    assert completed.returncode == 2 and '`model` and `output` belong together' in completed.stderr


@pytest.mark.slow
def test_label_names_of_another_model_are_refused(trained, tmp_path):
    (tmp_path / 'checkpoints').mkdir()
    shutil.copy(trained[0] / 'checkpoints/best.keras', tmp_path / 'checkpoints/best.keras')
    (tmp_path / 'labels.txt').write_text('happy\nsad\n')
    options = [f'--model={tmp_path}', f'--output={tmp_path / "report"}']
    # It needs no --source: who taught it has come along.
    completed = run('evaluate', *options)
    assert completed.returncode == 2 and '2 names for 7 outputs' in completed.stderr


def test_what_a_model_was_trained_on_cannot_be_said_again(trained, tmp_path):
    file = tmp_path / 'alone.keras'
    shutil.copy(trained[0] / 'checkpoints/best.keras', file)
    for model in ([f'--run_dir={trained[0]}'], [f'--model={file}', f'--output={tmp_path}']):
        for said in ('--source=other', '--fold=3', '--hog_source=other'):
            completed = run('evaluate', *model, said, '--target=fake')
            assert completed.returncode == 2 and 'cannot be said again' in completed.stderr
    # Of a model of elsewhere nobody knows it.
    with zipfile.ZipFile(tmp_path / 'unknown.keras', 'w') as archive:
        archive.writestr('config.json', '{}')
    completed = run('evaluate', f'--model={tmp_path / "unknown.keras"}', f'--output={tmp_path}')
    assert completed.returncode == 2 and 'Give --source=NAME/CONFIG' in completed.stderr


def test_nothing_of_the_target_reaches_the_training(data_dir, tmp_path):
    data = DataConfig(
        data_dir=str(data_dir), source='fake', target='nowhere', image_size_px=48, batch_size=14
    )
    training = TrainingConfig(epochs=1, head_epochs=0, strategy='one_device')
    run_dir = RunDir(str(tmp_path / 'run'))
    # It cannot be read, and is not missed.
    assert train(RunConfig(data, tiniest_model(), training), run_dir)
    assert run_dir.read_labels() == list(BASIC) and os.path.isfile(run_dir.model_file)


def test_the_kept_model_is_the_best_epoch_on_validation(trained, data_dir):
    history = pd.read_csv(trained[0] / 'history.csv')
    model = load_classifier(trained[0] / 'checkpoints/best.keras')
    source = read_split([open_dataset('fake', str(data_dir))], 'validation', BASIC)
    rows = predict_split(model, source, DataConfig(image_size_px=48), BASIC)
    accuracy = (rows['label'] == rows['predicted']).mean()
    assert accuracy == pytest.approx(history['val_accuracy'].max(), abs=1e-6)
