"""Two classifiers in one graph: each learns by itself, and they decide together."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

# Below it a logarithm would let one branch alone decide.
_SMALLEST_PROBABILITY = 1e-6


@keras.saving.register_keras_serializable(package='fer_keras')
class DecideTogether(keras.layers.Layer):
    """The geometric mean of the probabilities of several branches, normalised (Hinton 2002, eq. 1).

    Takes a list of float32 `[batch, classes]` and gives float32 `[batch, classes]`. In training one
    branch, drawn for each image, answers alone: so each learns to be right without the others,
    which a loss of the mean would not ask of it.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**{'dtype': 'float32', **kwargs})
        self.seed = seed
        self._seeds = keras.random.SeedGenerator(seed)

    def call(self, branches: list[Any], training: bool = False) -> Any:
        stacked = ops.stack(branches, axis=1)
        if training:
            count = len(branches)
            drawn = keras.random.randint(ops.shape(stacked)[:1], 0, count, seed=self._seeds)
            return ops.sum(stacked * ops.one_hot(drawn, count)[:, :, None], axis=1)
        logarithms = ops.log(ops.maximum(stacked, _SMALLEST_PROBABILITY))
        return ops.softmax(ops.mean(logarithms, axis=1), axis=-1)

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), 'seed': self.seed}
