import keras
import numpy as np

from fer_keras.models.ensemble import GeometricMeanEnsemble

ONE = np.array([[0.8, 0.2], [0.5, 0.5]], 'float32')
OTHER = np.array([[0.2, 0.8], [0.9, 0.1]], 'float32')


def test_probabilities_are_their_geometric_mean():
    together = keras.ops.convert_to_numpy(GeometricMeanEnsemble()([ONE, OTHER]))
    # sqrt(.8 * .2) twice; sqrt(.5 * .9) to sqrt(.5 * .1) is 3 to 1.
    np.testing.assert_allclose(together, [[0.5, 0.5], [0.75, 0.25]], rtol=1e-5)


def test_in_training_the_first_branch_answers_alone():
    answers = keras.ops.convert_to_numpy(GeometricMeanEnsemble()([ONE, OTHER], training=True))
    np.testing.assert_array_equal(answers, ONE)
