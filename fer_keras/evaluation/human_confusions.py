"""Does a classifier confuse the expressions that people confuse?"""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pandas as pd
import scipy.stats


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How alike two tables of confusions are, off their diagonals.

    Attributes:
        pearson: Correlation of the shares, in [-1, 1]; NaN where one table has no variation.
        spearman: Correlation of their ranks, in [-1, 1].
        classes: The classes of both tables.
        cells: How many shares each table gives: `classes * (classes - 1)`.
    """

    pearson: float
    spearman: float
    classes: tuple[str, ...]
    cells: int


def read_human_confusions(path: str) -> pd.DataFrame:
    """Reads how people named expressions.

    The file is CSV: a column `true`, and one for each answer, named as our classes; a row for each
    expression shown. Cells are counts, shares or percents. Answers may be more than expressions
    shown (`other`, say).

    Returns:
        float64 `[shown, answers]`, not negative.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not of that form.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'No table of human confusions at {path}.')
    table = pd.read_csv(path)
    if 'true' not in table:
        raise ValueError(
            f'{path} must have a column `true` and one for each answer. '
            f'Received: {list(table.columns)}.'
        )
    table = table.set_index('true').apply(pd.to_numeric, errors='coerce')
    if table.index.has_duplicates:
        raise ValueError(f'{path} must have one row an expression. Received: {list(table.index)}.')
    if not (np.isfinite(table) & (table >= 0)).all(axis=None) or (table.sum(axis=1) == 0).any():
        raise ValueError(
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
        ValueError: Fewer than three classes have images in `counts` and stand in `human` as
            expression and as answer.
    """
    shown = [name for name in counts.index if counts.loc[name].sum()]
    classes = [name for name in shown if name in human.index and name in human.columns]
    if len(classes) < 3:
        raise ValueError(
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
        pearson=float(scipy.stats.pearsonr(ours, theirs).statistic),
        spearman=float(scipy.stats.spearmanr(ours, theirs).statistic),
        classes=tuple(classes),
        cells=len(ours),
    )
