"""Runs that are killed go on as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.config import TrainingConfig
from fer_keras.run_dir import RunDir
from fer_keras.training.callbacks import forget_epochs_after
from fer_keras.training.checkpoints import Checkpoints, TrainingState, assign, values_of
from fer_keras.training.loop import Loop
from tests.fakes import write_dataset

EPOCHS = 4


def command(data_dir, run_dir):
    return [
        sys.executable, '-m', 'fer_keras.train', '--source=fake', f'--data_dir={data_dir}',
        f'--run_dir={run_dir}', '--backbone_weights=none', '--image_size_px=32', '--batch_size=14',
        '--augmentation=strong', f'--epochs={EPOCHS}', '--head_epochs=1', '--learning_rate=1e-3',
        '--ema_momentum=0.9', '--deterministic', '--checkpoint_steps=1',
    ]  # fmt: skip


def newest_state(run_dir):
    folder = RunDir(str(run_dir)).state_dir
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return max((name for name in names if name.endswith('.npz')), default='')


def train(data_dir, run_dir, kill_at=None):
    """Trains to the end, or until the state `kill_at` is there and a little longer: SIGKILL."""
    process = subprocess.Popen(
        command(data_dir, run_dir), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if kill_at is None:
        _, errors = process.communicate()
        assert process.returncode == 0, errors[-3000:]
        return
    while newest_state(run_dir) < kill_at and process.poll() is None:
        time.sleep(0.002)
    time.sleep(random.Random(kill_at).uniform(0, 0.3))
    assert process.poll() is None, 'the run ended before it was killed'
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """One run in peace, and one that is killed in each stage and finds a damaged state."""
    root = tmp_path_factory.mktemp('resume')
    write_dataset(root / 'data', people={'train': 12, 'validation': 2, 'test': 2})
    train(root / 'data', root / 'peace')
    killed = root / 'killed'
    train(root / 'data', killed, 'state-000000-00000003.npz')
    train(root / 'data', killed, 'state-000002-00000002.npz')
    newest = os.path.join(RunDir(str(killed)).state_dir, newest_state(killed))
    with open(newest, 'r+b') as file:  # as a full disk leaves it
        file.truncate(os.path.getsize(newest) // 2)
    with open(f'{newest}.unfinished', 'wb') as file:
        file.write(b'killed while writing')
    train(root / 'data', killed)
    return root / 'peace', killed


def test_a_killed_run_ends_with_the_same_history(runs):
    peace, killed = (run / 'history.csv' for run in runs)
    assert killed.read_bytes() == peace.read_bytes()
    assert len(peace.read_text().splitlines()) == 1 + EPOCHS


def test_a_killed_run_ends_with_bit_identical_weights(runs):
    peace, killed = (Checkpoints(RunDir(str(run)).state_dir).latest() for run in runs)
    assert peace.is_finished and killed.is_finished
    for part in ('model', 'optimizer'):
        pairs = zip(getattr(killed, part), getattr(peace, part), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs), part


def test_a_killed_run_keeps_the_same_best_model(runs):
    peace, killed = (
        keras.saving.load_model(RunDir(str(run)).model_file, compile=False) for run in runs
    )
    for a, b in zip(killed.get_weights(), peace.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    metrics = [(run / 'report/metrics.json').read_text() for run in runs]
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize('precision', ['float32', 'mixed_float16'])
def test_a_loop_that_is_cut_off_goes_on_in_any_precision(tmp_path, precision):
    images = np.random.default_rng(0).normal(size=(8, 3)).astype('float32')
    labels = np.eye(2, dtype='float32')[np.arange(8) % 2]
    data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(4)
    config = TrainingConfig(
        epochs=2, head_epochs=0, learning_rate=0.1, checkpoint_steps=1, ema_momentum=0.5
    )

    def run(folder, cut_off_at=None):
        def epoch(number, step, context):
            if number == cut_off_at:
                raise KeyboardInterrupt
            return data.skip(step)

        keras.utils.set_random_seed(0)
        backbone = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)], name='backbone')
        head = [keras.layers.Dropout(0.5), keras.layers.Dense(2, 'softmax', dtype='float32')]
        model = keras.Sequential([keras.Input((3,)), backbone, *head])
        run_dir = RunDir(str(tmp_path / folder))
        os.makedirs(os.path.dirname(run_dir.model_file), exist_ok=True)
        loop = Loop(config, run_dir, model, tf.distribute.get_strategy())
        loop.run(SimpleNamespace(steps_per_epoch=2, epoch=epoch), data)
        return model.get_weights()

    keras.config.set_dtype_policy(precision)
    try:
        expected = run('peace')
        with pytest.raises(KeyboardInterrupt):
            run('cut_off', cut_off_at=1)
        for one, other in zip(run('cut_off'), expected, strict=True):
            np.testing.assert_array_equal(one, other)
        histories = [(tmp_path / f / 'history.csv').read_text() for f in ('peace', 'cut_off')]
        assert histories[0] == histories[1] and histories[0].count('epoch') == 1
    finally:
        keras.config.set_dtype_policy('float32')


def test_an_unfinished_run_of_other_flags_is_not_continued(tmp_path):
    run_dir = RunDir(str(tmp_path))
    run_dir.claim('--seed=0\n')
    run_dir.claim('--seed=0\n')
    with pytest.raises(FileExistsError, match="unfinished run of other flags.*'--seed=1'"):
        run_dir.claim('--seed=1\n')


def test_a_damaged_state_is_skipped_with_a_warning(tmp_path):
    checkpoints = Checkpoints(str(tmp_path))
    checkpoints.save(TrainingState(epoch=1, model=[np.arange(1000.0)]))
    newest = checkpoints.save(TrainingState(epoch=2, model=[np.arange(1000.0)]))
    with open(newest, 'r+b') as file:
        file.seek(4000)
        file.write(b'\xff' * 8)
    with pytest.warns(UserWarning, match='damaged'):
        assert checkpoints.latest().epoch == 1


def test_only_the_last_states_are_kept(tmp_path):
    checkpoints = Checkpoints(str(tmp_path), keep=2)
    for epoch in range(5):
        checkpoints.save(TrainingState(epoch=epoch))
    assert sorted(os.listdir(tmp_path)) == [
        'state-000003-00000000.npz',
        'state-000004-00000000.npz',
    ]


def test_dropout_generators_are_part_of_the_state():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5, seed=1)])
    before = values_of(model.variables)
    first = np.array(model(np.ones((1, 4)), training=True))
    assign(model.variables, before, 'model')
    np.testing.assert_array_equal(model(np.ones((1, 4)), training=True), first)
    assert before


def test_a_state_of_another_model_is_refused():
    with pytest.raises(ValueError, match='another --run_dir'):
        assign(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]).variables, [], 'model')


def test_epochs_that_are_trained_again_leave_the_history(tmp_path):
    path = tmp_path / 'history.csv'
    path.write_text('epoch,loss\n0,0.5\n1,0.25\n2')
    forget_epochs_after(str(path), 1)
    assert path.read_text() == 'epoch,loss\n0,0.5\n'
    forget_epochs_after(str(path), 0)
    assert path.read_text() == ''
