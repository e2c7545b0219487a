"""Predictions of a classifier on one split of one data set, a row an image."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd

from fer_keras.config.run import DataConfig
from fer_keras.data.batches import evaluation_batches
from fer_keras.data.decoding import decode_upright
from fer_keras.data.splits import DESCRIPTIONS, Source
from fer_keras.inference.predictor import Predictor

PROBABILITY = 'p_{}'
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
        `DESCRIPTIONS`, `label`, `predicted` (names) and a column `p_<name>` a class, in [0, 1].
    """
    batches = evaluation_batches(source, data, num_classes=len(names))
    probabilities = model.predict(batches, verbose=0)
    if probabilities.shape[1] != len(names):
        raise ValueError(
            f'The model must give a probability for each of {list(names)}. '
            f'Received: {probabilities.shape[1]} probabilities an image.'
        )
    return _table(probabilities, source, names)


def predict_split_with(predictor: Predictor, source: Source) -> pd.DataFrame:
    """As `predict_split`, for whatever `predictor.load` opens, such as a SavedModel."""
    images = source.examples.map(lambda example: decode_upright(example['image']))
    columns = [PROBABILITY.format(name) for name in predictor.names]
    unread, answers = images.as_numpy_iterator(), []
    # Originals of a whole data set would fill the memory.
    while some := list(itertools.islice(unread, _IN_MEMORY)):
        answers.append(predictor.predict_crops(some)[columns].to_numpy())
    return _table(np.concatenate(answers), source, predictor.names)


def label_names_of(rows: pd.DataFrame) -> list[str]:
    """The names of the classes of a table of predictions, in its order."""
    prefix = PROBABILITY.format('')
    return [str(name).removeprefix(prefix) for name in rows if str(name).startswith(prefix)]


def _table(probabilities: np.ndarray, source: Source, names: Sequence[str]) -> pd.DataFrame:
    described = source.examples.map(lambda e: {k: e[k] for k in (*DESCRIPTIONS, 'label')})
    rows = pd.DataFrame(list(described.as_numpy_iterator()))
    for column in DESCRIPTIONS:
        rows[column] = rows[column].str.decode('utf-8')
    rows['label'] = [names[label] for label in rows['label']]
    rows['predicted'] = [names[label] for label in np.argmax(probabilities, axis=1)]
    columns = [PROBABILITY.format(name) for name in names]
    return pd.concat([rows, pd.DataFrame(probabilities, columns=columns)], axis=1)
