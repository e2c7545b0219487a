"""Teaches the proposal network of `single_shot`, and writes its weights.

`python -m experiments.single_shot --pictures=PICTURES --output=tfds_builders/single_shot.npz` reads
what `experiments/single_shot_pictures.py` wrote. Eight epochs take 35 minutes on two cores. The
epochs, sizes and rates are the first that were tried.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfds_builders import single_shot
from tfds_builders.single_shot import CANVAS_PX, CELL_SIDES, LAYERS, OUTPUTS, STRIDES_PX

CHANNELS = {
    'half': 16, 'quarter': 16, 'quarter_2': 16, 'eighth': 32, 'eighth_2': 40, 'sixteenth': 40,
    'sixteenth_2': 56, 'thirty_second': 56, 'thirty_second_2': 56, 'thirty_second_3': 56,
    'coarse': 40, 'middle': 40, 'fine': 40, 'fine_head': 40, 'middle_head': 40, 'coarse_head': 40,
}  # fmt: skip
POINTWISE = ('coarse', 'middle', 'fine', *OUTPUTS)
# Sides of the squares that each output proposes, in pixels, and how far others may stretch.
SIDES_PX, STRETCH = ((0, 40), (40, 104), (104, 1e9)), 1.25
# Of a square the share around its middle whose cells propose it, and beyond which none does.
INNER, OUTER = 0.18, 0.4
MOST_FACES = 24
# Of the focal loss (Lin et al. 2017, ICCV); of the errors of a box against those of a score.
FOCUS, POSITIVE = 2.0, 0.75
BATCH, RATE, WEIGHT_DECAY, AVERAGING = 32, 4e-3, 1e-4, 0.998


def build_network() -> keras.Model:
    """The network as it is trained, with batch normalisation behind each convolution that bends."""
    image = keras.Input((CANVAS_PX, CANVAS_PX, 3))
    made = {'image': keras.layers.Rescaling(1 / 64, -2)(image)}
    for layer in LAYERS:
        width = 1 if layer.name in POINTWISE else 3
        is_last = layer.name in OUTPUTS
        convolution = keras.layers.Conv2D(
            4 if is_last else CHANNELS[layer.name], width, layer.stride, padding='same',
            use_bias=is_last, name=layer.name,
        )  # fmt: skip
        x = convolution(made[layer.source])
        if layer.bends:
            normalize = keras.layers.BatchNormalization(momentum=0.97, name=f'{layer.name}_norm')
            x = keras.layers.ReLU()(normalize(x))
        if layer.added:
            x = keras.layers.Add()([x, keras.layers.UpSampling2D(2)(made[layer.added])])
        made[layer.name] = x
    network = keras.Model(image, [made[name] for name in OUTPUTS])
    for name in OUTPUTS:  # At first nothing is a face.
        network.get_layer(name).bias.assign([-4, 0, 0, 0])
    return network


def fold(network: keras.Model) -> dict[str, np.ndarray]:
    """The weights of `tfds_builders.single_shot`, float16, with the normalisation inside."""
    weights = {}
    for layer in LAYERS:
        convolution = network.get_layer(layer.name)
        kernel = convolution.kernel.numpy()
        if layer.bends:
            norm = network.get_layer(f'{layer.name}_norm')
            scale = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
            kernel = kernel * scale
            bias = norm.beta.numpy() - norm.moving_mean.numpy() * scale
        else:
            bias = convolution.bias.numpy()
        weights[f'{layer.name}/kernel'] = kernel.astype(np.float16)
        weights[f'{layer.name}/bias'] = bias.astype(np.float16)
    return weights


def read_pictures(folder: str, seed: int) -> tf.data.Dataset:
    """Batches of images, and for each output what its cells should say."""
    files = sorted(str(path) for path in pathlib.Path(folder).glob('*.tfrecord'))
    examples = tf.data.TFRecordDataset(files).shuffle(50_000, seed, reshuffle_each_iteration=True)
    features = {
        'image': tf.io.FixedLenFeature((), tf.string),
        'boxes': tf.io.VarLenFeature(tf.float32),
    }
    random = tf.random.Generator.from_seed(seed)

    def read(serialized: tf.Tensor) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        example = tf.io.parse_single_example(serialized, features)
        image = tf.cast(tf.io.decode_jpeg(example['image'], channels=3), tf.float32)
        boxes = tf.reshape(tf.sparse.to_dense(example['boxes']), (-1, 4))[:MOST_FACES]
        if random.uniform(()) < 0.5:
            image = image[:, ::-1]
            boxes = tf.stack(
                [CANVAS_PX - boxes[:, 2], boxes[:, 1], CANVAS_PX - boxes[:, 0], boxes[:, 3]], 1
            )
        light = random.uniform((4,), -1, 1) * (30, 12, 12, 12)
        image = (image - 128) * random.uniform((), 0.6, 1.3) + 128 + light[0] + light[1:]
        image = tf.ensure_shape(tf.clip_by_value(image, 0, 255), (CANVAS_PX, CANVAS_PX, 3))
        # One that is nowhere, so that there is always one.
        boxes = tf.concat([boxes, tf.fill((1, 4), -1e6)], axis=0)
        targets = [_targets(boxes, *level) for level in zip(STRIDES_PX, SIDES_PX, strict=True)]
        return image, tuple(targets)

    return examples.map(read, 2, deterministic=True).batch(BATCH, drop_remainder=True).prefetch(2)


def _targets(boxes: tf.Tensor, stride: int, sides_px: tuple[float, float]) -> tf.Tensor:
    """float32 `[y, x, 5]`: a face (1), none (0) or neither (-1); whether it has a box; the box."""
    middle, side = (boxes[:, :2] + boxes[:, 2:]) / 2, tf.reduce_max(boxes[:, 2:] - boxes[:, :2], 1)
    count = CANVAS_PX // stride
    line = (tf.range(count, dtype=tf.float32) + 0.5) * stride
    cells = tf.stack(tf.meshgrid(line, line), axis=-1)[:, :, None]
    away = tf.reduce_max(tf.abs(cells - middle), axis=-1)
    low, high = sides_px
    fits = (side >= low / STRETCH) & (side < high * STRETCH)
    is_near = (away < tf.maximum(INNER * side, stride / 2)) & fits
    is_face = tf.reduce_any(is_near & (side >= low) & (side < high), axis=-1)
    is_close = tf.reduce_any(away < OUTER * side, axis=-1)
    nearest = tf.argmin(tf.where(is_near, away / side, 1e9), axis=-1)
    shift = (tf.gather(middle, nearest) - cells[:, :, 0]) / stride
    size = tf.math.log(tf.maximum(tf.gather(side, nearest), 1) / (CELL_SIDES * stride))
    label = tf.where(is_face, 1.0, tf.where(is_close, -1.0, 0.0))
    is_asked = tf.cast(tf.reduce_any(is_near, axis=-1), tf.float32)
    return tf.concat([tf.stack([label, is_asked], -1), shift, size[..., None]], axis=-1)


def loss_of(outputs: list[tf.Tensor], targets: tuple[tf.Tensor, ...]) -> tf.Tensor:
    """Focal loss of the scores and absolute error of the boxes, a cell that is a face."""
    total, faces = 0.0, 0.0
    for found, wanted in zip(outputs, targets, strict=True):
        label, is_asked, box = wanted[..., 0], wanted[..., 1], wanted[..., 2:]
        is_face, counts = ops.maximum(label, 0), ops.cast(label >= 0, 'float32')
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(is_face, found[..., 0])
        weight = ops.where(is_face > 0, POSITIVE, 1 - POSITIVE) * 2
        total += ops.sum(counts * weight * entropy * (1 - ops.exp(-entropy)) ** FOCUS)
        error = ops.abs(found[..., 1:] - box) * (0.5, 0.5, 1.0)
        total += ops.sum(is_asked[..., None] * error)
        faces += ops.sum(is_face)
    return total / ops.maximum(faces, 8)


def train(pictures: str, epochs: int, seed: int, output: str) -> None:
    """Trains, and writes the averaged weights after each epoch."""
    keras.utils.set_random_seed(seed)
    network, batches = build_network(), read_pictures(pictures, seed)
    steps = sum(1 for _ in batches) * epochs
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, steps, alpha=0.01, warmup_target=RATE, warmup_steps=min(300, steps // 10)
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY, clipnorm=5.0)
    weights = network.trainable_variables
    optimizer.build(weights)
    mean = [tf.Variable(weight) for weight in weights]

    @tf.function(autograph=False)
    def step(images: tf.Tensor, targets: tuple[tf.Tensor, ...]) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(network(images, training=True), targets)
        optimizer.apply(tape.gradient(loss, weights), weights)
        done = tf.cast(optimizer.iterations, tf.float32)
        kept = tf.minimum(AVERAGING, (1 + done) / (10 + done))
        for average, weight in zip(mean, weights, strict=True):
            average.assign(kept * average + (1 - kept) * weight)
        return loss

    for epoch in range(1, epochs + 1):
        began, losses = time.perf_counter(), [float(step(*batch)) for batch in batches]
        speed = BATCH * len(losses) / (time.perf_counter() - began)
        print(
            f'epoch {epoch}/{epochs}  loss {np.mean(losses):.4f}  {speed:.0f} images/s', flush=True
        )
        raw = [weight.numpy() for weight in weights]
        for weight, average in zip(weights, mean, strict=True):
            weight.assign(average)
        folded: Mapping[str, Any] = fold(network)
        np.savez_compressed(output, **folded)
        for weight, value in zip(weights, raw, strict=True):
            weight.assign(value)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--pictures', required=True, help='folder of TFRecord files')
    parser.add_argument('--output', default=os.fspath(single_shot.WEIGHTS_FILE))
    parser.add_argument('--epochs', type=int, default=8)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    train(options.pictures, options.epochs, options.seed, options.output)


if __name__ == '__main__':
    main()
