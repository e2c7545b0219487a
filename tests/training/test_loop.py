import dataclasses
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.config import TrainingConfig
from fer_keras.input_pipeline import Source
from fer_keras.run_dir import RunDir
from fer_keras.training.loop import Loop
from fer_keras.training.recipe import (
    balanced_weights,
    compile_classifier,
    freeze_batch_norm,
    make_optimizer,
    stages,
)
from fer_keras.training_batches import count_labels


def test_stages_share_the_epochs():
    assert stages(TrainingConfig(epochs=5, head_epochs=2)) == [(0, 2), (2, 5)]
    assert stages(TrainingConfig(epochs=5, head_epochs=0)) == [(0, 5)]
    assert stages(TrainingConfig(epochs=2, head_epochs=2)) == [(0, 2)]


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
    labels = [0, 0, 0, 2]
    source = Source(tf.data.Dataset.from_tensor_slices({'label': labels}), len(labels))
    assert count_labels(source, 3) == [3, 0, 1]
    weights = balanced_weights([3, 0, 1])
    assert weights == pytest.approx([4 / (2 * 3), 0, 4 / (2 * 1)])
    assert np.mean([weights[label] for label in labels]) == pytest.approx(1)


def test_the_loop_hands_its_recipe_to_the_engine(monkeypatch, tmp_path):
    class Reached(Exception):
        pass

    def engine(model, strategy, **options):
        raise Reached(options, len(model.trainable_variables))

    monkeypatch.setattr('fer_keras.training.loop.Engine', engine)
    norm = keras.layers.BatchNormalization()
    backbone = keras.Sequential([keras.Input((3,)), norm], name='backbone')
    model = keras.Sequential([keras.Input((3,)), backbone, keras.layers.Dense(1)])
    config = TrainingConfig(
        head_epochs=0,
        accumulate=2,
        clip_norm=0.5,
        freeze_batch_norm=True,
        sam_radius=0.05,
        xla=True,
    )
    strategy = tf.distribute.get_strategy()
    loop = Loop(config, RunDir(str(tmp_path)), model, strategy, class_weights=[1.0, 3.0])
    batches = SimpleNamespace(steps_per_epoch=1)
    with pytest.raises(Reached) as reached:
        loop.run(batches, None)
    options, trainable = reached.value.args
    assert options == {
        'parts': 2,
        'clip_norm': 0.5,
        'class_weights': [1.0, 3.0],
        'sam_radius': 0.05,
        'xla': True,
        'forward': None,
    }
    assert trainable == 2
