"""Answers on the screen, a line a face, as they come."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from tqdm import tqdm

from fer_keras.inference.answers import BOX, OK, PROBABILITY

_PLACE = ('file', 'face', 'box')
_ANSWER = ('label', 'score', 'next', 'score')
_LONGEST_NAME = 40


class AnswerScreen:
    """Prints what matters of the table of an answer: file, face, box, and the two likeliest labels.

    >>> import numpy as np
    >>> from fer_keras.inference.answers import Row, make_table
    >>> rows = [Row(0, face=0, box=(10, 20, 34.4, 50), file='holiday/a.jpg')]
    >>> table = make_table(rows, np.array([[0.125, 0.875]]), ['sad', 'happy'])
    >>> AnswerScreen(['sad', 'happy']).write(table)
    file   face  box          label  score  next   score
    a.jpg  0     10,20 24x30  happy  88 %   sad    12 %
    """

    def __init__(self, names: Sequence[str], *, of_video: bool = False) -> None:
        """Prints nothing yet.

        Args:
            names: Of the classes.
            of_video: Whether there is a column with the track of each face.
        """
        self._place_columns = (*_PLACE, 'track') if of_video else _PLACE
        self._names = tuple(names)
        self._widths: list[int] = []

    def write(self, table: pd.DataFrame) -> None:
        """Prints the rows of `make_table`; the first of them set the widths of the columns."""
        lines = [self._cells(row) for row in table.to_dict('records')]
        if lines and not self._widths:
            columns = [*self._place_columns, *_ANSWER]
            label_width = max(map(len, (*self._names, *columns)))
            places = range(len(self._place_columns))
            self._widths = [
                *(max(len(cells[i]) for cells in (*lines, columns)) for i in places),
                *(label_width, 5, label_width, 5),
            ]
            lines.insert(0, columns)
        for cells in lines:
            padded = (f'{cell:<{width}}' for cell, width in zip(cells, self._widths, strict=False))
            # Past a progress bar, where there is one.
            tqdm.write('  '.join(padded).rstrip())

    def _cells(self, row: Mapping[Any, Any]) -> list[str]:
        nothing = [''] * (len(self._place_columns) - 1)
        if row['status'] != OK:
            return [_place(row), *nothing, row['status']]
        scores = {name: row[PROBABILITY.format(name)] for name in self._names}
        likeliest = sorted(self._names, key=lambda name: -scores[name])[:2]
        answers = [cell for name in likeliest for cell in (name, f'{100 * scores[name]:.0f} %')]
        place = [_place(row), str(row['face']), _box(row)]
        track = '' if pd.isna(row['track']) else str(row['track'])
        return [*place, *([track] if len(nothing) == len(place) else []), *answers]


def _place(row: Mapping[Any, Any]) -> str:
    """The name of the file, cut where it is long, and where in a video."""
    name = str(row['photo']) if pd.isna(row['file']) else os.path.basename(row['file'])
    name = name.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')
    if len(name) > _LONGEST_NAME:
        name = f'{name[: _LONGEST_NAME // 2]}...{name[3 - _LONGEST_NAME // 2 :]}'
    return name if pd.isna(row['time']) else f'{name} {row["time"]:.2f} s'


def _box(row: Mapping[Any, Any]) -> str:
    """Left, top, width and height in whole pixels; nothing of a crop."""
    if pd.isna(row['left']):
        return ''
    left, top, right, bottom = (round(row[side]) for side in BOX)
    return f'{left},{top} {right - left}x{bottom - top}'
