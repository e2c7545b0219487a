"""Intervals over the people whose images were tested, and what is said where they are few.

The true value is that of a population of people, of whom those tested are a random sample, each
with all its images: what the number, all images of equal weight, comes to as more and more people
are tested. Where nobody is named, every image is a sample of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_keras.evaluation.interval_formulas import Array, difference_intervals, share_intervals

# Of fewer, only shares of images have an interval, and whatever stands on them says so.
FEWEST_PEOPLE = 10
# Why a number of one person, or of one image of nobody named, has no interval.
OF_ONE = 'one alone says nothing of others'


def accuracy_interval(
    correct: npt.NDArray[np.bool_], subjects: Sequence[str], *, level: float = 0.95
) -> tuple[float, float] | None:
    """Interval of the accuracy alone, as `measure_intervals` has it; None for one person.

    Args:
        correct: bool `[images]`, whether each image was recognised.
        subjects: Person of each image, `[images]`.
        level: Coverage, in (0, 1).

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
    if person.max() == 0:
        return None
    right = np.bincount(person, weights=correct.astype(float))
    low, high = share_intervals(right, np.bincount(person), level)
    return float(low), float(high)


def difference_interval(
    gain: Array, subjects: Sequence[str], *, level: float = 0.95
) -> tuple[float, float] | None:
    """Interval of a difference of accuracies on the same images; None for one person.

    Args:
        gain: Of each image what the second has right less what the first has, in [-1, 1],
            `[images]`; means over seeds.
        subjects: Person of each image, `[images]`.
        level: Coverage, in (0, 1).

    Returns:
        Lower and upper end, in [-1, 1].
    """
    _, person = np.unique(np.asarray(subjects), return_inverse=True)
    if person.max() == 0:
        return None
    better, worse = (np.bincount(person, weights=np.maximum(one, 0)) for one in (gain, -gain))
    low, high = difference_intervals(better, worse, np.bincount(person), level)
    return float(low), float(high)


def sampled_unit(rows: pd.DataFrame) -> str:
    """What the intervals are over: `people`, `images` where nobody is named, or both.

    >>> sampled_unit(pd.DataFrame({'subject_id': ['', '']}))
    'images'
    """
    is_named = rows['subject_id'] != ''
    if is_named.all():
        return 'people'
    return 'people and unnamed images' if is_named.any() else 'images'


def shown_interval(ends: Sequence[float] | None, reason: str, form: str = '.1%') -> str:
    """An interval as text, or that there is none and why.

    >>> shown_interval([0.5, 0.75], '')
    '50.0% to 75.0%'
    >>> shown_interval(None, OF_ONE)
    'none: one alone says nothing of others'
    """
    if ends is None:
        return f'none: {reason or "not known"}'
    return ' to '.join(format(end, form) for end in ends)


def shown_accuracy(metrics: Mapping[str, Any]) -> str:
    """The accuracy of `metrics.json`, also of older ones, with its interval."""
    reason = metrics.get('no_interval', {}).get('accuracy', '')
    ends = shown_interval(metrics['accuracy_interval'], reason)
    over = metrics.get('interval_over') or ('people' if metrics['subjects'] else 'images')
    return f'{metrics["accuracy"]:.1%} (95 % over {over}: {ends})'


def shown_sample(metrics: Mapping[str, Any]) -> str:
    """How many images of how many people: of `metrics.json`, also of older ones.

    >>> shown_sample({'images': 7178, 'subjects': 0})
    '7178 images of unnamed people'
    >>> shown_sample({'images': 12, 'subjects': 1, 'images_unnamed': 2})
    '12 images: 10 of 1 person and 2 of unnamed people'
    """
    images, named = metrics['images'], metrics['subjects']
    if not named:
        return f'{images} images of unnamed people'
    shown = '1 person' if named == 1 else f'{named} people'
    unnamed = metrics.get('images_unnamed', 0)
    if not unnamed:
        return f'{images} images of {shown}'
    return f'{images} images: {images - unnamed} of {shown} and {unnamed} of unnamed people'


def few_people(count: int, unit: str = 'people') -> str:
    """The sentence that stands wherever a number stands on few people; else empty.

    >>> few_people(5)
    'Only 5 people stand behind this: of fewer than 10, little can be concluded.'
    >>> few_people(10)
    ''
    """
    if count >= FEWEST_PEOPLE:
        return ''
    one = '1 image' if unit == 'images' else '1 person'
    shown = one if count == 1 else f'{count} {unit}'
    stand = 'stands' if count == 1 else 'stand'
    return (
        f'Only {shown} {stand} behind this: of fewer than {FEWEST_PEOPLE}, little can be concluded.'
    )
