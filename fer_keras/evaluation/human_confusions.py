"""Does a classifier confuse the expressions that people confuse?"""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_keras.errors import InvalidInputError
from fer_keras.evaluation.table_notes import open_noted

if TYPE_CHECKING:
    from tfds_builders.table_files import Row, Table

_SHOWN = 'true'


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

    The file is a table of text, as `tfds_builders.table_files` reads them: a column `true`, and one
    for each answer; a row for each expression shown. Cells are counts, shares or percents. Answers
    may be more than expressions shown (`other`, say).

    Returns:
        float64 `[shown, answers]`, not negative.

    Raises:
        MissingFileError: There is no such file.
        InvalidInputError: It is not of that form.
    """
    advice = (
        'The first line names `true` and each answer, such as: true,happy,sad,angry; each other '
        'line is an expression that was shown.'
    )
    path = os.path.expanduser(path)
    missing = f'No table of human confusions at {path}.'
    table = open_noted(path, missing, _our_name, [_SHOWN], advice)
    answers = [name for name in table.header if name and name != _SHOWN]
    if not answers:
        raise InvalidInputError(f'{table.describe()}, must have one column for each answer.')
    shown: dict[str, list[float]] = {}
    for row in table.rows():
        name = row.cells.get(_SHOWN, '')
        numbers = _read_row(table, row, answers)
        if name in shown:
            raise InvalidInputError(
                f'{table.where(row)}: there must be one row for each expression. Received: '
                f'{name} again.'
            )
        shown[name] = numbers
    if not shown:
        raise InvalidInputError(f'{table.describe()}, must have a row for each expression.')
    return pd.DataFrame.from_dict(shown, 'index', columns=answers).rename_axis(_SHOWN)


def _our_name(name: str) -> str:
    """Column of the expression shown, or of an answer, whose name may be any."""
    return _SHOWN if name.strip().lower() == _SHOWN else name


def _read_row(table: Table, row: Row, answers: list[str]) -> list[float]:
    """The numbers of a row, or their percents; a cell of `82%` is 82."""
    cells = [row.cells.get(name, '') for name in answers]
    try:
        if row.problem:
            raise ValueError(f'the row {row.problem}')
        numbers = [table.number(cell.removesuffix('%')) for cell in cells]
        marked = {cell.endswith('%') for cell, number in zip(cells, numbers, strict=True) if number}
        if len(marked) > 1:
            raise ValueError('some numbers have a %, others none')
        if min(numbers) < 0 or not sum(numbers):
            raise ValueError(f'{cells}')
    except ValueError as error:
        raise InvalidInputError(
            f'{table.where(row)}: there must be a number of at least 0 in each cell, and not only '
            f'zeros: counts, shares or percents. Received: {error}.'
        ) from error
    return numbers


def agreement(counts: pd.DataFrame, human: pd.DataFrame) -> Agreement:
    """Correlates the off-diagonal shares of each true class.

    Names of classes that differ by the case of their letters, or are synonyms that
    `tfds_builders.expressions` knows (`Anger` of `angry`), are of one class.

    Args:
        counts: From `metrics.confusion_matrix`.
        human: From `read_human_confusions`.

    Raises:
        InvalidInputError: Fewer than three classes have images in `counts` and stand in `human` as
            expression and as answer.
    """
    human = _with_names_of(counts, human)
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


def _with_names_of(counts: pd.DataFrame, human: pd.DataFrame) -> pd.DataFrame:
    """The table of people with our names of classes, where one of ours alone is meant."""
    from tfds_builders import expressions

    def key(name: object) -> str:
        return expressions.find(str(name)) or str(name).casefold()

    ours = {key(name): name for name in counts.index}

    def renamed(names: pd.Index) -> dict[Any, Any]:
        keys = [key(name) for name in names]
        return {
            name: ours[one]
            for name, one in zip(names, keys, strict=True)
            if one in ours and keys.count(one) == 1
        }

    return human.rename(index=renamed(human.index), columns=renamed(human.columns))


def _correlation(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    return float(np.corrcoef(one, other)[0, 1])
