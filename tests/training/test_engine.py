"""The loop of our own against `fit`, and replicas against one."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.training.engine import Engine, add, means_of
from tests.fakes import random_images

IMAGES = random_images(100, 8).astype('float32') / 255
LABELS = keras.utils.to_categorical(np.arange(100) % 7, 7)


def build(**options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, activation='relu'),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(7, activation='softmax'),
        ]
    )
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    optimizer = keras.optimizers.AdamW(1e-2, weight_decay=0.1, **options)
    model.compile(optimizer, loss, metrics=['accuracy'])
    return model


def batches(size=10):
    return tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(size)


def largest_difference(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


@pytest.mark.parametrize('options', [{}, {'use_ema': True, 'ema_momentum': 0.9}])
def test_twenty_steps_are_those_of_fit(options):
    ours, theirs = build(**options), build(**options)
    before = build(**options)
    engine = Engine(ours, tf.distribute.get_strategy())
    sums = engine.train(engine.distribute(batches().repeat(2)), 20)
    theirs.fit(batches().repeat(2), epochs=1, verbose=0, shuffle=False)
    if options:  # fit leaves the averages in the model
        ours.optimizer.finalize_variable_values(ours.trainable_variables)
    assert largest_difference(ours, theirs) < 1e-6 < 1e-3 < largest_difference(ours, before)
    assert sums['images'] == 200


def test_loss_and_accuracy_are_those_of_evaluate_with_a_partial_batch():
    model = build()
    expected = model.evaluate(batches(32), verbose=0, return_dict=True)
    measured = Engine(model, tf.distribute.get_strategy()).evaluate(batches(32))
    assert measured == pytest.approx(expected, rel=1e-5)


def test_several_steps_a_call_change_nothing():
    one, several = build(), build()
    engine = Engine(one, tf.distribute.get_strategy())
    iterator, sums = engine.distribute(batches()), {}
    for _ in range(10):
        sums = add(sums, engine.train(iterator, 1))
    engine = Engine(several, tf.distribute.get_strategy())
    together = engine.train(engine.distribute(batches()), 10)
    assert largest_difference(one, several) == 0
    assert means_of(sums) == pytest.approx(means_of(together), rel=1e-6)


TWO_REPLICAS = """
import tensorflow as tf

cpu = tf.config.list_physical_devices('CPU')[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from fer_keras.training.engine import Engine
from tests.training.test_engine import batches, build, largest_difference

one = build()
engine = Engine(one, tf.distribute.get_strategy())
expected = engine.train(engine.distribute(batches().repeat(2)), 20)
strategy = tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])
with strategy.scope():
    two = build()
engine = Engine(two, strategy)
sums = engine.train(engine.distribute(batches().repeat(2)), 20)
assert largest_difference(one, two) < 1e-5, largest_difference(one, two)
assert abs(sums['loss'] - expected['loss']) < 1e-2 and sums['images'] == 200
measured, alone = engine.evaluate(batches(32)), Engine(one, tf.distribute.get_strategy())
assert abs(measured['loss'] - alone.evaluate(batches(32))['loss']) < 1e-4
print('equal')
"""


def test_two_replicas_take_the_steps_of_one():
    command = [sys.executable, '-c', TWO_REPLICAS]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert 'equal' in completed.stdout
