"""The nine measures of a table of predictions, with a weight for each image.

With weights of one they are the numbers of a report; with how often a bootstrap drew each image,
they are the numbers of that draw. One definition serves both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_keras.evaluation.predictions import (
    decide_among,
    is_right,
    label_names_of,
    present_labels,
    probabilities_of,
)

Array = npt.NDArray[np.floating[Any]]
Values = dict[str, Array]
# The measures, and what reports call them.
MEASURES = {
    'accuracy': 'accuracy',
    'accuracy_among_present': 'accuracy among the classes of the images',
    'unweighted_average_recall': 'unweighted average recall',
    'macro_f1': 'macro-F1',
    'top_2_accuracy': 'top-2 accuracy',
    'cohen_kappa': "Cohen's kappa",
    'roc_auc_one_vs_rest': 'ROC AUC, one against the rest',
    'negative_log_likelihood': 'negative log-likelihood',
    'expected_calibration_error': 'expected calibration error',
}
# So that a class that was thought impossible costs much, but not everything.
_SMALLEST_PROBABILITY = 1e-12


def measure(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, float]:
    """The measures of the images as they are; NaN where one is undefined.

    Args:
        rows: As `evaluation.predictions` describes them.
        names: Label names in the model's order.

    Returns:
        A value for each of `MEASURES`, and `recall <class>` for each class that has images.

    >>> rows = pd.DataFrame({'label': ['happy', 'sad'], 'predicted': ['happy', 'happy'],
    ...                      'p_happy': [0.9, 0.6], 'p_sad': [0.1, 0.4]})
    >>> found = measure(rows, ['happy', 'sad'])
    >>> found['accuracy'], found['recall sad'], found['roc_auc_one_vs_rest']
    (0.5, 0.0, 1.0)
    """
    values = weighted_measures(rows, names, np.ones((1, len(rows))))
    return {name: float(value[0]) for name, value in values.items()}


def weighted_measures(
    rows: pd.DataFrame, names: Sequence[str], weights: npt.NDArray[Any]
) -> Values:
    """The measures with a weight for each image.

    Args:
        rows: As `evaluation.predictions` describes them.
        names: Label names in the model's order.
        weights: `[draws, images]`, not negative: how often each image counts in each draw.

    Returns:
        As `measure`, float64 `[draws]` each. Means over classes are over those that have images
        in the draw.
    """
    weights = weights.astype(float)
    present = present_labels(rows, names)
    truth = pd.Index(names).get_indexer(pd.Index(rows['label']))
    probabilities = probabilities_of(rows, names)
    per_image: dict[str, npt.NDArray[Any]] = {
        'accuracy_among_present': decide_among(rows, present) == rows['label'].to_numpy(),
        'top_2_accuracy': _is_among_two(probabilities, truth),
        'negative_log_likelihood': negative_log_likelihoods(rows, names),
    }
    total = weights.sum(axis=1)
    values = {name: weights @ value / total for name, value in per_image.items()}
    values |= _of_confusions(weighted_confusions(rows, names, weights), names, present)
    values['expected_calibration_error'] = _calibration_errors(rows, weights)
    values['roc_auc_one_vs_rest'] = _roc_areas(truth, probabilities, weights)
    return values


def image_shares(
    rows: pd.DataFrame, names: Sequence[str]
) -> dict[str, tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """The measures that are shares of images: which count, of which, bool `[images]` each."""
    present = present_labels(rows, names)
    truth = pd.Index(names).get_indexer(pd.Index(rows['label']))
    right, everything = is_right(rows), np.ones(len(rows), bool)
    among_present = decide_among(rows, present) == rows['label'].to_numpy()
    return {
        'accuracy': (right, everything),
        'accuracy_among_present': (among_present, everything),
        'top_2_accuracy': (_is_among_two(probabilities_of(rows, names), truth), everything),
        **{f'recall {name}': (right, (rows['label'] == name).to_numpy()) for name in present},
    }


def negative_log_likelihoods(rows: pd.DataFrame, names: Sequence[str]) -> Array:
    """Of the true class of each image, float64 `[images]`."""
    truth = pd.Index(names).get_indexer(pd.Index(rows['label']))
    own = probabilities_of(rows, names)[np.arange(len(rows)), truth]
    logs: Array = -np.log(np.maximum(own, _SMALLEST_PROBABILITY))
    return logs


def _is_among_two(probabilities: Array, truth: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = (np.argsort(probabilities)[:, -2:] == truth[:, None]).any(axis=1)
    return found


def weighted_confusions(rows: pd.DataFrame, names: Sequence[str], weights: Array) -> Array:
    """The weight of the images of each true class taken for each class.

    Returns:
        float64 `[draws, true, predicted]`; images of other classes than `names` are left out.
    """
    classes = pd.Index(names)
    truth, predicted = (
        classes.get_indexer(pd.Index(rows[column])) for column in ('label', 'predicted')
    )
    known = (truth >= 0) & (predicted >= 0)
    cells = np.eye(len(names) ** 2)[truth[known] * len(names) + predicted[known]]
    counts: Array = weights[:, known] @ cells
    return counts.reshape(-1, len(names), len(names))


def reliability_bins(rows: pd.DataFrame, bins: int = 15) -> pd.DataFrame:
    """A row an image: its `bin`, its `confidence`, and `accuracy`, 1 where it was recognised."""
    confidence = pd.Series(probabilities_of(rows, label_names_of(rows)).max(axis=1), rows.index)
    return pd.DataFrame(
        {
            'bin': np.minimum((confidence * bins).astype(int), bins - 1),
            'confidence': confidence,
            'accuracy': is_right(rows).astype(float),
        }
    )


def _of_confusions(counts: Array, names: Sequence[str], present: Sequence[str]) -> Values:
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


def _calibration_errors(rows: pd.DataFrame, weights: Array) -> Array:
    """The gap of confidence and accuracy in each bin, weighted by its images (Guo et al. 2017)."""
    table = reliability_bins(rows)
    in_bin = np.eye(table['bin'].max() + 1)[table['bin']]
    gaps = (table['confidence'] - table['accuracy']).to_numpy()
    of_bins = np.abs(weights @ (in_bin * gaps[:, None])).sum(axis=1)
    errors: Array = of_bins / weights.sum(axis=1)
    return errors


def _roc_areas(truth: npt.NDArray[np.intp], probabilities: Array, weights: Array) -> Array:
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
    mean: Array = np.where(defined.any(axis=0), sums / np.maximum(defined.sum(axis=0), 1), np.nan)
    return mean
