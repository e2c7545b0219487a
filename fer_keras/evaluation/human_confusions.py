"""Does a classifier confuse the expressions that people confuse?"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_keras.errors import InvalidInputError, MissingFileError


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How alike two tables of confusions are, off their diagonals.

    Attributes:
        pearson: Correlation of the shares, in [-1, 1]; NaN where one table has no variation.
        spearman: Correlation of their ranks, in [-1, 1].
        classes: The classes of both tables.
        cells: How many shares each table gives: `classes * (classes - 1)`.

    >>> counts = pd.DataFrame([[8, 2, 0], [1, 6, 3], [0, 4, 6]], ['happy', 'sad', 'angry'],
    ...                       ['happy', 'sad', 'angry'])
    >>> found = agreement(counts, human=counts / 10)
    >>> round(found.pearson, 6), found.cells
    (1.0, 6)
    """

    pearson: float
    spearman: float
    classes: tuple[str, ...]
    cells: int

    def __str__(self) -> str:
        return (
            f'Pearson {self.pearson:+.2f}, Spearman {self.spearman:+.2f} over {self.cells} '
            f'confusions of {len(self.classes)} classes: {", ".join(self.classes)}.'
        )


def read_human_confusions(path: str) -> pd.DataFrame:
    """Reads how people named expressions.

    The file is CSV: a column `true`, and one for each answer, named as our classes; a row for each
    expression shown. Cells are counts, shares or percents. Answers may be more than expressions
    shown (`other`, say).

    Returns:
        float64 `[shown, answers]`, not negative.

    Raises:
        MissingFileError: There is no such file.
        InvalidInputError: It is not of that form.
    """
    if not os.path.isfile(path):
        raise MissingFileError(f'No table of human confusions at {path}.')
    try:
        table = pd.read_csv(path)
    except ValueError as error:
        raise InvalidInputError(f'{path} must be CSV in UTF-8. Received: {error}') from error
    if 'true' not in table:
        raise InvalidInputError(
            f'{path} must have a column `true` and one for each answer. '
            f'Received: {list(table.columns)}.'
        )
    table = pd.DataFrame(table.set_index('true').apply(pd.to_numeric, errors='coerce'))
    if table.index.has_duplicates:
        raise InvalidInputError(
            f'{path} must have one row an expression. Received: {list(table.index)}.'
        )
    if not (np.isfinite(table) & (table >= 0)).all(axis=None) or (table.sum(axis=1) == 0).any():
        raise InvalidInputError(
            f'{path} must hold a number of at least 0 in each cell, and not only zeros in a row: '
            'counts, shares or percents.'
        )
    return table.astype(float)


def agreement(counts: pd.DataFrame, human: pd.DataFrame) -> Agreement:
    """Correlates the off-diagonal shares of each true class.

    Args:
        counts: From `metrics.confusion_matrix`.
        human: From `read_human_confusions`.

    Raises:
        InvalidInputError: Fewer than three classes have images in `counts` and stand in `human` as
            expression and as answer.
    """
    shown = [name for name in counts.index if counts.loc[name].sum()]
    classes = [name for name in shown if name in human.index and name in human.columns]
    if len(classes) < 3:
        raise InvalidInputError(
            'The two tables must share at least three classes. '
            f'Received: {shown} and {sorted(human.index)}, which share {classes}.'
        )
    is_confusion = ~np.eye(len(classes), dtype=bool)
    ours, theirs = (
        # Shares of all answers, also of those that only one table knows.
        table.div(table.sum(axis=1), axis=0).loc[classes, classes].to_numpy()[is_confusion]
        for table in (counts, human)
    )
    if not np.ptp(ours) or not np.ptp(theirs):
        return Agreement(float('nan'), float('nan'), tuple(classes), len(ours))
    return Agreement(
        pearson=_correlation(ours, theirs),
        # Cells that are equal share the mean of their ranks.
        spearman=_correlation(*(pd.Series(shares).rank().to_numpy() for shares in (ours, theirs))),
        classes=tuple(classes),
        cells=len(ours),
    )


def _correlation(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    return float(np.corrcoef(one, other)[0, 1])
