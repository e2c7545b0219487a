"""Is one classifier better than another? Paired tests on the same images of the same people."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_keras.errors import InvalidInputError
from fer_keras.evaluation.intervals import OF_ONE, difference_interval, few_people, sampled_unit
from fer_keras.evaluation.measure_intervals import blocks
from fer_keras.evaluation.predictions import (
    IMAGE,
    is_right,
    people,
    require_columns,
    restore_people,
)
from fer_keras.evaluation.taught import describe_marks, leave_out_taught

_RESAMPLES = 10_000


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What two classifiers, each the mean of one or more seeds, share and where they differ.

    Attributes:
        first: Name of the first.
        second: Name of the second.
        accuracies: Of both, in [0, 1].
        difference: Second minus first, in [-1, 1].
        interval: 95 % of the difference, over `interval_over`; None where none keeps its promise.
        p_permutation: Two-sided, by exchanging the two within whole people.
        p_mcnemar: Exact McNemar test, which takes images for independent; None for several seeds.
        p_holm: `p_permutation` corrected for all comparisons of the table (Holm 1979).
        taught: What of the test taught either of them, as `taught.describe_marks`; or empty.
        no_interval: Why `interval` is None, or empty.
        interval_over: `people`, or `images` where nobody is named.
        people_behind: How many of these there are.
        few_people: A warning, or empty.

    >>> rows = pd.DataFrame({'file_name': ['1.png', '2.png'], 'subject_id': ['anna', 'bert'],
    ...                      'label': ['sad', 'happy'], 'predicted': ['happy', 'happy']})
    >>> (found,) = compare({'plain': [rows], 'center': [rows.assign(predicted=rows['label'])]})
    >>> found.accuracies, found.difference, found.p_mcnemar
    ((0.5, 1.0), 0.5, 1.0)
    """

    first: str
    second: str
    accuracies: tuple[float, float]
    difference: float
    interval: tuple[float, float] | None
    p_permutation: float
    p_mcnemar: float | None
    p_holm: float = float('nan')
    taught: str = ''
    no_interval: str = ''
    interval_over: str = 'people'
    people_behind: int = 0
    few_people: str = ''


def compare(groups: Mapping[str, Sequence[pd.DataFrame]], *, seed: int = 0) -> list[Comparison]:
    """Compares every classifier with the first.

    Args:
        groups: For each classifier the predictions of its seeds, as `predictions.csv` holds them.
        seed: Of the resampling.

    Returns:
        One comparison for each classifier but the first.

    Raises:
        InvalidInputError: Fewer than two classifiers, or predictions on different images.
    """
    if len(groups) < 2:
        raise InvalidInputError(
            f'A comparison needs at least two classifiers. Received: {len(groups)}, {list(groups)}.'
        )
    for name, seeds in groups.items():
        for rows in seeds:
            require_columns(rows, (*IMAGE, 'predicted'), name)
    known = next(iter(groups.values()))[0]
    tables = {
        name: [_by_image(restore_people(rows, known, name)) for rows in seeds]
        for name, seeds in groups.items()
    }
    (first, reference), *others = tables.items()
    for name, seeds in tables.items():
        for rows in seeds:
            _require_same_images(reference[0], rows, first, name)
    marks = {name: describe_marks(seeds[0]) for name, seeds in tables.items()}
    everything = iter(leave_out_taught([rows for seeds in tables.values() for rows in seeds]))
    tables = {name: [next(everything) for _ in seeds] for name, seeds in tables.items()}
    (first, reference), *others = tables.items()
    pairs = [
        dataclasses.replace(
            _compare_two(first, reference, name, seeds, seed),
            taught=_join_marks({first: marks[first], name: marks[name]}),
        )
        for name, seeds in others
    ]
    corrected = holm([pair.p_permutation for pair in pairs])
    return [dataclasses.replace(pair, p_holm=p) for pair, p in zip(pairs, corrected, strict=True)]


def _join_marks(marks: Mapping[str, str]) -> str:
    return '; '.join(f'{name}: {mark}' for name, mark in marks.items() if mark)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Scand. J. Statist. 6, 1979), in the order given."""
    order = np.argsort(p_values)
    steps = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(p) for p in corrected]


def _compare_two(
    first: str,
    first_seeds: Sequence[pd.DataFrame],
    second: str,
    second_seeds: Sequence[pd.DataFrame],
    seed: int,
) -> Comparison:
    right = [np.mean([is_right(rows) for rows in s], axis=0) for s in (first_seeds, second_seeds)]
    gain = right[1] - right[0]
    subjects, unit = people(first_seeds[0]), sampled_unit(first_seeds[0])
    interval = difference_interval(gain, subjects)
    _, person = np.unique(subjects, return_inverse=True)
    gains = np.bincount(person, weights=gain)
    random = np.random.default_rng(seed)
    # Under the null hypothesis the two could be exchanged within any person.
    exchanged = [
        random.choice([-1.0, 1.0], size=(count, len(gains))) @ gains
        for count in blocks(_RESAMPLES, len(gains))
    ]
    as_extreme = np.abs(np.concatenate(exchanged)) >= np.abs(gains.sum()) - 1e-9
    is_single = len(first_seeds) == len(second_seeds) == 1
    return Comparison(
        first=first,
        second=second,
        accuracies=(float(right[0].mean()), float(right[1].mean())),
        difference=float(gain.mean()),
        interval=interval,
        p_permutation=float((1 + as_extreme.sum()) / (1 + _RESAMPLES)),
        p_mcnemar=_mcnemar(gain) if is_single else None,
        no_interval='' if interval else OF_ONE,
        interval_over=unit,
        people_behind=len(gains),
        few_people=few_people(len(gains), unit),
    )


def _mcnemar(gain: npt.NDArray[np.floating[Any]]) -> float:
    """Exact: among the images on which the two differ, either is right as often as the other."""
    better, worse = int((gain > 0).sum()), int((gain < 0).sum())
    differing, term, tail = better + worse, 1, 1
    for k in range(min(better, worse)):
        term = term * (differing - k) // (k + 1)  # Of k + 1 out of those that differ.
        tail += term
    return min(1.0, float(2 * tail / 2**differing))


def _by_image(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values(list(IMAGE), ignore_index=True)


def _require_same_images(
    one: pd.DataFrame, other: pd.DataFrame, one_name: str, other_name: str
) -> None:
    keys = list(IMAGE)
    if one[keys].equals(other[keys]):
        return
    both = one[keys].merge(other[keys], how='outer', indicator=True)
    counts = both['_merge'].value_counts()
    example = both.loc[both['_merge'] != 'both', 'file_name'].iloc[:3].tolist()
    raise InvalidInputError(
        'Only predictions on the same images with the same labels can be compared. Received: '
        f'{counts["left_only"]} images only in {one_name}, {counts["right_only"]} only in '
        f'{other_name}, such as {example}. Evaluate both on one target: python -m '
        'fer_keras.evaluate --run_dir=RUN --target=NAME/CONFIG --target_split=SPLIT'
    )
