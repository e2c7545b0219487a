"""The saliency commands as a user types them, on pictures where people look at a bright disk."""

import os
import signal
import subprocess
import sys
import time

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io

from fer_keras.config.saliency import SaliencyTrainingConfig
from fer_keras.data.datasets import open_dataset
from fer_keras.data.fixation_batches import FixationBatches, read_fixations
from fer_keras.run_dir import RunDir
from fer_keras.training.saved_states import Checkpoints
from tests.tfds_builders.test_fixations import gaze
from tests.training.test_resume import newest_state

SIZE = (48, 64)


def write_archive(root):
    """SALICON's layout: the disk lies in the right half, far from the centre."""
    rng = np.random.default_rng(0)
    for split, count in (('train', 20), ('val', 4)):
        for kind in ('images', 'maps', 'fixations'):
            (root / kind / split).mkdir(parents=True)
        for number in range(count):
            x, y = int(rng.integers(44, 58)), int(rng.integers(8, 40))
            picture = rng.integers(60, 90, (*SIZE, 3)).astype(np.uint8)
            cv2.circle(picture, (x, y), 5, (250, 250, 250), -1)
            marks = np.zeros(SIZE, np.float32)
            marks[y, x] = 1
            target = cv2.GaussianBlur(marks, (0, 0), 4)
            cv2.imwrite(str(root / f'images/{split}/{number}.jpg'), picture)
            cv2.imwrite(
                str(root / f'maps/{split}/{number}.png'),
                (255 * target / target.max()).astype(np.uint8),
            )
            fixations = gaze([[x + 1, y + 1], [x + 3, y + 1]], [[x + 1, y + 2], [x - 1, y]])
            scipy.io.savemat(root / f'fixations/{split}/{number}.mat', {'gaze': fixations})


def run(module, *arguments):
    completed = subprocess.run(
        [sys.executable, '-m', module, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr[-3000:]
    return completed


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp('saliency')
    write_archive(path / 'archives/salicon')
    run('tfds_builders.build', 'salicon', f'--manual_dir={path / "archives"}', f'--data_dir={path}')
    return path


@pytest.mark.slow
def test_a_trained_model_beats_the_centre_and_its_file_is_measured(data_dir, tmp_path):
    weights = tmp_path / 'own.weights.h5'
    run(
        'fer_keras.train_saliency', f'--data_dir={data_dir}', '--encoder_weights=', '--epochs=8',
        '--head_epochs=0', '--batch_size=4', '--learning_rate=2e-3', '--zoom_probability=0',
        f'--output={weights}',
    )  # fmt: skip
    run(
        'fer_keras.evaluate_saliency', f'--data_dir={data_dir}', f'--weights={weights}',
        '--kinds=center,mlnet_light', f'--output={tmp_path}',
    )  # fmt: skip
    table = pd.read_csv(tmp_path / 'saliency.csv', index_col='saliency')
    assert table.loc['mlnet_light', 'NSS'] > table.loc['center', 'NSS'] + 0.5
    assert table.loc['mlnet_light', 'AUC-Judd'] > 0.7 > table.loc['center', 'AUC-Judd']


NAMES = ('peace', 'cut_off')
# The command itself with a network that is traced in a second: an encoder with normalisation, and a
# decoder that draws at random.
TRAIN = """
import keras
from fer_keras.training import saliency_session

def build_tiny(size, *, name='mlnet_light'):
    image = keras.Input((*size, 3), name='image')
    x = keras.layers.Conv2D(8, 3, 4, padding='same', name='block_1')(image / 255)
    x = keras.layers.BatchNormalization(name='block_1_norm')(x)
    x = keras.layers.Dropout(0.2)(keras.layers.ReLU()(x))
    x = keras.layers.Conv2D(1, 3, padding='same', dtype='float32', name='to_logit')(x)
    return keras.Model(image, x, name=name)

saliency_session.build_mlnet_light = build_tiny
saliency_session.TRAINING_INPUT = (48, 64)
from fer_keras import flags, train_saliency
from fer_keras.config.saliency import SaliencyTrainingConfig

flags.start(train_saliency.main, SaliencyTrainingConfig)
"""


def start(data_dir, output):
    arguments = [
        f'--data_dir={data_dir}', '--encoder_weights=', '--epochs=3', '--head_epochs=1',
        '--batch_size=4', '--deterministic', '--checkpoint_steps=1', f'--output={output}',
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, '-c', TRAIN, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    printed, errors = process.communicate()
    assert process.returncode == 0, errors[-3000:]
    return printed


def stop_at(process, run_dir, state, number):
    """Sends a signal as soon as a state is there."""
    while newest_state(run_dir) < state and process.poll() is None:
        time.sleep(0.001)
    assert process.poll() is None, process.communicate()[1][-3000:]
    process.send_signal(number)
    return process.communicate()


@pytest.fixture(scope='module')
def runs(data_dir, tmp_path_factory):
    """One run in peace, and one that is killed in the first stage and stopped in the second."""
    root = tmp_path_factory.mktemp('runs')
    printed = finish(start(data_dir, root / 'peace.weights.h5'))
    output, run_dir = root / 'cut_off.weights.h5', root / 'cut_off.run'
    stop_at(start(data_dir, output), run_dir, 'state-000000-00000002.npz', signal.SIGKILL)
    stopped = start(data_dir, output)
    errors = stop_at(stopped, run_dir, 'state-000001-00000001.npz', signal.SIGINT)[1]
    assert stopped.returncode == 130 and 'Saved after step' in errors, errors[-3000:]
    assert not output.exists()
    finish(start(data_dir, output))
    return root, printed


@pytest.mark.slow
def test_a_saliency_run_that_is_cut_off_ends_bit_by_bit_as_one_in_peace(runs):
    histories = [(runs[0] / f'{name}.run/history.csv').read_bytes() for name in NAMES]
    assert histories[0] == histories[1] and len(histories[0].splitlines()) == 4
    states = [
        Checkpoints(RunDir(str(runs[0] / f'{name}.run')).state_dir).latest() for name in NAMES
    ]
    assert states[0].is_finished and states[1].is_finished
    for part in ('model', 'optimizer'):
        pairs = zip(getattr(states[0], part), getattr(states[1], part), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs), part
    weights = [arrays_of(runs[0] / f'{name}.weights.h5') for name in NAMES]
    assert weights[0].keys() == weights[1].keys() and len(weights[0]) == 8
    for name, array in weights[0].items():
        # The logits are float32 whatever the policy.
        assert array.dtype == ('float32' if array.shape[-1:] == (1,) else 'float16'), name
        np.testing.assert_array_equal(array, weights[1][name])


def arrays_of(path):
    arrays = {}

    def keep(name, one):
        if isinstance(one, h5py.Dataset) and one.dtype.kind == 'f':
            arrays[name] = one[()]

    with h5py.File(path) as file:
        file.visititems(keep)
    return arrays


@pytest.mark.slow
def test_a_saliency_run_has_the_files_and_the_progress_of_any_run(runs):
    folder = runs[0] / 'peace.run'
    assert {
        'flags.txt',
        'environment.json',
        'history.csv',
        'checkpoints',
        'train',
        'validation',
    } <= {*os.listdir(folder)}
    assert '--checkpoint_steps=1' in (folder / 'flags.txt').read_text()
    history = pd.read_csv(folder / 'history.csv')
    names = [f'{part}{name}' for part in ('', 'val_') for name in ('cc', 'loss', 'nss')]
    assert list(history.columns) == ['epoch', *names]
    assert 'epoch 3/3  loss ' in runs[1] and 'val_nss' in runs[1]


@pytest.mark.slow
def test_the_best_epoch_is_that_of_the_highest_nss(runs):
    history = pd.read_csv(runs[0] / 'peace.run/history.csv')
    memory = Checkpoints(str(runs[0] / 'peace.run/checkpoints/states')).latest().callbacks
    assert memory['run/BestCheckpoint']['best'] == pytest.approx(history['val_nss'].max())


def test_the_run_lies_beside_its_output_where_nothing_else_is_said():
    config = SaliencyTrainingConfig(output='a/b.weights.h5')
    assert config.run_folder == 'a/b.run'
    assert SaliencyTrainingConfig(run_dir='c').run_folder == 'c'


def test_batches_of_fixations_can_be_entered_at_any_step(data_dir):
    config = SaliencyTrainingConfig(batch_size=4)
    examples = read_fixations(open_dataset('salicon', str(data_dir)), 'train')
    whole, entered = (
        list(FixationBatches(*examples, (32, 48), config).epoch(1, step).as_numpy_iterator())
        for step in (0, 3)
    )
    assert (len(whole), len(entered)) == (5, 2)
    for one, other in zip(whole[3:], entered, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    batches = FixationBatches(*examples, (32, 48), config)
    names = [name for step in range(5) for name in batches.file_names(1, step)]
    assert len(set(names)) == 20
