"""The numbers of a report, from a table of predictions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fer_keras.evaluation.interval_formulas import unpaired_interval
from fer_keras.evaluation.intervals import (
    FEWEST_PEOPLE,
    OF_ONE,
    accuracy_interval,
    few_people,
    sampled_unit,
)
from fer_keras.evaluation.measure_intervals import measure_intervals
from fer_keras.evaluation.measures import MEASURES, measure, reliability_bins, weighted_confusions
from fer_keras.evaluation.predictions import is_right, people, present_labels

SLICES = ('gender', 'group', 'camera', 'gaze', 'age', 'detected')
# Of these nobody is in two groups.
OF_PEOPLE = ('gender', 'group', 'age')
AGE_BANDS = [0, 12, 17, 24, 34, 44, 54, 64, 120]


def summarize(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    """The measures, their counts and those of each class, over the classes that the images have.

    The decision is always among all of `names`. Where the data set has fewer,
    `accuracy_among_present` decides among these only: both are given, since masking the others is
    a help that a user does not have.

    Args:
        rows: As `evaluation.predictions` describes them.
        names: Label names in the model's order.

    Returns:
        What `metrics.json` holds; shares are in [0, 1]; None where a measure is undefined.
        `intervals` are 95 % over `interval_over` (people, or images where nobody is named), of
        which there are `people_behind`, and in `class_people` those of each class; None where
        none keeps its promise, for the reason that `no_interval` has. `few_people` is a warning,
        or empty.
    """
    present = present_labels(rows, names)
    found = measure(rows, names)
    if len(present) < 2:
        # Whatever is answered, it cannot agree more than by chance.
        found['cohen_kappa'] = math.nan
    intervals = measure_intervals([rows], names)
    unit, person = sampled_unit(rows), pd.Series(people(rows), rows.index)
    measures = {name: None if math.isnan(found[name]) else found[name] for name in MEASURES}
    return {
        'accuracy': measures.pop('accuracy'),
        'accuracy_interval': intervals.ends['accuracy'],
        **measures,
        'intervals': intervals.ends,
        'no_interval': intervals.reasons,
        'interval_over': unit,
        'people_behind': person.nunique(),
        'few_people': few_people(person.nunique(), unit),
        'images': len(rows),
        'subjects': int(rows['subject_id'].replace('', np.nan).nunique()),
        'images_unnamed': int((rows['subject_id'] == '').sum()),
        'class_people': {name: int(person[rows['label'] == name].nunique()) for name in present},
        'classes_absent': [name for name in names if name not in present],
        'per_class': _per_class(confusion_matrix(rows, names), present),
    }


def confusion_matrix(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Images of each true class (row) taken for each class (column), int `[classes, classes]`.

    >>> rows = pd.DataFrame({'label': ['happy', 'sad'], 'predicted': ['happy', 'happy']})
    >>> confusion_matrix(rows, ['happy', 'sad']).to_numpy().tolist()
    [[1, 0], [1, 0]]
    """
    counts = weighted_confusions(rows, names, np.ones((1, len(rows))))[0].astype(int)
    return pd.DataFrame(counts, index=pd.Index(names, name='true'), columns=list(names))


def top_confusions(counts: pd.DataFrame, limit: int = 5) -> list[str]:
    """The most frequent confusions, each a sentence."""
    totals = counts.sum(axis=1)
    pairs = [
        (counts.loc[true, taken] / totals[true], true, taken)
        for true in counts.index
        for taken in counts.columns
        if true != taken and counts.loc[true, taken]
    ]
    return [
        f'{true} is taken for {taken} in {counts.loc[true, taken]} of {totals[true]} images '
        f'({share:.1%}).'
        for share, true, taken in sorted(pairs, reverse=True)[:limit]
    ]


def reliability(rows: pd.DataFrame, bins: int = 15) -> pd.DataFrame:
    """Confidence against accuracy in bins of equal width (Guo et al. 2017, ICML, section 2).

    Returns:
        A row for each bin that is not empty: `confidence` and `accuracy` (means, in [0, 1]) and
        `images`.
    """
    table = reliability_bins(rows, bins)
    means = table.groupby('bin').mean()
    return means.assign(images=table.groupby('bin').size()).reset_index(drop=True)


def slices(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy for each value of what the data set knows of its images.

    Returns:
        A row for each value of `SLICES`, where there are at least two: `slice`, `value`,
        `accuracy`, `low` and `high` (95 % over what `over` says), `no_interval` (why these are
        NaN, or empty), `images`, `people` (who are named), and `is_small` where fewer than
        `FEWEST_PEOPLE` people, or images of nobody named, stand behind it.
    """
    found = []
    for name, values in _divisions(rows):
        for value, part in rows.groupby(values):
            correct, subjects = is_right(part), people(part)
            ends = accuracy_interval(correct, subjects)
            low, high = ends or (math.nan, math.nan)
            found.append(
                {
                    'slice': name,
                    'value': value,
                    'accuracy': correct.mean(),
                    'low': low,
                    'high': high,
                    'no_interval': '' if ends else OF_ONE,
                    'over': sampled_unit(part),
                    'images': len(part),
                    'people': part['subject_id'].replace('', np.nan).nunique(),
                    'is_small': len(set(subjects)) < FEWEST_PEOPLE,
                }
            )
    return pd.DataFrame(found)


def gaps(found: pd.DataFrame) -> pd.DataFrame:
    """Between the group that is most often answered rightly and the one that is least often.

    Of groups of which nobody is in two, and without those of few people. Which two are compared was
    seen in the numbers, so that of several groups the interval is somewhat too narrow.

    Args:
        found: From `slices`.

    Returns:
        `slice`, `most`, `least` (groups), `gap`, `low` and `high` (95 %), a row for each of
        `OF_PEOPLE` with two such groups.
    """
    rows = []
    for name in OF_PEOPLE:
        is_of = (found['slice'] == name) & ~found['is_small'] & (found['no_interval'] == '')
        groups = found[is_of].sort_values('accuracy').to_dict('records')
        if len(groups) < 2:
            continue
        least, most = groups[0], groups[-1]
        ends = [(row['low'], row['high']) for row in (most, least)]
        low, high = unpaired_interval(most['accuracy'], ends[0], least['accuracy'], ends[1])
        gap = most['accuracy'] - least['accuracy']
        row = {'slice': name, 'most': most['value'], 'least': least['value'], 'gap': gap}
        rows.append(row | {'low': low, 'high': high})
    return pd.DataFrame(rows, columns=['slice', 'most', 'least', 'gap', 'low', 'high'])


def _divisions(rows: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Each of `SLICES` that has at least two values, with the value of each image."""
    for name in SLICES:
        if name not in rows:
            continue
        values = rows[name].astype(object).where(rows[name] != '')
        if name == 'age':
            bands = [f'{low + 1} to {high}' for low, high in itertools.pairwise(AGE_BANDS)]
            years = pd.to_numeric(values, errors='coerce')
            # Some sets know a range only, such as `20 to 39`.
            values = values.where(~(years < 0))  # -1 is an age that nobody knows.
            years = years.where(years >= 0)
            banded = pd.cut(years, AGE_BANDS, labels=bands).astype(object)
            values = banded.where(banded.notna(), values)
        if values.nunique() > 1:
            yield name, values


def _per_class(counts: pd.DataFrame, present: Sequence[str]) -> dict[str, dict[str, float | int]]:
    """Precision (0 where a class is never answered), recall, F1 and images of each class."""
    cells = counts.to_numpy()
    right, images, answers = np.diag(cells), cells.sum(axis=1), cells.sum(axis=0)
    return {
        name: {
            'precision': float(right[i] / max(answers[i], 1)),
            'recall': float(right[i] / images[i]),
            'f1': float(2 * right[i] / (images[i] + answers[i])),
            'images': int(images[i]),
        }
        for i, name in enumerate(counts.index)
        if name in present
    }
