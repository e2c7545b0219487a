"""An ensemble of classifiers in one graph."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

# Below it a logarithm would let one branch alone decide.
_SMALLEST_PROBABILITY = 1e-6


# Registered by the name that files of classifiers have.
@keras.saving.register_keras_serializable(package='fer_keras', name='DecideTogether')
class GeometricMeanEnsemble(keras.layers.Layer):
    """The geometric mean of the probabilities of several branches, normalised (Hinton 2002, eq. 1).

    Takes a list of float32 `[batch, classes]` and gives float32 `[batch, classes]`. In training the
    first branch answers alone: it is the one that learns by steps, and so learns to be right
    without the others, which a loss of the mean would not ask of it.

    >>> branches = [ops.array([[0.5, 0.5]]), ops.array([[0.9, 0.1]])]
    >>> mean = ops.convert_to_numpy(GeometricMeanEnsemble()(branches))
    >>> [round(float(one), 4) for one in mean[0]]  # As sqrt(0.5 * 0.9) to sqrt(0.5 * 0.1).
    [0.75, 0.25]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})

    def call(self, branches: list[Any], training: bool = False) -> Any:
        if training:
            return branches[0]
        logarithms = [ops.log(ops.maximum(branch, _SMALLEST_PROBABILITY)) for branch in branches]
        return ops.softmax(sum(logarithms) / len(branches), axis=-1)

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        return input_shape[0]
