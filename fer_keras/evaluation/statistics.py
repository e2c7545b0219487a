"""Intervals for numbers whose images come in people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

_RESAMPLES = 2000
_LARGEST_BLOCK = 2_000_000


def bootstrap_over_subjects(
    correct: np.ndarray,
    subjects: Sequence[str],
    *,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap of the accuracy, resampling people and not images.

    Images of one person are not independent, so people are drawn with all their images (Efron and
    Tibshirani 1993, chapter 13; the cluster bootstrap of Field and Welsh 2007).

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
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def resampled_ratios(
    sums: np.ndarray, images: np.ndarray, random: np.random.Generator, resamples: int
) -> np.ndarray:
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
    """Parts of so many rows that few enough numbers are in memory at a time."""
    at_a_time = max(1, _LARGEST_BLOCK // max(columns, 1))
    for first in range(0, rows, at_a_time):
        yield min(at_a_time, rows - first)
