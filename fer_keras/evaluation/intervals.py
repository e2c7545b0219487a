"""Bootstrap intervals: people are drawn with all their images.

Images of one person are not independent (Efron and Tibshirani 1993, chapter 13; the cluster
bootstrap of Field and Welsh 2007). The same people and seed always give the same draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_keras.evaluation.measures import Array, Values, weighted_measures
from fer_keras.evaluation.predictions import people

_RESAMPLES = 2000
_LARGEST_BLOCK = 2_000_000


def resampled_measures(
    rows: pd.DataFrame, names: Sequence[str], *, resamples: int = _RESAMPLES, seed: int = 0
) -> Values:
    """The measures of bootstrap samples of people, each drawn with all its images.

    The same people and seed give the same draws, so that values of several seeds of one classifier
    may be averaged draw by draw.

    Args:
        rows: As `evaluation.predictions` describes them.
        names: Label names in the model's order.
        resamples: How many samples.
        seed: Of the draws.

    Returns:
        As `measures.measure`, float64 `[resamples]` each; NaN where a sample leaves it undefined.
    """
    _, person = np.unique(people(rows), return_inverse=True)
    count = person.max() + 1
    random = np.random.default_rng(seed)
    parts = []
    for draws in blocks(resamples, len(rows)):
        drawn = random.integers(count, size=(draws, count))
        times = np.stack([np.bincount(one, minlength=count) for one in drawn])
        parts.append(weighted_measures(rows, names, times[:, person]))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def intervals(values: Mapping[str, Array], level: float = 0.95) -> dict[str, list[float]]:
    """Percentile interval of each of `resampled_measures`; samples without a value are left out.

    >>> intervals({'accuracy': np.arange(101)}, level=0.5)
    {'accuracy': [25.0, 75.0]}
    """
    return {
        name: [float(end) for end in np.nanquantile(drawn, _ends(level))]
        for name, drawn in values.items()
        if not np.isnan(drawn).all()
    }


def accuracy_interval(
    correct: npt.NDArray[np.bool_], subjects: Sequence[str], *, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of the accuracy alone: as that of `resampled_measures`, but quicker.

    Args:
        correct: bool `[images]`, whether each image was recognised.
        subjects: Person of each image, `[images]`.
        level: Coverage, in (0, 1).
        seed: Seed of the resampling.

    Returns:
        Lower and upper end, in [0, 1].

    Raises:
        ValueError: No image, or `correct` and `subjects` of different length.
    """
    if len(correct) != len(subjects) or not len(correct):
        raise ValueError(
            '`correct` and `subjects` must have one value an image and not be empty. '
            f'Received: {len(correct)} and {len(subjects)} values.'
        )
    _, person = np.unique(np.asarray(subjects), return_inverse=True)
    right = np.bincount(person, weights=correct.astype(float))
    images = np.bincount(person)
    values = resampled_ratios(right, images, np.random.default_rng(seed), _RESAMPLES)
    low, high = np.quantile(values, _ends(level))
    return float(low), float(high)


def resampled_ratios(
    sums: npt.NDArray[Any],
    images: npt.NDArray[Any],
    random: np.random.Generator,
    resamples: int,
) -> Array:
    """Means over the images of people who are drawn with replacement.

    Args:
        sums: Of what is averaged, over the images of each person, `[people]`.
        images: Of each person, `[people]`.
        random: Draws them.
        resamples: How often.

    Returns:
        float64 `[resamples]`.
    """
    parts = []
    for count in blocks(resamples, len(sums)):
        drawn = random.integers(len(sums), size=(count, len(sums)))
        parts.append(sums[drawn].sum(axis=1) / images[drawn].sum(axis=1))
    return np.concatenate(parts)


def blocks(rows: int, columns: int) -> Iterator[int]:
    """Numbers of rows that add up to `rows`, so few that little is in memory at a time.

    >>> list(blocks(5, 1_000_000))
    [2, 2, 1]
    """
    at_a_time = max(1, _LARGEST_BLOCK // max(columns, 1))
    for first in range(0, rows, at_a_time):
        yield min(at_a_time, rows - first)


def _ends(level: float) -> list[float]:
    return [(1 - level) / 2, (1 + level) / 2]
