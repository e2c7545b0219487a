"""Fits the branch of histograms of oriented gradients before the first step of a training.

It is a logistic regression, which has one optimum: no steps are needed to come near to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from fer_keras.config.data import DataConfig
from fer_keras.data.batches import evaluation_batches
from fer_keras.data.splits import Source
from fer_keras.models.classifier import build_histogram_reader

# The penalty on the squared weights is scikit-learn's own.
_MOST_ITERATIONS = 500


def fit_hog_branch(
    model: keras.Model,
    strategy: tf.distribute.Strategy,
    sources: Sequence[Source],
    data: DataConfig,
    *,
    is_balanced: bool = False,
) -> None:
    """Fits the branch to the histograms of all images, and sets its weights.

    Args:
        model: A classifier with a branch of histograms.
        strategy: The strategy that it was built in. Every worker fits, and all have the chief's.
        sources: What teaches; together they have images of each of the model's classes.
        data: Size of the images, and of the batches in which they are read.
        is_balanced: Whether each class counts alike, however many images it has.
    """
    values, labels = _read(build_histogram_reader(model), sources, data)
    kernel, bias = fit_softmax(values, labels, is_balanced=is_balanced)
    layer = model.get_layer('shallow')
    with strategy.scope():
        for weight, value in ((layer.kernel, kernel), (layer.bias, bias)):
            # Variables begin on every worker as on the chief.
            weight.assign(tf.Variable(value, trainable=False))


def fit_softmax(
    values: np.ndarray, labels: np.ndarray, *, is_balanced: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The logistic regression of labels on values, as the weights of a layer with a softmax.

    Args:
        values: float32 `[images, values]`.
        labels: int `[images]`, from 0, of which each class has some.
        is_balanced: Whether an image counts by the inverse of how many its class has.

    Returns:
        float32 `[values, classes]` and `[classes]`.
    """
    weights = 'balanced' if is_balanced else None
    regression = LogisticRegression(max_iter=_MOST_ITERATIONS, class_weight=weights)
    regression.fit(values, labels)
    kernel, bias = regression.coef_.T, regression.intercept_
    if len(regression.classes_) == 2:  # Then scikit-learn has one score, of the second class.
        kernel, bias = np.hstack([-kernel / 2, kernel / 2]), np.hstack([-bias / 2, bias / 2])
    return kernel.astype('float32'), bias.astype('float32')


def _read(
    reader: keras.Model, sources: Sequence[Source], data: DataConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Histograms and labels of all images, in the order of the data."""
    images = sum(source.size for source in sources)
    values = np.empty((images, reader.output_shape[1]), np.float32)
    labels = np.empty(images, np.int64)
    once, first = dataclasses.replace(data, cache=False), 0
    for source in sources:
        for pictures, one_hot in evaluation_batches(source, once, num_classes=len(source.counts)):
            last = first + len(one_hot)
            values[first:last] = reader(pictures[..., :3])
            labels[first:last] = tf.argmax(one_hot, axis=-1)
            first = last
    return values, labels
