"""Which devices a run uses."""

from __future__ import annotations

import os
from collections.abc import Callable

import tensorflow as tf

from fer_keras.errors import InvalidInputError


def _one_device() -> tf.distribute.Strategy:
    gpus = tf.config.list_logical_devices('GPU')
    return tf.distribute.OneDeviceStrategy('/gpu:0' if gpus else '/cpu:0')


def _multi_worker() -> tf.distribute.Strategy:
    if 'TF_CONFIG' not in os.environ:
        raise InvalidInputError(
            'The strategy `multi_worker` reads the hosts from TF_CONFIG, which is not set. Set it '
            'on each host, here for the first of two: export TF_CONFIG=\'{"cluster": {"worker": '
            '["host0:12345", "host1:12345"]}, "task": {"type": "worker", "index": 0}}\''
        )
    return tf.distribute.MultiWorkerMirroredStrategy()


STRATEGIES: dict[str, Callable[[], tf.distribute.Strategy]] = {
    # Whatever strategy is in scope; outside of any, TensorFlow's own placement.
    'default': tf.distribute.get_strategy,
    'one_device': _one_device,
    # All GPUs of the machine, or its CPU where there is none.
    'mirrored': tf.distribute.MirroredStrategy,
    # All GPUs of every host that TF_CONFIG names, or their CPUs.
    'multi_worker': _multi_worker,
}


def make_strategy(name: str, *, batch_size: int, parts: int = 1) -> tf.distribute.Strategy:
    """Builds the strategy.

    Raises:
        InvalidInputError: An unknown name, several hosts that nobody has named, or a global batch
            that the replicas cannot share evenly.
    """
    if name not in STRATEGIES:
        raise InvalidInputError(
            f'`strategy` must be one of {sorted(STRATEGIES)}. Received: {name!r}.'
        )
    strategy = STRATEGIES[name]()
    replicas = strategy.num_replicas_in_sync
    if batch_size % (replicas * parts):
        times = f', times the {parts} parts of `accumulate`' if parts > 1 else ''
        raise InvalidInputError(
            f'`batch_size` is global and must be a multiple of the {replicas} replicas{times}. '
            f'Received: batch_size={batch_size}.'
        )
    return strategy


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the files of the run: one of the workers does."""
    resolver = strategy.cluster_resolver
    if resolver is None or resolver.task_type is None:
        return True
    if 'chief' in resolver.cluster_spec().jobs:
        return resolver.task_type == 'chief'
    return resolver.task_type == 'worker' and resolver.task_id == 0
