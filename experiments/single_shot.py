"""Teaches the proposal network of `single_shot`, and writes its weights.

`python -m experiments.single_shot --pictures=PICTURES --output=tfds_builders/single_shot.npz` reads
what `experiments/single_shot_pictures.py` wrote. Eight epochs took 40 minutes on two cores that
trained another network, too. Any backend of Keras will do: with `KERAS_BACKEND=jax` TensorFlow is
not needed.
"""

from __future__ import annotations

import argparse
import os
import pathlib
from typing import Any

import cv2
import keras
import numpy as np
from keras import ops

from experiments.single_shot_pictures import TAUGHT_PX
from tfds_builders import single_shot
from tfds_builders.single_shot import CELL_SIDES, LAYERS, OUTPUTS, STRIDES_PX

CHANNELS = {
    'quarter': 16, 'quarter_2': 16, 'eighth': 32, 'eighth_2': 32, 'sixteenth': 48,
    'sixteenth_2': 64, 'thirty_second': 64, 'thirty_second_2': 64, 'sixty_fourth': 56,
    'sixty_fourth_2': 56, 'coarsest': 32, 'coarse': 32, 'middle': 32, 'fine': 32, 'fine_head': 32,
    'middle_head': 48, 'coarse_head': 48,
}  # fmt: skip
# Of the kernels; of all others 3.
WIDTHS = {'quarter': 6} | dict.fromkeys(('coarsest', 'coarse', 'middle', 'fine', *OUTPUTS), 1)
# Sides of the squares that each output proposes, in pixels, and how far others may stretch.
SIDES_PX, STRETCH = ((0, 40), (40, 104), (104, 1e9)), 1.25
# Of a square the share around its middle whose cells propose it, and beyond which none does.
INNER, OUTER = 0.18, 0.4
# Of the focal loss (Lin et al. 2017, ICCV); of the errors of a box against those of a score.
FOCUS, POSITIVE = 2.0, 0.75
BATCH, RATE, WEIGHT_DECAY = 32, 4e-3, 1e-4


def build_network(side_px: int = TAUGHT_PX) -> keras.Model:
    """The network as it is trained, with batch normalisation behind each convolution that bends."""
    image = keras.Input((side_px, side_px, 3))
    made = {'image': keras.layers.Rescaling(1 / 64, -2)(image)}
    for layer in LAYERS:
        is_last = layer.name in OUTPUTS
        convolution = keras.layers.Conv2D(
            4 if is_last else CHANNELS[layer.name], WIDTHS.get(layer.name, 3), layer.stride,
            padding='same', use_bias=is_last, name=layer.name,
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


def fold(network: keras.Model) -> dict[str, Any]:
    """The weights of `tfds_builders.single_shot`, float16, with the normalisation inside."""
    weights = {}
    for layer in LAYERS:
        convolution = network.get_layer(layer.name)
        kernel = ops.convert_to_numpy(convolution.kernel)
        if layer.bends:
            norm = network.get_layer(f'{layer.name}_norm')
            gamma, beta, mean, variance = norm.get_weights()
            scale = gamma / np.sqrt(variance + norm.epsilon)
            kernel = kernel * scale
            bias = beta - mean * scale
        else:
            bias = ops.convert_to_numpy(convolution.bias)
        weights[f'{layer.name}/kernel'] = kernel.astype(np.float16)
        weights[f'{layer.name}/bias'] = bias.astype(np.float16)
    return weights


class Pictures(keras.utils.PyDataset):
    """Batches of pictures, mirrored in one of two, and of the boxes of their faces."""

    def __init__(self, folder: str, seed: int) -> None:
        super().__init__(workers=os.cpu_count() or 1, max_queue_size=24)
        cv2.setNumThreads(1)
        self._seed, self._epoch = seed, 0
        self._files: list[np.ndarray] = []
        boxes = []
        for path in sorted(pathlib.Path(folder).glob('*.npz')):
            with np.load(path) as shard:
                self._files += np.split(shard['images'], shard['ends'][:-1])
                boxes.append(shard['boxes'])
        self._boxes = np.concatenate(boxes)
        self._shuffle()

    def __len__(self) -> int:
        return len(self._files) // BATCH

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng((self._seed, self._epoch, index))
        chosen = self._order[index * BATCH : (index + 1) * BATCH]
        images = np.empty((BATCH, TAUGHT_PX, TAUGHT_PX, 3), np.uint8)
        boxes = self._boxes[chosen]
        for place, number in enumerate(chosen):
            images[place] = np.asarray(cv2.imdecode(self._files[number], cv2.IMREAD_COLOR_RGB))
            if rng.random() < 0.5:
                images[place] = images[place, :, ::-1]
                boxes[place, :, [0, 2]] = TAUGHT_PX - boxes[place, :, [2, 0]]
        return images, boxes

    def on_epoch_end(self) -> None:
        """Shuffles anew."""
        self._epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        rng = np.random.default_rng((self._seed, self._epoch))
        self._order = rng.permutation(len(self._files))


class Expose(keras.layers.Layer):
    """Changes contrast, light and colour of each image in training."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        """Float `[batch, height, width, 3]` to the same, in [0, 255]."""
        if not training:
            return images
        shape = (ops.shape(images)[0], 1, 1, 1)
        contrast = keras.random.uniform(shape, 0.6, 1.3, seed=self._random)
        light = keras.random.uniform(shape, -30, 30, seed=self._random)
        color = keras.random.uniform((*shape[:3], 3), -12, 12, seed=self._random)
        return ops.clip((images - 128) * contrast + 128 + light + color, 0, 255)


class ProposalLoss(keras.losses.Loss):
    """Focal loss of the scores and absolute error of the boxes, a cell that is a face."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """From the boxes of faces and from all `OUTPUTS`, `[batch, n, 4]` each, to one number."""
        total, faces, start = 0.0, 0.0, 0
        for stride, sides in zip(STRIDES_PX, SIDES_PX, strict=True):
            count = (TAUGHT_PX // stride) ** 2
            found, start = y_pred[:, start : start + count], start + count
            label, is_asked, box = targets_of(y_true, stride, sides)
            is_face = ops.maximum(label, 0)
            entropy = ops.binary_crossentropy(is_face, found[..., 0], from_logits=True)
            weight = ops.where(is_face > 0, POSITIVE, 1 - POSITIVE) * 2
            counts = ops.cast(label >= 0, 'float32')
            total += ops.sum(counts * weight * entropy * (1 - ops.exp(-entropy)) ** FOCUS)
            error = ops.abs(found[..., 1:] - box) * ops.array([0.5, 0.5, 1.0])
            total += ops.sum(is_asked[..., None] * error)
            faces += ops.sum(is_face)
        return total / ops.maximum(faces, 8)


def targets_of(boxes: Any, stride: int, sides_px: tuple[float, float]) -> tuple[Any, Any, Any]:
    """What the cells of an output should say.

    Args:
        boxes: float32 `[batch, n, 4]`; those of no face lie far outside.
        stride: Of the output, pixels.
        sides_px: Of the faces that it proposes.

    Returns:
        float32 `[batch, cells]`, a face (1), none (0) or neither (-1); the same, 1 where a box is
        asked; and the box, `[batch, cells, 3]`.
    """
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    side = ops.max(boxes[..., 2:] - boxes[..., :2], axis=-1)
    line = (np.arange(TAUGHT_PX // stride, dtype=np.float32) + 0.5) * stride
    cells = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 1, 2)
    middle, side = middle[:, None], side[:, None]
    away = ops.max(ops.abs(cells - middle), axis=-1)
    low, high = sides_px
    fits = (side >= low / STRETCH) & (side < high * STRETCH)
    is_near = (away < ops.maximum(INNER * side, stride / 2)) & fits
    is_face = ops.any(is_near & (side >= low) & (side < high), axis=-1)
    is_close = ops.any(away < OUTER * side, axis=-1)
    nearest = ops.argmin(ops.where(is_near, away / ops.maximum(side, 1), 1e9), axis=-1)
    # The box of each cell, by a product, which every backend does fast.
    chosen = ops.one_hot(nearest, boxes.shape[1], dtype='float32')
    square = ops.concatenate([middle[:, 0], ops.maximum(side[:, 0, :, None], 1)], axis=-1)
    square = ops.matmul(chosen, square)
    shift = (square[..., :2] - cells[:, 0]) / stride
    size = ops.log(square[..., 2:] / (CELL_SIDES * stride))
    label = ops.where(is_face, 1.0, ops.where(is_close, -1.0, 0.0))
    return label, ops.cast(ops.any(is_near, axis=-1), 'float32'), ops.concatenate([shift, size], -1)


def train(pictures: str, epochs: int, seed: int, output: str) -> None:
    """Trains, and writes the weights after each epoch."""
    keras.utils.set_random_seed(seed)
    network, batches = build_network(), Pictures(pictures, seed)
    image = keras.Input((TAUGHT_PX, TAUGHT_PX, 3))
    found = network(Expose(seed)(image))
    learner = keras.Model(
        image,
        ops.concatenate([ops.reshape(x, (-1, x.shape[1] * x.shape[2], 4)) for x in found], axis=1),
    )
    steps = len(batches) * epochs
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, steps, alpha=0.01, warmup_target=RATE, warmup_steps=min(300, steps // 10)
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY, clipnorm=5.0)
    learner.compile(optimizer, ProposalLoss())
    write = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: np.savez_compressed(output, **fold(network))
    )
    learner.fit(batches, epochs=epochs, callbacks=[write], verbose=2)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--pictures', required=True, help='folder of what was composed')
    parser.add_argument('--output', default=os.fspath(single_shot.WEIGHTS_FILE))
    parser.add_argument('--epochs', type=int, default=8)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    train(options.pictures, options.epochs, options.seed, options.output)


if __name__ == '__main__':
    main()
