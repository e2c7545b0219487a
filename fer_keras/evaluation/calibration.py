"""One temperature for the probabilities of a classifier, fitted to images that chose its epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize_scalar

from fer_keras.config.run import RunConfig
from fer_keras.data.datasets import open_sources
from fer_keras.data.splits import read_split
from fer_keras.evaluation.measures import measure
from fer_keras.evaluation.predicting import predict_split
from fer_keras.evaluation.predictions import probabilities_of
from fer_keras.files import whole_file, write_json
from fer_keras.models.classifier import divide_scores, load_classifier
from fer_keras.provenance.storage import add_to_archive, find_record
from fer_keras.run_dir import RunDir

# What `calibration.json` holds of the images of each data set.
_MEASURES = (
    'accuracy',
    'unweighted_average_recall',
    'negative_log_likelihood',
    'expected_calibration_error',
)
_SMALLEST_PROBABILITY = 1e-12
# Of the logarithm of a temperature: 1/20 to 20.
_BOUNDS = (-3.0, 3.0)


def calibrate(run: RunConfig, run_dir: RunDir) -> dict[str, Any]:
    """Fits a temperature on the source's validation split and keeps it in the weights of the head.

    Which class is the most probable stays as it is. A model that is calibrated already gets the
    temperature 1.

    Returns:
        What `calibration.json` holds: `temperature`, and for each data set of the source, by its
        name, how many `images` of it validate, and the measures of the calibrated model on them.

    Raises:
        MissingFileError: The run has no model, or a data set is not there.
    """
    names = run_dir.read_labels()
    model = load_classifier(run_dir.model_file)
    validation = read_split(
        open_sources(run.data), 'validation', names, run.model.maps_folder, run.data.fold
    )
    rows = predict_split(model, validation, run.data, names)
    temperature = fit_temperature(probabilities_of(rows, names), _truth(rows, names))
    divide_scores(model, temperature)
    record = find_record(run_dir.model_file)
    with whole_file(run_dir.model_file) as unfinished:
        model.save(unfinished)
        if record:
            add_to_archive(unfinished, record.to_bytes())
    rows = predict_split(model, validation, run.data, names)
    data_sets = [name.decode() for name in validation.examples.map(_data_set).as_numpy_iterator()]
    found: dict[str, Any] = {'temperature': temperature}
    for name, part in rows.groupby(np.array(data_sets), sort=False):
        values = measure(part, names)
        found[str(name)] = {'images': len(part)} | {key: values[key] for key in _MEASURES}
    write_json(run_dir.calibration_file, found)
    return found


def fit_temperature(
    probabilities: npt.NDArray[np.floating[Any]], truth: npt.NDArray[np.integer[Any]]
) -> float:
    """The temperature T of least negative log-likelihood of `softmax(log(p) / T)`.

    Guo et al. 2017, ICML, section 4.2: for probabilities of a softmax the same as dividing the
    scores by it.

    Args:
        probabilities: `[images, classes]` in [0, 1].
        truth: Index of the true class, `[images]`.

    >>> sure = np.array([[0.99, 0.01], [0.99, 0.01], [0.99, 0.01], [0.99, 0.01]])
    >>> fitted = fit_temperature(sure, np.array([0, 0, 0, 1]))  # Three of four are right.
    >>> round(0.99 ** (1 / fitted) / (0.99 ** (1 / fitted) + 0.01 ** (1 / fitted)), 3)
    0.75
    """
    logs = np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST_PROBABILITY))

    def loss(log_temperature: float) -> float:
        scores = logs / np.exp(log_temperature)
        scores -= scores.max(axis=1, keepdims=True)
        own = scores[np.arange(len(truth)), truth]
        return float(np.mean(np.log(np.exp(scores).sum(axis=1)) - own))

    return float(np.exp(minimize_scalar(loss, bounds=_BOUNDS, method='bounded').x))


def _truth(rows: pd.DataFrame, names: Sequence[str]) -> npt.NDArray[np.intp]:
    return pd.Index(names).get_indexer(pd.Index(rows['label']))


def _data_set(example: dict[str, Any]) -> Any:
    return example['data_set']
