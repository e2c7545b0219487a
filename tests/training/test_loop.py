import keras
import numpy as np
import pytest

from fer_keras.config import TrainingConfig
from fer_keras.training.loop import _stages, make_optimizer


def test_stages_share_the_epochs():
    assert _stages(TrainingConfig(epochs=5, head_epochs=2)) == [(0, 2), (2, 5)]
    assert _stages(TrainingConfig(epochs=5, head_epochs=0)) == [(0, 5)]
    assert _stages(TrainingConfig(epochs=2, head_epochs=2)) == [(0, 2)]


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
