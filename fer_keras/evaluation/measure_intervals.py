"""The interval of every measure of a test, or why it has none."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_keras.evaluation.interval_formulas import (
    clopper_pearson,
    independent_images,
    log_intervals,
    share_intervals,
)
from fer_keras.evaluation.intervals import FEWEST_PEOPLE, OF_ONE, sampled_unit
from fer_keras.evaluation.measures import (
    Array,
    Values,
    image_shares,
    measure,
    negative_log_likelihoods,
    weighted_measures,
)
from fer_keras.evaluation.predictions import is_right, people, present_labels

# Why a measure has no interval.
OF_FEW = f'fewer than {FEWEST_PEOPLE} {{unit}}'
OF_A_CLASS = 'of a class there is one person, or one unnamed image, only'
OF_CALIBRATION = 'its estimate is too high by an unknown amount'
OF_PERFECTION = 'too little is wrong'
UNDEFINED = 'undefined'
# More people than these are left out in groups.
_MOST_GROUPS = 500
_LARGEST_BLOCK = 2_000_000
# Lower and upper end of their scale.
_SCALES = {
    'unweighted_average_recall': (0.0, 1.0),
    'macro_f1': (0.0, 1.0),
    'cohen_kappa': (-1.0, 1.0),
    'roc_auc_one_vs_rest': (0.0, 1.0),
}
_EVEN_OVER_CLASSES = ('unweighted_average_recall', 'macro_f1', 'roc_auc_one_vs_rest')


@dataclasses.dataclass(frozen=True)
class Intervals:
    """The interval of each number, or why it has none.

    Attributes:
        ends: Lower and upper end of each; None where none would keep its promise.
        reasons: Of those that are None.

    >>> found = Intervals({'accuracy': None}, {'accuracy': 'one alone says nothing of others'})
    >>> found.reasons['accuracy']
    'one alone says nothing of others'
    """

    ends: dict[str, list[float] | None]
    reasons: dict[str, str]


def measure_intervals(seeds: Sequence[pd.DataFrame], names: Sequence[str]) -> Intervals:
    """95 % intervals of every measure, each the mean over seeds of one classifier.

    Shares of images have `interval_formulas.share_intervals`. For the other measures the variance
    is that of leaving out one person after the other (at most 500 groups of people); NLL's interval
    is on the logarithmic scale, the others' is Clopper and Pearson's for as many independent images
    as that variance is worth.

    Args:
        seeds: Predictions of each seed on the same images, as `evaluation.predictions` describes.
        names: Label names in the model's order.

    Returns:
        Of `MEASURES` and `recall <class>` for each class that has images.
    """
    tested = _Tested.of(seeds)
    ends: dict[str, list[float] | None] = {}
    reasons: dict[str, str] = {}
    shares = [image_shares(rows, names) for rows in seeds]
    for name in shares[0]:
        found = tested.share_interval([one[name] for one in shares])
        (ends[name], reasons[name]) = found
    for name, found in _of_other_measures(tested, names).items():
        (ends[name], reasons[name]) = found
    return Intervals(ends, {name: reason for name, reason in reasons.items() if reason})


@dataclasses.dataclass(frozen=True)
class _Tested:
    """Whose images were tested: `person` numbers the person of each image, for each seed."""

    seeds: Sequence[pd.DataFrame]
    person: Sequence[npt.NDArray[np.intp]]
    count: int
    unit: str

    @classmethod
    def of(cls, seeds: Sequence[pd.DataFrame]) -> _Tested:
        lengths = np.cumsum([len(rows) for rows in seeds])
        everyone = [one for rows in seeds for one in people(rows)]
        person, known = pd.factorize(np.asarray(everyone, object))
        unit = sampled_unit(pd.concat([rows[['subject_id']] for rows in seeds]))
        return cls(seeds, np.split(person, lengths[:-1]), len(known), unit)

    def sums(self, values: Sequence[npt.NDArray[Any]]) -> Array:
        """Of each person, of a value an image, `[people]`; the mean over seeds."""
        of_seeds = [
            np.bincount(person, weights=value, minlength=self.count)
            for person, value in zip(self.person, values, strict=True)
        ]
        mean: Array = np.mean(of_seeds, axis=0)
        return mean

    def share_interval(
        self, shares: Sequence[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]
    ) -> tuple[list[float] | None, str]:
        """Of the images of a mask those that count: `measures.image_shares` of each seed."""
        right = self.sums([counts & mask for counts, mask in shares])
        images = self.sums([mask for _, mask in shares])
        has_images = images > 0
        if has_images.sum() < 2:
            return None, OF_ONE
        found = share_intervals(right[has_images], images[has_images])
        return [float(end) for end in found], ''

    def weights(self, *, even_over_classes: bool) -> Array:
        """The share of each person in a measure, `[people]`."""
        of_images = []
        for rows in self.seeds:
            labels = rows['label']
            in_class = labels.map(labels.value_counts()).to_numpy(float)
            of_images.append(1 / in_class if even_over_classes else np.ones(len(rows)))
        sums = self.sums(of_images)
        shares: Array = sums / sums.sum()
        return shares

    @property
    def images(self) -> int:
        return len(self.seeds[0])

    def has_lone_class(self) -> bool:
        """Whether all images of a class are of one person."""
        return any(
            pd.Series(person).groupby(rows['label'].to_numpy()).nunique().min() < 2
            for rows, person in zip(self.seeds, self.person, strict=True)
        )

    def mistaken(self) -> int:
        """People who are not all right, or not all wrong if these are fewer."""
        right = self.sums([is_right(rows) for rows in self.seeds])
        images = self.sums([np.ones(len(rows)) for rows in self.seeds])
        return int(min((right < images).sum(), (right > 0).sum()))

    def left_out(self, names: Sequence[str]) -> Values:
        """The measures without each person, the mean over seeds, `[people or groups]` each."""
        groups = min(self.count, _MOST_GROUPS)
        group = np.random.default_rng(0).permutation(self.count) % groups
        of_seeds = []
        for rows, person in zip(self.seeds, self.person, strict=True):
            parts, first = [], 0
            for size in blocks(groups, len(rows)):
                out = np.arange(first, first + size)[:, None] == group[person]
                parts.append(weighted_measures(rows, names, ~out))
                first += size
            of_seeds.append(
                {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
            )
        return {key: np.mean([one[key] for one in of_seeds], axis=0) for key in of_seeds[0]}


def _of_other_measures(
    tested: _Tested, names: Sequence[str]
) -> dict[str, tuple[list[float] | None, str]]:
    """Those that are no shares of images."""
    unit = tested.unit
    others = (*_SCALES, 'negative_log_likelihood')
    found: dict[str, tuple[list[float] | None, str]] = {
        'expected_calibration_error': (None, OF_CALIBRATION)
    }
    if tested.count < FEWEST_PEOPLE:
        few = OF_FEW.format(unit=unit) if tested.count > 1 else OF_ONE
        return found | dict.fromkeys(others, (None, few))
    values = _mean_over_seeds([measure(rows, names) for rows in tested.seeds])
    left_out = tested.left_out(names)
    present = present_labels(tested.seeds[0], names)
    lone = OF_A_CLASS if tested.has_lone_class() else ''
    for name in others:
        variance = _variance(left_out[name])
        is_kappa_of_one_class = name == 'cohen_kappa' and len(present) < 2
        if np.isnan(values[name]) or is_kappa_of_one_class:
            found[name] = None, UNDEFINED
        elif lone and name in _EVEN_OVER_CLASSES or np.isnan(variance):
            found[name] = None, lone or UNDEFINED
        else:
            ends = _ends(tested, name, values, variance, names)
            is_finite = np.isfinite(ends).all()
            found[name] = ([float(end) for end in ends], '') if is_finite else (None, OF_PERFECTION)
    return found


def _ends(
    tested: _Tested, name: str, values: Values, variance: Array, names: Sequence[str]
) -> Array:
    value = values[name]
    weights = tested.weights(even_over_classes=name in _EVEN_OVER_CLASSES)
    if name not in _SCALES:
        of_one = np.mean([negative_log_likelihoods(r, names).var() for r in tested.seeds])
        count = independent_images(variance, np.array(of_one), weights)
        freedom = max(1.0, float(1 / (weights**2).sum() - 1))
        with np.errstate(divide='ignore', invalid='ignore', over='ignore'):
            return log_intervals(value, of_one / count, freedom)
    low, high = _SCALES[name]
    if name == 'cohen_kappa':
        low = _kappa_of_none_right(values)
    share = (value - low) / (high - low)
    of_one = share * (1 - share)
    variance = np.maximum(variance / (high - low) ** 2, of_one / tested.images)
    count = independent_images(variance, of_one, weights, tested.mistaken())
    ends: Array = low + (high - low) * clopper_pearson(share, count)
    return ends


def _kappa_of_none_right(values: Values) -> float:
    """What Cohen's kappa would be of the same answers, were none of them right."""
    wrong, below = (1 - values[key] for key in ('accuracy', 'cohen_kappa'))
    return float(1 - below / wrong) if wrong > 0 else -1.0


def _mean_over_seeds(found: Sequence[Mapping[str, float]]) -> Values:
    return {name: np.array(np.mean([one[name] for one in found])) for name in found[0]}


def _variance(left_out: Array) -> Array:
    """Of a number, from what it is without each person or group (the jackknife)."""
    count = len(left_out)
    variance: Array = (count - 1) / count * ((left_out - left_out.mean()) ** 2).sum()
    return variance


def blocks(rows: int, columns: int) -> Iterator[int]:
    """Numbers of rows that add up to `rows`, so few that little is in memory at a time.

    >>> list(blocks(5, 1_000_000))
    [2, 2, 1]
    """
    at_a_time = max(1, _LARGEST_BLOCK // max(columns, 1))
    for first in range(0, rows, at_a_time):
        yield min(at_a_time, rows - first)
