"""What is summed over images, and divided once."""

import numpy as np
import pytest
import tensorflow as tf

from fer_keras.models.mlnet import mlnet_loss
from fer_keras.saliency.losses import cc, mlnet_loss_of_target, nss, saliency_loss
from fer_keras.training.objectives import ClassificationObjective, SaliencyObjective, add


def fixations(images):
    draws = np.random.default_rng(0)
    targets = draws.random((images, 6, 8, 2)).astype('float32')
    targets[..., 1] = targets[..., 1] > 0.9
    return targets, draws.normal(size=(images, 6, 8, 1)).astype('float32')


@pytest.mark.parametrize('loss', [saliency_loss, mlnet_loss_of_target])
def test_each_image_counts_alike_in_a_partial_batch_too(loss):
    objective = SaliencyObjective(loss)
    targets, logits = fixations(5)
    total = {}
    for part in (slice(0, 4), slice(4, 5), slice(5, 5)):
        sums = objective.validation_sums(targets[part], tf.constant(logits[part]))
        total = add(total, {name: float(value) for name, value in sums.items()})
    assert total['images'] == 5
    measured = objective.means(total)
    assert list(measured) == ['loss', 'nss', 'cc']
    for name, function in (('loss', loss), ('nss', nss), ('cc', cc)):
        expected = np.mean(function(targets, tf.constant(logits)))
        assert measured[name] == pytest.approx(float(expected), rel=1e-5)


def test_the_loss_of_mlnet_is_the_mean_of_those_of_its_images():
    targets, logits = fixations(3)
    losses = mlnet_loss_of_target(targets, tf.constant(logits))
    assert losses.shape == (3,)
    expected = mlnet_loss(targets[..., :1], tf.exp(logits))
    assert float(tf.reduce_mean(losses)) == pytest.approx(float(expected), rel=1e-5)


def test_nothing_measured_yet_is_zero():
    objective = ClassificationObjective(None)
    assert objective.means({}) == {'loss': 0.0, 'accuracy': 0.0}
