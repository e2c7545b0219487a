"""Intervals of every number of a report: all of them for many draws of people at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from fer_keras.evaluation.metrics import decide_among, people, reliability_bins
from fer_keras.evaluation.predictions import PROBABILITY
from fer_keras.evaluation.statistics import blocks

_RESAMPLES = 2000
Values = dict[str, np.ndarray]


def resampled_metrics(
    rows: pd.DataFrame, names: Sequence[str], *, resamples: int = _RESAMPLES, seed: int = 0
) -> Values:
    """The metrics of bootstrap samples of people, each drawn with all its images.

    The same people and seed give the same draws, so that values of several seeds of one classifier
    may be averaged draw by draw.

    Args:
        rows: From `predictions.predict_split`.
        names: Label names in the model's order.
        resamples: How many samples.
        seed: Of the draws.

    Returns:
        For each of the numbers of `metrics.summarize`, float64 `[resamples]`, and `recall <class>`
        for each class that has images; NaN where a sample leaves it undefined.
    """
    _, person = np.unique(people(rows), return_inverse=True)
    count = person.max() + 1
    random = np.random.default_rng(seed)
    parts = []
    for draws in blocks(resamples, len(rows)):
        drawn = random.integers(count, size=(draws, count))
        times = np.stack([np.bincount(one, minlength=count) for one in drawn])
        parts.append(weighted_metrics(rows, names, times[:, person]))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def intervals(values: Mapping[str, np.ndarray], level: float = 0.95) -> dict[str, list[float]]:
    """Percentile interval of each of `resampled_metrics`; samples without a value are left out."""
    ends = [(1 - level) / 2, (1 + level) / 2]
    return {
        name: [float(end) for end in np.nanquantile(drawn, ends)]
        for name, drawn in values.items()
        if not np.isnan(drawn).all()
    }


def weighted_metrics(rows: pd.DataFrame, names: Sequence[str], weights: np.ndarray) -> Values:
    """The numbers of `metrics.summarize` with a weight for each image.

    Args:
        rows: From `predictions.predict_split`.
        names: Label names in the model's order.
        weights: `[draws, images]`, not negative: how often each image counts in each draw.

    Returns:
        As `resampled_metrics`, `[draws]` each.
    """
    weights = weights.astype(float)
    index = {name: position for position, name in enumerate(names)}
    truth = rows['label'].map(index).to_numpy()
    present = [name for name in names if (rows['label'] == name).any()]
    probabilities = rows[[PROBABILITY.format(name) for name in names]].to_numpy()
    own = probabilities[np.arange(len(rows)), truth]
    per_image = {
        'accuracy_among_present': decide_among(rows, present) == rows['label'].to_numpy(),
        'top_2_accuracy': (np.argsort(probabilities)[:, -2:] == truth[:, None]).any(axis=1),
        'negative_log_likelihood': -np.log(np.maximum(own, 1e-12)),
    }
    total = weights.sum(axis=1)
    values = {name: weights @ value / total for name, value in per_image.items()}
    predicted = rows['predicted'].map(index).to_numpy()
    values |= _of_confusions(_confusions(truth, predicted, weights, len(names)), names, present)
    values['expected_calibration_error'] = _calibration_errors(rows, weights)
    values['roc_auc_one_vs_rest'] = _roc_areas(truth, probabilities, weights)
    return values


def _confusions(
    truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray, count: int
) -> np.ndarray:
    """`[draws, true, predicted]`."""
    cells = np.eye(count * count)[truth * count + predicted]
    return (weights @ cells).reshape(-1, count, count)


def _of_confusions(counts: np.ndarray, names: Sequence[str], present: Sequence[str]) -> Values:
    total = counts.sum(axis=(1, 2))
    right = np.diagonal(counts, axis1=1, axis2=2)
    images, answers = counts.sum(axis=2), counts.sum(axis=1)
    with np.errstate(invalid='ignore', divide='ignore'):
        recall = right / images
        f1 = np.where(images > 0, 2 * right / (images + answers), np.nan)
        by_chance = (images * answers).sum(axis=1) / total**2
        accuracy = right.sum(axis=1) / total
        kappa = (accuracy - by_chance) / (1 - by_chance)
    columns = [list(names).index(name) for name in present]
    return {
        'accuracy': accuracy,
        # A draw may lack a class that the images have: its mean is over the others.
        'unweighted_average_recall': np.nanmean(recall[:, columns], axis=1),
        'macro_f1': np.nanmean(f1[:, columns], axis=1),
        'cohen_kappa': kappa,
        **{f'recall {names[column]}': recall[:, column] for column in columns},
    }


def _calibration_errors(rows: pd.DataFrame, weights: np.ndarray) -> np.ndarray:
    table = reliability_bins(rows)
    in_bin = np.eye(table['bin'].max() + 1)[table['bin']]
    gaps = (table['confidence'] - table['accuracy']).to_numpy()
    return np.abs(weights @ (in_bin * gaps[:, None])).sum(axis=1) / weights.sum(axis=1)


def _roc_areas(truth: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over classes of the share of (own, other) pairs in the right order; ties count half."""
    areas = []
    for label in np.unique(truth):
        order = np.argsort(probabilities[:, label])
        scores, is_own = probabilities[order, label], truth[order] == label
        drawn = weights[:, order]
        others = np.cumsum(drawn * ~is_own, axis=1)
        others = np.concatenate([np.zeros((len(drawn), 1)), others], axis=1)
        own_scores, own_weights = scores[is_own], drawn[:, is_own]
        below = others[:, np.searchsorted(scores, own_scores, side='left')]
        not_above = others[:, np.searchsorted(scores, own_scores, side='right')]
        pairs = own_weights.sum(axis=1) * others[:, -1]
        with np.errstate(invalid='ignore', divide='ignore'):
            areas.append((own_weights * (below + not_above) / 2).sum(axis=1) / pairs)
    stacked = np.stack(areas)
    defined = ~np.isnan(stacked)
    sums = np.where(defined, stacked, 0).sum(axis=0)
    return np.where(defined.any(axis=0), sums / np.maximum(defined.sum(axis=0), 1), np.nan)
