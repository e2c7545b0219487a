import keras
import numpy as np

from fer_keras.models.branches import DecideTogether

ONE = np.array([[0.8, 0.2], [0.5, 0.5]], 'float32')
OTHER = np.array([[0.2, 0.8], [0.9, 0.1]], 'float32')


def test_together_is_the_geometric_mean():
    together = keras.ops.convert_to_numpy(DecideTogether()([ONE, OTHER]))
    # sqrt(.8 * .2) twice; sqrt(.5 * .9) to sqrt(.5 * .1) is 3 to 1.
    np.testing.assert_allclose(together, [[0.5, 0.5], [0.75, 0.25]], rtol=1e-5)


def test_in_training_one_branch_answers_alone_and_each_does():
    many = [np.repeat(branch[:1], 200, axis=0) for branch in (ONE, OTHER)]
    answers = keras.ops.convert_to_numpy(DecideTogether(seed=1)(many, training=True))
    first = np.isclose(answers[:, 0], 0.8)
    assert np.all(first | np.isclose(answers[:, 0], 0.2))
    assert 60 < first.sum() < 140


def test_another_step_draws_other_branches():
    layer = DecideTogether(seed=1)
    many = [np.repeat(branch[:1], 64, axis=0) for branch in (ONE, OTHER)]
    first, second = (keras.ops.convert_to_numpy(layer(many, training=True)) for _ in range(2))
    assert not np.array_equal(first, second)
