"""The history of a run, a line an epoch, as its report shows it."""

from __future__ import annotations

import os
import sys

import pandas as pd

_EPOCH = 'epoch'


def read_history(path: str) -> pd.DataFrame | None:
    """Reads `history.csv` of a run; lines that are damaged are left out with a note.

    Returns:
        A row an epoch, numbers alone; None where there is no such file, or nothing in it.
    """
    if not os.path.isfile(path) or not os.path.getsize(path):
        return None
    try:
        table = pd.read_csv(path, on_bad_lines='skip', encoding_errors='replace')
    except ValueError:  # Of pandas: that it is no table.
        table = pd.DataFrame()
    if _EPOCH not in table:
        print(f'note: {path} is damaged; the report has no learning curves.', file=sys.stderr)
        return None
    numbers = table.apply(pd.to_numeric, errors='coerce')
    is_damaged = numbers[_EPOCH].isna() | (numbers.isna() & table.notna()).any(axis=1)
    if is_damaged.any():
        told = f'{int(is_damaged.sum())} of its lines are left out of the learning curves'
        print(f'note: {path} is damaged; {told}.', file=sys.stderr)
    return numbers[~is_damaged] if not is_damaged.all() else None
