"""Which devices a run uses."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def _one_device() -> tf.distribute.Strategy:
    gpus = tf.config.list_logical_devices('GPU')
    return tf.distribute.OneDeviceStrategy('/gpu:0' if gpus else '/cpu:0')


STRATEGIES: dict[str, Callable[[], tf.distribute.Strategy]] = {
    # Whatever strategy is in scope; outside of any, TensorFlow's own placement.
    'default': tf.distribute.get_strategy,
    'one_device': _one_device,
    # All GPUs of the machine, or its CPU where there is none.
    'mirrored': tf.distribute.MirroredStrategy,
}


def make_strategy(name: str, *, batch_size: int) -> tf.distribute.Strategy:
    """Builds the strategy.

    Raises:
        ValueError: An unknown name, or a global batch that the replicas cannot share evenly.
    """
    if name not in STRATEGIES:
        raise ValueError(f'`strategy` must be one of {sorted(STRATEGIES)}. Received: {name!r}.')
    strategy = STRATEGIES[name]()
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(
            f'`batch_size` is global and must be a multiple of the {replicas} replicas. '
            f'Received: batch_size={batch_size}.'
        )
    return strategy
