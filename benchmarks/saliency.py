"""What each saliency model costs beside the backbone: `python benchmarks/saliency.py`.

GFLOPs count a multiplication and an addition as two, by TensorFlow's profiler on the frozen graph
of one image (a Fourier transform counts as nothing there). Images/s are the median of repeated
batches in one process, so that all rows see the same machine.
"""

import argparse
import tempfile
import time

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from fer_keras.models.mlnet import build_mlnet
from fer_keras.models.saliency import SALIENCY_KINDS, build_saliency_model


def main() -> None:
    """Prints one row a model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--image_size_px', type=int, default=224)
    parser.add_argument('--batch_size', type=int, default=16)
    parser.add_argument('--repeats', type=int, default=7)
    options = parser.parse_args()
    size = options.image_size_px
    models = {'backbone mobilenet_v2': build_backbone(size)}
    with tempfile.TemporaryDirectory() as folder:
        # ML-Net ships no weights, and which they are costs nothing.
        untrained = f'{folder}/mlnet.weights.h5'
        build_mlnet().save_weights(untrained)
        for kind in SALIENCY_KINDS:
            weights = untrained if kind.startswith('mlnet') and kind != 'mlnet_light' else None
            models[kind] = build_saliency_model(kind, image_size_px=size, weights=weights)
    rows = {name: measure(model, options) for name, model in models.items()}
    columns = ['parameters', 'GFLOPs', 'images/s']
    print(pd.DataFrame.from_dict(rows, orient='index', columns=columns).round(3).to_string())


def build_backbone(size: int) -> keras.Model:
    """MobileNetV2 without the top, as the classifier uses it."""
    return keras.applications.MobileNetV2(
        input_shape=(size, size, 3), include_top=False, weights=None
    )


def measure(model: keras.Model, options: argparse.Namespace) -> list[float]:
    """Parameters, GFLOPs of one image, images per second."""
    return [model.count_params(), gflops(model), images_per_second(model, options)]


def gflops(model: keras.Model) -> float:
    """Floating-point operations of one image, in 10^9."""
    specification = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    function = tf.function(lambda image: model(image, training=False))
    concrete = function.get_concrete_function(specification)
    graph = convert_variables_to_constants_v2(concrete).graph
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    counted = tf.compat.v1.profiler.profile(graph, options=options)
    return counted.total_float_ops / 1e9


def images_per_second(model: keras.Model, options: argparse.Namespace) -> float:
    """Median over `repeats` batches, after one that is not counted."""
    shape = (options.batch_size, *model.input_shape[1:])
    images = tf.constant(np.random.default_rng(0).uniform(0, 255, shape), tf.float32)
    predict = tf.function(lambda batch: model(batch, training=False))
    predict(images)
    seconds = []
    for _ in range(options.repeats):
        start = time.perf_counter()
        predict(images).numpy()
        seconds.append(time.perf_counter() - start)
    return options.batch_size / float(np.median(seconds))


if __name__ == '__main__':
    main()
