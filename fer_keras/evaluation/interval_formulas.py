"""Intervals from few people of unequal numbers of images: the formulas.

All are about a population of people, of whom those tested are a random sample, each with all its
images. docs/intervals.md has how often they hold the true value, and how that was counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

Array = npt.NDArray[np.floating[Any]]

# So many people are imagined of whom all images are alike, more where a few have most images:
# those of whom something is seen outvote them.
_PRIOR_PEOPLE = 1.5


def share_intervals(right: npt.ArrayLike, images: npt.ArrayLike, level: float = 0.95) -> Array:
    """Intervals of a share of images, such as accuracy or the recall of a class.

    The variance of the share `p` is that of a ratio, by leaving out one person after the other:
    `(m - 1) / m sum(((right_i - p images_i) / (sum(images) - images_i))^2)`. As
    `p (1 - p) / variance` it is a number of independent images (Korn and Graubard 1998, Survey
    Methodology 24, 193-201); `independent_images` mends what few people make of it, and the
    interval is that of `clopper_pearson`.

    Args:
        right: Images of each person that count, `[..., people]`; means over seeds need not be
            whole.
        images: Images of each person, more than 0, `[people]`.
        level: Coverage, in (0, 1).

    Returns:
        float64 `[..., 2]` in [0, 1], around the share `right.sum() / images.sum()`.

    >>> share_intervals(np.array([5., 5, 4, 5, 1]), np.full(5, 5.)).round(2).tolist()
    [0.31, 0.99]
    """
    right, images = (np.asarray(one, float) for one in (right, images))
    people, total = len(images), images.sum()
    share = right.sum(axis=-1) / total
    residuals = right - share[..., None] * images
    left_out = residuals / np.maximum(total - images, 1e-9)
    variance = (people - 1) / people * (left_out**2).sum(axis=-1)
    of_one = share * (1 - share)
    variance = np.maximum(variance, of_one / total)
    mistaken = np.minimum((right < images).sum(axis=-1), (right > 0).sum(axis=-1))
    count = independent_images(variance, of_one, images / total, mistaken)
    return clopper_pearson(share, count, level)


def independent_images(
    variance: Array, of_one: Array, weights: Array, informative: npt.NDArray[Any] | float = np.inf
) -> Array:
    """How many independent images would be as sure as these images of these people.

    Of few people, or of few mistakes, `variance` is often far too small. What it says, an image
    counting `variance / of_one`, is therefore averaged with the worst case, in which all images of
    a person are alike and count as one: `a = sum(weights^2)`. The mean is
    `(d variance / of_one + c a) / (d + c)`, where `d` are the degrees of freedom of `variance`,
    `1 / a - 1` (of equal people their number less one) and at most `informative - 1`, and
    `c = 1.5 a people`.

    Args:
        variance: Of the estimate, `[...]`.
        of_one: Variance of a single image, `[...]`; where it is 0, the worst case is returned.
        weights: Share of each person in the estimate, `[people]`, adding up to 1.
        informative: People who are not all right, or not all wrong if these are fewer, `[...]`.

    Returns:
        float64 `[...]`.

    >>> round(float(independent_images(np.array(0.0), np.array(0.0), np.full(5, 0.2))), 6)
    5.0
    """
    alike = float((weights**2).sum())
    seen = np.divide(variance, of_one, out=np.zeros_like(variance), where=of_one > 0)
    freedom = np.clip(np.asarray(informative, float) - 1, 0, 1 / alike - 1)
    freedom = np.where(of_one > 0, freedom, 0.0)
    prior = _PRIOR_PEOPLE * alike * len(weights)
    count: Array = (freedom + prior) / (freedom * seen + prior * alike)
    return count


def clopper_pearson(share: Array, count: Array, level: float = 0.95) -> Array:
    """The interval of Clopper and Pearson (1934) for `share * count` of `count` images.

    Neither needs to be a whole number (Korn and Graubard 1998).

    Args:
        share: In [0, 1], `[...]`.
        count: Independent images, more than 0, `[...]`.
        level: Coverage, in (0, 1).

    Returns:
        float64 `[..., 2]`.

    >>> clopper_pearson(np.array(1.0), np.array(5.0)).round(3).tolist()
    [0.478, 1.0]
    """
    tail = (1 - level) / 2
    yes, no = share * count, (1 - share) * count
    low = np.where(yes > 1e-9, special.betaincinv(np.maximum(yes, 1e-9), no + 1, tail), 0.0)
    high = np.where(no > 1e-9, special.betaincinv(yes + 1, np.maximum(no, 1e-9), 1 - tail), 1.0)
    # Of less than one image the ends may lie on the wrong side.
    return np.stack([np.minimum(low, share), np.maximum(high, share)], axis=-1)


def log_intervals(mean: Array, variance: Array, freedom: float, level: float = 0.95) -> Array:
    """Intervals of a mean above 0 without an upper limit: Student's on the logarithmic scale.

    Args:
        mean: More than 0, `[...]`.
        variance: Of the mean, `[...]`.
        freedom: Degrees of freedom of the variance.
        level: Coverage, in (0, 1).

    Returns:
        float64 `[..., 2]`.

    >>> log_intervals(np.array(1.0), np.array(0.01), 34.0).round(2).tolist()
    [0.82, 1.23]
    """
    factor = np.exp(special.stdtrit(freedom, (1 + level) / 2) * np.sqrt(variance) / mean)
    return np.stack([mean / factor, mean * factor], axis=-1)


def difference_intervals(
    better: npt.ArrayLike, worse: npt.ArrayLike, images: npt.ArrayLike, level: float = 0.95
) -> Array:
    """Intervals of the difference of two shares on the same images: of `better` less `worse`.

    The ends of the two shares, each by `share_intervals`, are put together by the method of
    variance estimates recovery (Zou and Donner 2008, Statistics in Medicine 27, 1693-1702), with
    the correlation of the two over people.

    Args:
        better: Images of each person that only the second has right, `[..., people]`; means over
            seeds need not be whole.
        worse: Those that only the first has right, likewise.
        images: Images of each person, more than 0, `[people]`.
        level: Coverage, in (0, 1).

    Returns:
        float64 `[..., 2]` in [-1, 1].

    >>> difference_intervals(np.full(20, 2.), np.zeros(20), np.full(20, 10.)).round(2).tolist()
    [0.02, 0.28]
    """
    better, worse, images = (np.asarray(one, float) for one in (better, worse, images))
    gained, lost = (one.sum(axis=-1) / images.sum() for one in (better, worse))
    gained_ends, lost_ends = (share_intervals(one, images, level) for one in (better, worse))
    up, down = better - gained[..., None] * images, worse - lost[..., None] * images
    scale = np.sqrt((up**2).sum(axis=-1) * (down**2).sum(axis=-1))
    correlation = np.divide(
        (up * down).sum(axis=-1), scale, out=np.zeros_like(scale), where=scale > 0
    )
    correlation = np.minimum(correlation, 0)
    difference = gained - lost
    low = difference - _root(gained - gained_ends[..., 0], lost_ends[..., 1] - lost, correlation)
    high = difference + _root(gained_ends[..., 1] - gained, lost - lost_ends[..., 0], correlation)
    return np.stack([np.maximum(low, -1), np.minimum(high, 1)], axis=-1)


def unpaired_interval(
    one: float, one_ends: Sequence[float], other: float, other_ends: Sequence[float]
) -> tuple[float, float]:
    """The interval of `one` less `other`, two shares of different people, from theirs.

    The method of variance estimates recovery without a correlation (Newcombe 1998, Statistics in
    Medicine 17, 873-890, method 10).

    >>> ends = unpaired_interval(0.9, (0.8, 0.95), 0.6, (0.5, 0.7))
    >>> [round(end, 3) for end in ends]
    [0.159, 0.412]
    """
    difference = one - other
    low = difference - math.hypot(one - one_ends[0], other_ends[1] - other)
    return low, difference + math.hypot(one_ends[1] - one, other - other_ends[0])


def _root(one: Array, other: Array, correlation: Array) -> Array:
    root: Array = np.sqrt(np.maximum(one**2 + other**2 - 2 * correlation * one * other, 0))
    return root
