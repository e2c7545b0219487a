"""Runs a classifier over one split of a data set."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_keras.config.data import DataConfig
from fer_keras.data.batches import evaluation_batches
from fer_keras.data.decoding import decode_upright
from fer_keras.data.splits import DESCRIPTIONS, Source
from fer_keras.errors import InvalidInputError
from fer_keras.evaluation.predictions import probabilities_of
from fer_keras.inference.answers import PROBABILITY
from fer_keras.inference.predictor import Predictor

_IN_MEMORY = 64


def predict_split(
    model: keras.Model, source: Source, data: DataConfig, names: Sequence[str]
) -> pd.DataFrame:
    """Runs the model over the split.

    Args:
        model: From images to probabilities `[batch, len(names)]`.
        source: The split.
        data: Image and batch size.
        names: Label names in the model's order.

    Returns:
        A row an image, as `evaluation.predictions` describes it.

    Raises:
        InvalidInputError: The model has another number of classes.
    """
    # Each image is read once: to keep them would fill the memory with a whole data set.
    streamed = dataclasses.replace(data, cache=False)
    batches = evaluation_batches(source, streamed, num_classes=len(names))
    probabilities = model.predict(batches, verbose=0)
    if probabilities.shape[1] != len(names):
        raise InvalidInputError(
            f'The model must give a probability for each of {list(names)}. '
            f'Received: {probabilities.shape[1]} probabilities an image.'
        )
    return _table(probabilities, source, names)


def predict_split_with(predictor: Predictor, source: Source) -> pd.DataFrame:
    """As `predict_split`, for whatever `predictor.load` opens, such as a SavedModel."""
    images = source.examples.map(lambda example: decode_upright(example['image']))
    unread, answers = images.as_numpy_iterator(), []
    # Originals of a whole data set would fill the memory.
    while some := list(itertools.islice(unread, _IN_MEMORY)):
        answers.append(probabilities_of(predictor.predict_crops(some), predictor.names))
    # As the network gives them: as float64 they would be written with digits that say nothing.
    return _table(np.concatenate(answers).astype(np.float32), source, predictor.names)


def _table(
    probabilities: npt.NDArray[np.floating[Any]], source: Source, names: Sequence[str]
) -> pd.DataFrame:
    described = source.examples.map(lambda e: {k: e[k] for k in (*DESCRIPTIONS, 'label')})
    rows = pd.DataFrame(list(described.as_numpy_iterator()))
    for column in DESCRIPTIONS:
        rows[column] = rows[column].str.decode('utf-8')
    rows['label'] = [names[label] for label in rows['label']]
    rows['predicted'] = [names[label] for label in np.argmax(probabilities, axis=1)]
    columns = [PROBABILITY.format(name) for name in names]
    return pd.concat([rows, pd.DataFrame(probabilities, columns=columns)], axis=1)
