"""A table of predictions, a row an image: its columns, how it is read, and what is read off it.

Beside what is known of the image (`data.splits.DESCRIPTIONS`) there are `label`, the true class,
`predicted`, the most probable one, and for each class of the model a column `p_<name>`, in [0, 1].
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.inference.answers import PROBABILITY
from fer_keras.run_dir import ReportDir, RunDir

# What an image is known by.
IMAGE = ('subject_id', 'file_name', 'label')


def read_predictions(run: str, evaluation: str = '') -> pd.DataFrame:
    """Reads the predictions of a run folder, or a CSV file of predictions.

    Args:
        run: A run folder, or a file like its `predictions.csv`.
        evaluation: Which report inside the folder; empty: the one on the run's own target.

    Raises:
        MissingFileError: There are none.
        InvalidInputError: It is no such table, or the probabilities are not of the classes that
            their columns name.
    """
    is_file = os.path.isfile(run)
    path = run if is_file else ReportDir(RunDir(run).report_dir(evaluation)).predictions_file
    if not os.path.isfile(path):
        raise MissingFileError(
            f'No predictions in {path}. Make them with: python -m fer_keras.evaluate '
            f'--run_dir={run} --target=NAME/CONFIG --target_split=test'
        )
    try:
        rows = pd.read_csv(path, dtype={'subject_id': str}, keep_default_na=False)
    except ValueError as error:
        raise InvalidInputError(f'{path} must be CSV in UTF-8. Received: {error}') from error
    require_columns(rows, ('label', 'predicted'), path)
    _require_own_order(rows, path)
    return rows


def require_columns(rows: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    """Raises `InvalidInputError` where a table of predictions lacks one of the columns."""
    missing = [column for column in columns if column not in rows]
    if missing:
        raise InvalidInputError(
            f'{where} must have the columns {list(columns)}, as the predictions.csv of a run. '
            f'Received: {list(rows)}, without {missing}.'
        )


def label_names_of(rows: pd.DataFrame) -> list[str]:
    """The names of the classes of a table of predictions, in its order.

    >>> label_names_of(pd.DataFrame(columns=['label', 'predicted', 'p_happy', 'p_sad']))
    ['happy', 'sad']
    """
    prefix = PROBABILITY.format('')
    return [str(name).removeprefix(prefix) for name in rows if str(name).startswith(prefix)]


def probabilities_of(rows: pd.DataFrame, names: Sequence[str]) -> npt.NDArray[np.floating[Any]]:
    """The probabilities of the classes `names`, `[images, len(names)]` in [0, 1]."""
    return rows[[PROBABILITY.format(name) for name in names]].to_numpy()


def is_right(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether each image was recognised, bool `[images]`."""
    return (rows['label'] == rows['predicted']).to_numpy()


def present_labels(rows: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Those of `names` that an image has, in their order."""
    present = set(rows['label'])
    return [name for name in names if name in present]


def decide_among(rows: pd.DataFrame, present: Sequence[str]) -> npt.NDArray[Any]:
    """The most probable of the classes `present`, for each image, the others masked out."""
    best = np.argmax(probabilities_of(rows, present), axis=1)
    decided: npt.NDArray[Any] = np.array(present)[best]
    return decided


def people(rows: pd.DataFrame) -> list[str]:
    """The person of each image; an image of nobody known stands for itself."""
    return list(rows['subject_id'].where(rows['subject_id'] != '', rows['file_name']))


def _require_own_order(rows: pd.DataFrame, path: str) -> None:
    names = label_names_of(rows)
    if not names:
        return
    differing = int((decide_among(rows, names) != rows['predicted'].to_numpy()).sum())
    if differing:
        raise InvalidInputError(
            f'In {path}, `predicted` must name the class of the largest probability. Received: '
            f'another one in {differing} of {len(rows)} rows, so that the probabilities are of '
            f'another order of labels than their columns, {names}. Predict again with: python -m '
            'fer_keras.evaluate --run_dir=RUN'
        )
