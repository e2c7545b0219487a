"""A table of predictions, a row an image: its columns, how it is read, and what is read off it.

Beside what is known of the image (`data.splits.DESCRIPTIONS`) there are `label`, the true class,
`predicted`, the most probable one, and for each class of the model a column `p_<name>`, in [0, 1].
"""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_keras.errors import InvalidInputError
from fer_keras.evaluation.table_notes import open_noted
from fer_keras.inference.answers import PROBABILITY
from fer_keras.run_dir import ReportDir, RunDir

if TYPE_CHECKING:
    from tfds_builders.table_files import Table

# What an image is known by.
IMAGE = ('subject_id', 'file_name', 'label')
_DECISION = ('label', 'predicted')
# Not from `data.splits`, which needs TensorFlow.
_OTHERS = ('gender', 'group', 'camera', 'gaze', 'age', 'detected', 'pixel_hash', 'taught')
# A person as a spreadsheet writes `007`.
_LOST_ZEROS = re.compile(r'0*(\d+)(?:[.,]0+)?', re.A)
_FIXED = (*IMAGE, 'predicted', *_OTHERS)


def read_predictions(run: str, evaluation: str = '') -> pd.DataFrame:
    """Reads the predictions of a run folder, of a report alone, or a CSV file of predictions.

    Args:
        run: A run folder, the folder of a report, or a file like its `predictions.csv`.
        evaluation: Which report inside the folder; empty: the one on the run's own target.

    Raises:
        MissingFileError: There are none.
        InvalidInputError: It is no such table, or the probabilities are not of the classes that
            their columns name.
    """
    run = os.path.expanduser(run)
    is_file = os.path.isfile(run)
    path = run if is_file else ReportDir(RunDir(run).report_dir(evaluation)).predictions_file
    # What `fer_keras.evaluate --output` writes of a model that has no run here.
    alone = ReportDir(run).predictions_file
    if not evaluation and not os.path.isfile(path) and os.path.isfile(alone):
        path = alone
    missing = (
        f'No predictions in {path}. Make them with: python -m fer_keras.evaluate '
        f'--run_dir={run} --target=NAME/CONFIG --target_split=test'
    )
    advice = 'A predictions.csv has them, as fer_keras.evaluate writes it.'
    table = open_noted(path, missing, _our_name, _DECISION, advice)
    rows = _typed(table)
    _require_numbers(rows, table)
    _require_own_order(rows, path)
    return rows


def _our_name(name: str) -> str:
    """A column as `predictions.csv` names it; that of a probability ends as its class does."""
    prefix, lower = PROBABILITY.format(''), name.lower()
    if lower.startswith(prefix):
        return prefix + name[len(prefix) :]
    return lower if lower in _FIXED else ''


def _typed(table: Table) -> pd.DataFrame:
    """The rows with the types that pandas finds in a CSV, people and files being texts.

    Raises:
        InvalidInputError: A row is too short, too long or cannot be split.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.header)
    has_commas = table.delimiter != ','
    prefix = PROBABILITY.format('')
    numbers = [has_commas and name.startswith(prefix) for name in table.header]
    for row in table.rows():
        if row.problem:
            raise InvalidInputError(
                f'{table.where(row)}: each row must have a cell for each column of the header, '
                f'{table.shown_header}. Received: a row that {row.problem}. Take the file as '
                'fer_keras.evaluate wrote it.'
            )
        cells = (row.cells[name] for name in table.header)
        writer.writerow(
            cell.replace(',', '.') if is_number else cell
            for cell, is_number in zip(cells, numbers, strict=True)
        )
    text.seek(0)
    return pd.read_csv(text, dtype=dict.fromkeys(IMAGE, str), keep_default_na=False)


def _require_numbers(rows: pd.DataFrame, table: Table) -> None:
    for name in label_names_of(rows):
        column = PROBABILITY.format(name)
        numbers = pd.to_numeric(rows[column], errors='coerce')
        wrong = rows[column][~numbers.between(0, 1)]
        if len(wrong):
            raise InvalidInputError(
                f'{table.path}: `{column}` must hold a probability, in [0, 1], in each row. '
                f'Received: {wrong.iloc[0]!r} in row {int(np.argmax(~numbers.between(0, 1))) + 1} '
                f'behind the header, and {len(wrong)} such rows in all.'
            )


def require_columns(rows: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    """Raises `InvalidInputError` where a table of predictions lacks one of the columns."""
    missing = [column for column in columns if column not in rows]
    if missing:
        raise InvalidInputError(
            f'{where} must have the columns {list(columns)}, as the predictions.csv of a run. '
            f'Received: {list(rows)}, without {missing}.'
        )


def restore_people(rows: pd.DataFrame, reference: pd.DataFrame, name: str) -> pd.DataFrame:
    """Gives people the names of another table where they differ by zeros that a spreadsheet lost.

    Args:
        rows: A table of predictions.
        reference: Another one, whose people are taken for files of the same name.
        name: Of the first, for the note on it.

    >>> rows = pd.DataFrame({'file_name': ['a.png', 'b.png'], 'subject_id': ['7', '8']})
    >>> list(restore_people(rows, rows, 'run')['subject_id'])
    ['7', '8']
    """
    if rows['file_name'].duplicated().any() or reference['file_name'].duplicated().any():
        return rows
    theirs = dict(zip(reference['file_name'], reference['subject_id'], strict=True))
    expected = rows['file_name'].map(theirs)
    differs = expected.notna() & (expected != rows['subject_id'])
    pairs = set(zip(rows.loc[differs, 'subject_id'], expected[differs], strict=True))
    numbers = [tuple(map(_LOST_ZEROS.fullmatch, map(str, pair))) for pair in sorted(pairs)]
    if not pairs or not all(one and other and one[1] == other[1] for one, other in numbers):
        return rows
    ours, known = min(pairs)
    print(
        f'note: {name} names people without the zeros that others have: {ours} is taken for '
        f'{known}, and so on.',
        file=sys.stderr,
    )
    return rows.assign(subject_id=expected.where(differs, rows['subject_id']))


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
