"""`--precision=auto`: a few steps in each precision, and the fastest is taken."""

from __future__ import annotations

import os
import time

import keras
import numpy as np
import tensorflow as tf

from fer_keras.config.run import RunConfig
from fer_keras.models.classifier import build_classifier
from fer_keras.run_dir import RunDir
from fer_keras.training.engine import Engine
from fer_keras.training.recipe import compile_classifier, make_optimizer

# A lower precision must be worth it: by this factor.
_WORTH = 1.1
_LARGEST_BATCH, _REPEATS = 8, 3


def choose_precision(run: RunConfig, run_dir: RunDir, *, num_classes: int) -> str:
    """The policy of the layers. What was measured once holds for the run: it could not go on else.

    Returns:
        `precision` of the run, or, for `auto`, the choice, which is printed and kept in a file.
    """
    if run.training.precision != 'auto':
        return run.training.precision
    if os.path.isfile(run_dir.precision_file):
        with open(run_dir.precision_file, encoding='utf-8') as file:
            return file.read().strip()
    has_gpu = bool(tf.config.list_physical_devices('GPU'))
    policies = ['float32', 'mixed_bfloat16', *(['mixed_float16'] if has_gpu else [])]
    speeds = {policy: measure(run, policy, num_classes) for policy in policies}
    best = max(speeds, key=lambda policy: speeds[policy])
    chosen = best if speeds[best] > _WORTH * speeds['float32'] else 'float32'
    measured = ', '.join(f'{policy} {speed:.1f}' for policy, speed in speeds.items())
    print(f'precision: {chosen} (images/s measured: {measured})', flush=True)
    with open(f'{run_dir.precision_file}.unfinished', 'w', encoding='utf-8') as file:
        file.write(chosen)
    os.replace(f'{run_dir.precision_file}.unfinished', run_dir.precision_file)
    keras.utils.set_random_seed(run.training.seed)
    return chosen


def measure(run: RunConfig, policy: str, num_classes: int) -> float:
    """Images/s of training steps of the whole network on noise: the fastest of a few."""
    keras.config.set_dtype_policy(policy)
    size, batch = run.data.image_size_px, min(run.data.batch_size, _LARGEST_BATCH)
    model = build_classifier(run.model, num_classes=num_classes, image_size_px=size)
    optimizer = make_optimizer(run.training, is_head_stage=False, steps=1)
    compile_classifier(model, optimizer, run.training)
    images = np.random.default_rng(0).uniform(0, 255, (batch, *model.input_shape[1:]))
    labels = keras.utils.to_categorical(np.arange(batch) % num_classes, num_classes)
    data = tf.data.Dataset.from_tensors((tf.cast(images, tf.float32), tf.cast(labels, tf.float32)))
    engine = Engine(model, tf.distribute.get_strategy(), xla=run.training.xla)
    iterator = engine.share(data.repeat())
    engine.train(iterator, 1)
    seconds = []
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        engine.train(iterator, 1)
        seconds.append(time.perf_counter() - begun)
    return batch / min(seconds)
