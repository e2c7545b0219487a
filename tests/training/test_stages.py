import dataclasses
import errno
import os
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.config.training import TrainingConfig
from fer_keras.errors import UnwritableFileError
from fer_keras.run_dir import RunDir
from fer_keras.training.engine import Engine
from fer_keras.training.loop import Loop
from fer_keras.training.recipe import (
    average_batch_norm,
    balanced_weights,
    compile_classifier,
    freeze_batch_norm,
    make_optimizer,
)
from fer_keras.training.stages import Schedule
from fer_keras.training.tasks import ClassifierTask


def test_stages_share_the_epochs():
    for head_epochs, epochs, expected in (
        (2, 5, [(0, 0, 2, True), (1, 2, 5, False)]),
        (0, 5, [(0, 0, 5, False)]),
        (2, 2, [(0, 0, 2, True)]),
    ):
        schedule = Schedule(epochs=epochs, head_epochs=head_epochs, monitor='val_loss')
        assert [dataclasses.astuple(stage) for stage in schedule.stages()] == expected


def test_the_rate_warms_up_and_decays_to_zero():
    config = TrainingConfig(learning_rate=0.1)
    schedule = make_optimizer(config, is_head_stage=False, steps=100)._learning_rate
    rates = [float(schedule(step)) for step in (0, 10, 55, 100)]
    np.testing.assert_allclose(rates, [0, 0.1, 0.05, 0], atol=1e-3)


def test_the_head_has_its_own_rate():
    config = TrainingConfig(head_learning_rate=0.5)
    optimizer = make_optimizer(config, is_head_stage=True, steps=100)
    assert float(optimizer.learning_rate) == pytest.approx(0.5)


def test_kernels_decay_and_biases_do_not():
    config = TrainingConfig(head_learning_rate=0.1, weight_decay=0.5)
    layer = keras.layers.Dense(1)
    layer.build((None, 1))
    layer.set_weights([np.ones((1, 1)), np.ones(1)])
    optimizer = make_optimizer(config, is_head_stage=True, steps=1)
    optimizer.apply([keras.ops.zeros((1, 1)), keras.ops.zeros(1)], layer.trainable_weights)
    kernel, bias = layer.get_weights()
    assert kernel[0, 0] == pytest.approx(0.95) and bias[0] == pytest.approx(1.0)


def test_batch_normalisation_is_averaged_as_slowly_as_the_weights():
    norms = [keras.layers.BatchNormalization(momentum=m) for m in (0.9, 0.9999)]
    model = keras.Sequential([keras.Input((2,)), *norms])
    for momentum, expected in ((0.0, [0.9, 0.9999]), (0.999, [0.999, 0.9999])):
        average_batch_norm(model, momentum)
        assert [norm.momentum for norm in norms] == expected


def test_sgd_takes_a_nesterov_step():
    config = TrainingConfig(optimizer='sgd', head_learning_rate=0.1, weight_decay=0.0)
    optimizer = make_optimizer(config, is_head_stage=True, steps=1)
    variable = keras.Variable([1.0])
    optimizer.apply([keras.ops.ones(1)], [variable])
    # momentum m = -0.1 g, then w + 0.9 m - 0.1 g
    assert float(variable.numpy()[0]) == pytest.approx(1 - 0.09 - 0.1)


def test_the_focal_loss_forgives_images_that_are_nearly_right():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    config = TrainingConfig(label_smoothing=0.0)
    losses = []
    for gamma in (0.0, 2.0):
        focal = dataclasses.replace(config, focal_gamma=gamma)
        optimizer = make_optimizer(focal, is_head_stage=True, steps=1)
        compile_classifier(model, optimizer, focal)
        losses.append(model.loss.call(np.array([[1.0, 0]]), np.array([[0.9, 0.1]])).numpy()[0])
    assert losses[0] == pytest.approx(-np.log(0.9), rel=1e-5)
    assert losses[1] == pytest.approx(-(0.1**2) * np.log(0.9), rel=1e-4)


def test_frozen_batch_norm_neither_follows_the_batch_nor_learns():
    norm = keras.layers.BatchNormalization()
    inner = keras.Sequential([keras.Input((3,)), norm], name='backbone')
    model = keras.Sequential([keras.Input((3,)), inner, keras.layers.Dense(1)])
    images = np.full((4, 3), 5.0, 'float32')
    freeze_batch_norm(model)
    model(images, training=True)
    np.testing.assert_array_equal(norm.moving_mean, np.zeros(3))
    assert len(model.trainable_variables) == 2
    norm.trainable = True
    model(images, training=True)
    assert np.all(np.array(norm.moving_mean) > 0) and len(model.trainable_variables) == 4


def test_balanced_classes_weigh_alike_and_an_absent_one_nothing():
    weights = balanced_weights([3, 0, 1])
    assert weights == pytest.approx([4 / (2 * 3), 0, 4 / (2 * 1)])
    assert np.mean([weights[label] for label in (0, 0, 0, 2)]) == pytest.approx(1)


def test_smoothed_labels_leave_a_loss_to_a_sure_answer():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    for smoothing, expected in ((0.0, 0.0), (0.2, -0.1 * np.log(0.001))):
        config = TrainingConfig(label_smoothing=smoothing)
        compile_classifier(model, make_optimizer(config, is_head_stage=True, steps=1), config)
        loss = model.loss.call(np.array([[1.0, 0]]), np.array([[0.999, 0.001]])).numpy()[0]
        assert loss == pytest.approx(expected, abs=2e-3)


def small_run(tmp_path, images=None, names=None, callbacks=(), **options):
    """Runs the loop on eight rows in batches of two; returns the folder."""
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).normal(size=(8, 3)) if images is None else images
    labels = np.eye(2, dtype='float32')[np.arange(8) % 2]
    data = tf.data.Dataset.from_tensor_slices((images.astype('float32'), labels)).batch(2)
    backbone = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)], name='backbone')
    model = keras.Sequential([keras.Input((3,)), backbone, keras.layers.Dense(2, 'softmax')])
    run_dir = RunDir(str(tmp_path))
    os.makedirs(run_dir.state_dir, exist_ok=True)
    config = TrainingConfig(**{'head_epochs': 0, **options})
    batches = SimpleNamespace(
        steps_per_epoch=4,
        batch_size=2,
        epoch=lambda number, step, context: data.skip(step),
        file_names=names,
    )
    task = ClassifierTask(model, tf.distribute.get_strategy(), config)
    Loop(task, run_dir, callbacks).run(batches, data)
    return run_dir


class Recorder(keras.callbacks.Callback):
    """Counts epochs, in a number that a run that goes on is given back."""

    def __init__(self):
        super().__init__()
        self.count, self.seen = 0, []

    def on_epoch_end(self, epoch, logs=None):
        self.count += 1
        self.seen.append((epoch, self.count, sorted(logs)))


def test_any_keras_callback_plugs_in_and_goes_on_with_what_it_knew(tmp_path):
    names = ['accuracy', 'loss', 'val_accuracy', 'val_loss']
    first, second = Recorder(), Recorder()
    small_run(tmp_path, callbacks=[first], epochs=3, steps_per_call=2)
    assert first.seen == [(0, 1, names), (1, 2, names), (2, 3, names)]
    os.remove(tmp_path / 'checkpoints/states/state-000003-00000000.npz')
    small_run(tmp_path, callbacks=[second], epochs=3, steps_per_call=2)
    assert second.seen == [(2, 3, names)]


@pytest.mark.parametrize('steps_per_call', [1, 3])
def test_a_loss_that_is_no_number_names_the_step_and_the_files(tmp_path, steps_per_call):
    images = np.ones((8, 3))
    images[5] = np.nan
    with pytest.raises(ValueError, match=r"at step 3 of epoch 1, whose batch is \['0-2.png'\]"):
        small_run(
            tmp_path,
            images,
            names=lambda epoch, step: [f'{epoch}-{step}.png'],
            steps_per_call=steps_per_call,
        )


def test_a_full_disk_says_how_to_go_on(tmp_path, monkeypatch):
    def fail(number):
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(os, 'fsync', fail)
        with pytest.raises(UnwritableFileError, match='disk is full.*and give the same command a'):
            small_run(tmp_path, epochs=2)
    assert not os.listdir(tmp_path / 'checkpoints/states')
    run_dir = small_run(tmp_path, epochs=2)
    assert len(Path(run_dir.history_file).read_text().splitlines()) == 3


def test_what_killed_runs_left_half_written_is_removed(tmp_path):
    checkpoints = tmp_path / 'checkpoints'
    names = (
        *('best.unfinished.keras', 'best.unfinished-0a1b.keras'),
        *('states/state-000000-00000002.npz.unfinished', 'states/state-000001.unfinished-1.npz'),
    )
    for name in names:
        (checkpoints / name).parent.mkdir(parents=True, exist_ok=True)
        (checkpoints / name).write_text('half')
    small_run(tmp_path, epochs=1)
    assert sorted(os.listdir(checkpoints)) == ['best.keras', 'states']
    assert os.listdir(checkpoints / 'states') == ['state-000001-00000000.npz']


@pytest.mark.parametrize(('monitor', 'epochs'), [('val_accuracy', 3), ('val_loss', 5)])
def test_a_run_stops_early_by_the_metric_that_it_is_told(tmp_path, monkeypatch, monitor, epochs):
    # The accuracy is best in the first epoch, the loss in the third.
    losses = iter([3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    monkeypatch.setattr(
        Engine,
        'evaluate',
        lambda engine, data: ({'loss': next(losses), 'accuracy': 0.5}, {}),
    )
    run_dir = small_run(tmp_path, epochs=7, patience=2, monitor=monitor)
    assert len(Path(run_dir.history_file).read_text().splitlines()) == 1 + epochs


def test_a_classifier_hands_its_recipe_to_the_engine(monkeypatch):
    made = []
    monkeypatch.setattr('fer_keras.training.tasks.Engine', lambda *a, **b: made.append((a, b)))
    norm = keras.layers.BatchNormalization()
    backbone = keras.Sequential([keras.Input((3,)), norm], name='backbone')
    model = keras.Sequential([keras.Input((3,)), backbone, keras.layers.Dense(1)])
    config = TrainingConfig(
        accumulate=2, clip_norm=0.5, freeze_batch_norm=True, sam_radius=0.05, xla=True
    )
    strategy = tf.distribute.get_strategy()
    task = ClassifierTask(model, strategy, config, class_weights=[1.0, 3.0])
    task.begin_stage(task.schedule.stages()[1], steps=10)
    ((first, objective, second), options) = made[0]
    assert (first, second) == (model, strategy) and len(model.trainable_variables) == 2
    labels, probabilities = np.eye(2, dtype='float32'), np.full((2, 2), 0.5, 'float32')
    losses = objective.losses(labels, probabilities).numpy()
    assert losses[1] == pytest.approx(3 * losses[0])
    assert options == {
        'parts': 2,
        'clip_norm': 0.5,
        'sam_radius': 0.05,
        'xla': True,
        'forward': None,
    }
