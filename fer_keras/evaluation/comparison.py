"""Is one classifier better than another? Paired tests on the same images of the same people."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.stats

from fer_keras.evaluation.metrics import people
from fer_keras.evaluation.predictions import PROBABILITY, label_names_of
from fer_keras.evaluation.statistics import blocks, resampled_ratios
from fer_keras.run_dir import RunDir

_RESAMPLES = 10_000


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What two classifiers, each the mean of one or more seeds, share and where they differ.

    Attributes:
        first: Name of the first.
        second: Name of the second.
        accuracies: Of both, in [0, 1].
        difference: Second minus first, in [-1, 1].
        interval: 95 %, by bootstrap over people.
        p_permutation: Two-sided, by exchanging the two within whole people.
        p_mcnemar: Exact McNemar test, which takes images for independent; None for several seeds.
        p_holm: `p_permutation` corrected for all comparisons of the table (Holm 1979).
    """

    first: str
    second: str
    accuracies: tuple[float, float]
    difference: float
    interval: tuple[float, float]
    p_permutation: float
    p_mcnemar: float | None
    p_holm: float = float('nan')


def compare(groups: Mapping[str, Sequence[pd.DataFrame]], *, seed: int = 0) -> list[Comparison]:
    """Compares every classifier with the first.

    Args:
        groups: For each classifier the predictions of its seeds, as `predictions.csv` holds them.
        seed: Of the resampling.

    Returns:
        One comparison for each classifier but the first.

    Raises:
        ValueError: Fewer than two classifiers, or predictions on different images.
    """
    if len(groups) < 2:
        raise ValueError(
            f'A comparison needs at least two classifiers. Received: {len(groups)}, {list(groups)}.'
        )
    tables = {name: [_by_image(rows) for rows in seeds] for name, seeds in groups.items()}
    (first, reference), *others = tables.items()
    for name, seeds in tables.items():
        for rows in seeds:
            _require_same_images(reference[0], rows, first, name)
    pairs = [_compare_two(first, reference, name, seeds, seed) for name, seeds in others]
    corrected = holm([pair.p_permutation for pair in pairs])
    return [dataclasses.replace(pair, p_holm=p) for pair, p in zip(pairs, corrected, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Scand. J. Statist. 6, 1979), in the order given."""
    order = np.argsort(p_values)
    steps = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(p) for p in corrected]


def read_predictions(run: str, evaluation: str = '') -> pd.DataFrame:
    """Reads the predictions of a run folder, or a CSV file of predictions.

    Args:
        run: A run folder, or a file like its `predictions.csv`.
        evaluation: Which report inside the folder; empty: the one on the run's own target.

    Raises:
        FileNotFoundError: There are none.
        ValueError: The probabilities are not of the classes that their columns name.
    """
    is_file = os.path.isfile(run)
    path = run if is_file else os.path.join(RunDir(run).report_dir(evaluation), 'predictions.csv')
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f'No predictions in {path}. Make them with: python -m fer_keras.evaluate '
            f'--run_dir={run} --target=NAME/CONFIG --target_split=test'
        )
    rows = pd.read_csv(path, dtype={'subject_id': str}, keep_default_na=False)
    _require_own_order(rows, path)
    return rows


def _compare_two(
    first: str,
    first_seeds: Sequence[pd.DataFrame],
    second: str,
    second_seeds: Sequence[pd.DataFrame],
    seed: int,
) -> Comparison:
    right = [np.mean([_correct(rows) for rows in s], axis=0) for s in (first_seeds, second_seeds)]
    gain = right[1] - right[0]
    _, person = np.unique(people(first_seeds[0]), return_inverse=True)
    gains, images = np.bincount(person, weights=gain), np.bincount(person)
    random = np.random.default_rng(seed)
    resampled = resampled_ratios(gains, images, random, _RESAMPLES)
    low, high = np.quantile(resampled, [0.025, 0.975])
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
        interval=(float(low), float(high)),
        p_permutation=float((1 + as_extreme.sum()) / (1 + _RESAMPLES)),
        p_mcnemar=_mcnemar(gain) if is_single else None,
    )


def _mcnemar(gain: np.ndarray) -> float:
    """Exact: among the images on which the two differ, either is right as often as the other."""
    better, worse = int((gain > 0).sum()), int((gain < 0).sum())
    if not better + worse:
        return 1.0
    return float(scipy.stats.binomtest(better, better + worse).pvalue)


def _correct(rows: pd.DataFrame) -> np.ndarray:
    return (rows['label'] == rows['predicted']).to_numpy().astype(float)


def _by_image(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values(['subject_id', 'file_name', 'label'], ignore_index=True)


def _require_own_order(rows: pd.DataFrame, path: str) -> None:
    names = label_names_of(rows)
    if not names:
        return
    largest = rows[[PROBABILITY.format(name) for name in names]].to_numpy().argmax(axis=1)
    differing = int((np.array(names)[largest] != rows['predicted'].to_numpy()).sum())
    if differing:
        raise ValueError(
            f'In {path}, `predicted` must name the class of the largest probability. Received: '
            f'another one in {differing} of {len(rows)} rows, so that the probabilities are of '
            f'another order of labels than their columns, {names}. Predict again with: python -m '
            'fer_keras.evaluate --run_dir=RUN'
        )


def _require_same_images(
    one: pd.DataFrame, other: pd.DataFrame, one_name: str, other_name: str
) -> None:
    keys = ['subject_id', 'file_name', 'label']
    if one[keys].equals(other[keys]):
        return
    both = one[keys].merge(other[keys], how='outer', indicator=True)
    counts = both['_merge'].value_counts()
    example = both.loc[both['_merge'] != 'both', 'file_name'].iloc[:3].tolist()
    raise ValueError(
        'Only predictions on the same images with the same labels can be compared. Received: '
        f'{counts["left_only"]} images only in {one_name}, {counts["right_only"]} only in '
        f'{other_name}, such as {example}. Evaluate both on one target: python -m '
        'fer_keras.evaluate --run_dir=RUN --target=NAME/CONFIG --target_split=SPLIT'
    )
