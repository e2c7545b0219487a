"""The loop of our own against `fit`, and replicas against one."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.training.engine import Engine
from fer_keras.training.objectives import ClassificationObjective, add
from tests.fakes import random_images

IMAGES = random_images(100, 8).astype('float32') / 255
LABELS = keras.utils.to_categorical(np.arange(100) % 7, 7).astype('float32')


def build(batch_norm=False, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, activation='relu'),
            *([keras.layers.BatchNormalization(name='norm')] if batch_norm else []),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(7, activation='softmax', dtype='float32'),
        ]
    )
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    optimizer = keras.optimizers.AdamW(1e-2, weight_decay=0.1, **options)
    model.compile(optimizer, loss, metrics=['accuracy', 'categorical_crossentropy'])
    return model


def engine_of(model, strategy=None, class_weights=(), **options):
    objective = ClassificationObjective(model.loss, class_weights)
    return Engine(model, objective, strategy or tf.distribute.get_strategy(), **options)


def batches(size=10):
    return tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(size)


def largest_difference(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


@pytest.mark.parametrize('options', [{}, {'use_ema': True, 'ema_momentum': 0.9}])
def test_twenty_steps_are_those_of_fit(options):
    ours, theirs = build(**options), build(**options)
    before = build(**options)
    engine = engine_of(ours)
    sums = engine.train(engine.share(batches().repeat(2)), 20)
    theirs.fit(batches().repeat(2), epochs=1, verbose=0, shuffle=False)
    if options:  # fit leaves the averages in the model
        ours.optimizer.finalize_variable_values(ours.trainable_variables)
    assert largest_difference(ours, theirs) < 1e-6 < 1e-3 < largest_difference(ours, before)
    assert sums['images'] == 200


def test_loss_and_accuracy_are_those_of_evaluate_with_a_partial_batch():
    model = build()
    expected = model.evaluate(batches(32), verbose=0, return_dict=True)
    measured, totals = engine_of(model).evaluate(batches(32))
    counts = totals['confusion']
    predicted = model.predict(IMAGES, verbose=0).argmax(axis=1)
    for true in range(7):
        expected_row = np.bincount(predicted[LABELS[:, true] == 1], minlength=7)
        np.testing.assert_array_equal(counts[true], expected_row)
    # Without the smoothing of the training loss.
    assert measured['loss'] == pytest.approx(expected['categorical_crossentropy'], rel=1e-5)
    assert measured['accuracy'] == pytest.approx(expected['accuracy'])


def test_several_steps_a_call_change_nothing():
    one, several = build(), build()
    engine = engine_of(one)
    iterator, sums = engine.share(batches()), {}
    for _ in range(10):
        sums = add(sums, engine.train(iterator, 1))
    engine = engine_of(several)
    together = engine.train(engine.share(batches()), 10)
    assert largest_difference(one, several) == 0
    assert engine.means(sums) == pytest.approx(engine.means(together), rel=1e-6)


def train_with(model, steps=10, **options):
    engine = engine_of(model, **options)
    engine.train(engine.share(batches()), steps)
    return model


def test_a_batch_taken_in_parts_is_the_same_step():
    whole, parts = train_with(build()), train_with(build(), parts=5)
    assert largest_difference(whole, parts) < 1e-6


def test_each_part_is_normalised_by_itself():
    momentum = keras.layers.BatchNormalization().momentum
    for parts in (1, 5):
        model = build(batch_norm=True)
        model.get_layer('norm').moving_mean.assign(np.full(4, 1e6))
        train_with(model, steps=1, parts=parts)
        remembered = np.array(model.get_layer('norm').moving_mean) / 1e6
        np.testing.assert_allclose(remembered, momentum**parts, rtol=1e-4)


def sgd_step(**options):
    model = build()
    model.compile(keras.optimizers.SGD(1.0), keras.losses.CategoricalCrossentropy())
    before = model.get_weights()
    train_with(model, steps=1, **options)
    return [a - b for a, b in zip(model.get_weights(), before, strict=True)]


def test_the_gradient_is_clipped_to_the_norm_and_keeps_its_direction():
    free, clipped = sgd_step(), sgd_step(clip_norm=0.01)
    norm = np.sqrt(sum(np.sum(step**2) for step in free))
    assert norm > 0.02
    for one, other in zip(clipped, free, strict=True):
        np.testing.assert_allclose(one, other * 0.01 / norm, atol=1e-6)
    for one, other in zip(sgd_step(clip_norm=100.0), free, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)


def gradient_of(model):
    with tf.GradientTape() as tape:
        probabilities = model(IMAGES[:10], training=True)
        loss = tf.reduce_mean(keras.losses.categorical_crossentropy(LABELS[:10], probabilities))
    return [np.array(one) for one in tape.gradient(loss, model.trainable_variables)]


def test_sharpness_aware_steps_take_the_gradient_at_the_top_of_the_climb():
    model = build()
    here = gradient_of(model)
    norm = np.sqrt(sum(np.sum(one**2) for one in here))
    for variable, slope in zip(model.trainable_variables, here, strict=True):
        variable.assign_add(0.5 * slope / norm)
    above = gradient_of(model)
    for parts in (1, 5):
        step = sgd_step(sam_radius=0.5, parts=parts)
        for one, expected, plain in zip(step, above, here, strict=True):
            np.testing.assert_allclose(one, -expected, atol=1e-6)
            assert np.abs(one + plain).max() > 1e-3


def test_sharpness_aware_steps_leave_the_statistics_of_the_weights_as_they_were():
    remembered = []
    for sam_radius in (0.0, 5.0):
        model = train_with(build(batch_norm=True), steps=1, sam_radius=sam_radius)
        norm = model.get_layer('norm')
        remembered.append([np.array(norm.moving_mean), np.array(norm.moving_variance)])
    np.testing.assert_allclose(remembered[0], remembered[1], rtol=1e-6)


def test_xla_compiles_the_gradient_and_changes_nothing():
    plain, compiled = train_with(build(), parts=2), build()
    engine = engine_of(compiled, parts=2, xla=True)
    engine.train(engine.share(batches()), 10)
    assert largest_difference(plain, compiled) < 1e-5
    (function,) = engine._gradient._list_all_concrete_functions()
    assert function.function_def.attr['_XlaMustCompile'].b


def test_the_steps_before_a_loss_that_is_no_number_are_counted():
    labels = LABELS.copy()  # A ReLU would hide what is wrong with an image.
    labels[37] = np.nan  # in the fourth batch of ten
    data = tf.data.Dataset.from_tensor_slices((IMAGES, labels)).batch(10)
    engine = engine_of(build())
    iterator = engine.share(data)
    assert engine.train(iterator, 2)['finite_steps'] == 2
    assert engine.train(iterator, 5)['finite_steps'] == 1


def test_classes_count_by_their_weights():
    # The batch holds labels 0 to 6, 0, 1, 2: with one class alone, only its images pull.
    weights = [0.0] * 7
    weights[3] = 2.0
    bias = sgd_step(class_weights=weights)[-1]
    assert bias[3] > 0 and np.all(np.delete(bias, 3) < 0)
    model = build()
    expected = 2 / 10 * (1 - model(IMAGES[3:4]).numpy()[0, 3])
    assert bias[3] == pytest.approx(expected, rel=1e-4)


def test_float16_scales_its_loss_and_skips_a_step_that_overflows():
    keras.config.set_dtype_policy('mixed_float16')
    try:
        model = build()
    finally:
        keras.config.set_dtype_policy('float32')
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    before = model.get_weights()
    train_with(model, steps=3, clip_norm=1.0)
    moved = max(np.abs(a - b).max() for a, b in zip(model.get_weights(), before, strict=True))
    assert 1e-3 < moved < 1 and all(np.isfinite(w).all() for w in model.get_weights())
    before = model.get_weights()
    model.optimizer.dynamic_scale.assign(1e30)
    train_with(model, steps=1, clip_norm=1.0)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert float(model.optimizer.dynamic_scale) == pytest.approx(5e29)


TWO_REPLICAS = """
import keras
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices('CPU')[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from fer_keras.models.gradients import NormalizedGradients
from tests.training.test_engine import batches, build, engine_of, largest_difference

one = build()
engine = engine_of(one)
expected = engine.train(engine.share(batches().repeat(2)), 20)
strategy = tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])
with strategy.scope():
    two = build()
engine = engine_of(two, strategy)
sums = engine.train(engine.share(batches().repeat(2)), 20)
assert largest_difference(one, two) < 1e-5, largest_difference(one, two)
assert abs(sums['loss'] - expected['loss']) < 1e-2 and sums['images'] == 200
measured, totals = engine.evaluate(batches(32))
alone, alone_totals = engine_of(one).evaluate(batches(32))
counts, alone_counts = totals['confusion'], alone_totals['confusion']
assert abs(measured['loss'] - alone['loss']) < 1e-4
assert np.array_equal(counts, alone_counts) and counts.sum() == 100

# The last batch is of one image, and the padding of the gradients takes no empty share.
with strategy.scope():
    layers = [NormalizedGradients(), keras.layers.Flatten(), keras.layers.Dense(7, 'softmax')]
    padded = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    padded.compile(keras.optimizers.SGD(), keras.losses.CategoricalCrossentropy())
measured, totals = engine_of(padded, strategy).evaluate(batches(33))
assert totals['confusion'].sum() == 100 and np.isfinite(measured['loss'])

with strategy.scope():
    clipped = build()
engine = engine_of(clipped, strategy, clip_norm=0.01, parts=5)
engine.train(engine.share(batches()), 5)
alone = build()
engine = engine_of(alone, clip_norm=0.01)
engine.train(engine.share(batches()), 5)
assert largest_difference(clipped, alone) < 1e-5, largest_difference(clipped, alone)

with strategy.scope():
    aware = build()
engine = engine_of(aware, strategy, sam_radius=0.5)
engine.train(engine.share(batches()), 5)
alone = build()
engine = engine_of(alone, sam_radius=0.5)
engine.train(engine.share(batches()), 5)
assert largest_difference(aware, alone) < 1e-5, largest_difference(aware, alone)

with strategy.scope():
    normalised = build(batch_norm=True)
engine = engine_of(normalised, strategy)
engine.train(engine.share(batches()), 3)
layer = normalised.get_layer('norm')
for variable in (layer.moving_mean, layer.moving_variance):
    first, second = map(np.array, strategy.experimental_local_results(variable.value))
    assert np.array_equal(first, second) and abs(first).max() > 0
# A mean of means over equal shares is that over the batch.
one = build(batch_norm=True)
engine = engine_of(one)
engine.train(engine.share(batches()), 1)
with strategy.scope():
    two = build(batch_norm=True)
engine = engine_of(two, strategy)
engine.train(engine.share(batches()), 1)
means = [np.array(model.get_layer('norm').moving_mean) for model in (one, two)]
assert np.abs(means[0] - means[1]).max() < 1e-6
print('equal')
"""


def test_two_replicas_take_the_steps_of_one():
    command = [sys.executable, '-c', TWO_REPLICAS]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert 'equal' in completed.stdout
