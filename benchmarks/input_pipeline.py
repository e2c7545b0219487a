"""Images/s of the input pipeline: `python benchmarks/input_pipeline.py --data_dir=DATA`.

The same crops as files in folders are read by `keras.utils.image_dataset_from_directory`, and a
training step says what it consumes; all in one process, in turns, so that all see the same machine.
Given are medians over the turns, by the clock and by the processors' time; the second is what a
busy machine tells more truly, for it does not count others.
"""

import argparse
import os
import tempfile
import time

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from fer_keras.config.data import DataConfig
from fer_keras.config.model import ModelConfig
from fer_keras.config.training import TrainingConfig
from fer_keras.data.batches import TrainingBatches
from fer_keras.data.datasets import label_names, open_dataset
from fer_keras.data.splits import Source, read_split
from fer_keras.models.classifier import build_classifier
from fer_keras.training.engine import Engine
from fer_keras.training.objectives import ClassificationObjective
from fer_keras.training.recipe import compile_classifier, make_optimizer


def main() -> None:
    """Prints a row a reader, and how many times each feeds the step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data_dir', default='~/tensorflow_datasets')
    parser.add_argument('--source', default='cfee/basic_faces')
    parser.add_argument('--image_size_px', type=int, default=128)
    parser.add_argument('--crop', type=float, default=0.75)
    parser.add_argument('--batch_size', type=int, default=16)
    parser.add_argument('--repeats', type=int, default=5)
    options = parser.parse_args()
    builder = open_dataset(options.source, options.data_dir)
    names = label_names([builder])
    source = read_split([builder], 'train', names)
    with tempfile.TemporaryDirectory() as folder:
        write_folders(source, folder)
        readers = make_readers(source, folder, len(names), options)
        speeds = {name: [] for name in readers}
        for _ in range(options.repeats):
            for name, batches in readers.items():
                speeds[name].append(images_per_second(batches))
    step = step_speed(source, len(names), options)
    medians = {name: np.median(values, axis=0) for name, values in speeds.items()}
    medians['training step, MobileNetV2'] = step
    rows = {name: [*speed, *(speed / step)] for name, speed in medians.items()}
    columns = ['images/s', 'per processor s', 'times the step', 'by processor s']
    print(pd.DataFrame.from_dict(rows, orient='index', columns=columns).round(1).to_string())


def write_folders(source: Source, folder: str) -> None:
    """Writes the very bytes of each example to `folder/<label>/`."""
    for number, example in enumerate(source.examples.as_numpy_iterator()):
        path = os.path.join(folder, str(example['label']))
        os.makedirs(path, exist_ok=True)
        suffix = 'png' if example['image'].startswith(b'\x89PNG') else 'jpg'
        with open(os.path.join(path, f'{number}.{suffix}'), 'wb') as file:
            file.write(example['image'])


def make_readers(
    source: Source, folder: str, num_classes: int, options: argparse.Namespace
) -> dict[str, tf.data.Dataset]:
    """One epoch of each; what is cached has been read once."""
    readers = {}
    for cache, augmentation in ((False, 'none'), (True, 'none'), (True, 'light'), (True, 'strong')):
        data = DataConfig(
            image_size_px=options.image_size_px,
            batch_size=options.batch_size,
            augmentation=augmentation,
            cache=cache,
        )
        epoch = TrainingBatches(source, data, num_classes=num_classes, seed=0).epoch(0)
        readers[f'ours, {"cached" if cache else "decoded"}, {augmentation}'] = epoch
    size = (options.image_size_px, options.image_size_px)
    theirs = keras.utils.image_dataset_from_directory(
        folder, image_size=size, batch_size=options.batch_size, label_mode='categorical', seed=0
    )
    readers['keras, decoded, none'] = theirs.prefetch(tf.data.AUTOTUNE)
    cached = theirs.unbatch().cache().shuffle(source.size, seed=0).batch(options.batch_size)
    readers['keras, cached, none'] = cached.prefetch(tf.data.AUTOTUNE)
    layers = [
        keras.layers.RandomFlip('horizontal'),
        keras.layers.RandomRotation(10 / 360),
        keras.layers.RandomZoom(0.1),
        keras.layers.RandomTranslation(0.04, 0.04),
        keras.layers.RandomBrightness(0.2),
        keras.layers.RandomContrast(0.2),
    ]

    def augment(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for layer in layers:
            images = layer(images, training=True)
        return images, labels

    readers['keras, cached, its layers like light'] = cached.map(
        augment, tf.data.AUTOTUNE
    ).prefetch(tf.data.AUTOTUNE)
    for batches in readers.values():
        images_per_second(batches)
    return readers


def images_per_second(batches: tf.data.Dataset) -> np.ndarray:
    """Of one whole epoch, by the clock and by the processors' time."""
    begun, images = clocks(), 0
    for batch, _ in batches:
        images += batch.shape[0]
    return images / (clocks() - begun)


def clocks() -> np.ndarray:
    """Seconds by the clock, and of all processors for this process."""
    return np.array([time.perf_counter(), time.process_time()])


def step_speed(source: Source, num_classes: int, options: argparse.Namespace) -> np.ndarray:
    """Images/s of training steps on a batch that is there already, by both clocks."""
    config = ModelConfig(backbone_weights='none', crop=options.crop)
    model = build_classifier(config, num_classes=num_classes, image_size_px=options.image_size_px)
    training = TrainingConfig()
    compile_classifier(model, make_optimizer(training, is_head_stage=False, steps=1), training)
    data = DataConfig(image_size_px=options.image_size_px, batch_size=options.batch_size)
    epoch = TrainingBatches(source, data, num_classes=num_classes, seed=0).epoch(0)
    objective = ClassificationObjective(model.loss)
    engine = Engine(model, objective, tf.distribute.get_strategy())
    iterator = engine.share(epoch.take(1).cache().repeat())
    engine.train(iterator, 2)
    seconds = []
    for _ in range(2 * options.repeats):
        begun = clocks()
        engine.train(iterator, 1)
        seconds.append(clocks() - begun)
    return options.batch_size / np.median(seconds, axis=0)


if __name__ == '__main__':
    main()
