"""Numbers of a table of predictions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics as sk_metrics

from fer_keras.evaluation.predictions import PROBABILITY, label_names_of
from fer_keras.evaluation.statistics import bootstrap_over_subjects

# The numbers of `summarize`, and what reports call them.
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
SLICES = ('gender', 'group', 'camera', 'gaze', 'age', 'detected')
AGE_BANDS = [0, 12, 17, 24, 34, 44, 54, 64, 120]
# A percentile bootstrap of fewer people is too narrow.
FEWEST_PEOPLE = 10


def summarize(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    """Accuracy and its kin, over the classes that the images have.

    The decision is always among all of `names`. Where the data set has fewer,
    `accuracy_among_present` decides among these only: both are given, since masking the others is
    a help that a user does not have.

    Args:
        rows: From `predictions.predict_split`.
        names: Label names in the model's order.

    Returns:
        What `metrics.json` holds; shares are in [0, 1], intervals are 95 % over people.
    """
    present = [name for name in names if (rows['label'] == name).any()]
    correct = (rows['label'] == rows['predicted']).to_numpy()
    among_present = decide_among(rows, present)
    probabilities = rows[[PROBABILITY.format(name) for name in names]].to_numpy()
    truth = np.array([names.index(label) for label in rows['label']])
    per_class = sk_metrics.precision_recall_fscore_support(
        rows['label'], rows['predicted'], labels=present, zero_division=0
    )
    return {
        'accuracy': float(correct.mean()),
        'accuracy_interval': bootstrap_over_subjects(correct, people(rows)),
        'accuracy_among_present': float((rows['label'] == among_present).mean()),
        'unweighted_average_recall': float(per_class[1].mean()),
        'macro_f1': float(per_class[2].mean()),
        'top_2_accuracy': float(
            np.mean([t in row.argsort()[-2:] for t, row in zip(truth, probabilities, strict=True)])
        ),
        'cohen_kappa': float(
            sk_metrics.cohen_kappa_score(rows['label'], rows['predicted'], labels=names)
        )
        if len(present) > 1
        else None,
        'roc_auc_one_vs_rest': _mean_roc_auc(truth, probabilities),
        'negative_log_likelihood': float(
            -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12)).mean()
        ),
        'expected_calibration_error': calibration_error(reliability(rows)),
        'images': len(rows),
        'subjects': int(rows['subject_id'].replace('', np.nan).nunique()),
        'classes_absent': [name for name in names if name not in present],
        'per_class': {
            name: {
                'precision': float(precision),
                'recall': float(recall),
                'f1': float(f1),
                'images': int(support),
            }
            for name, precision, recall, f1, support in zip(present, *per_class, strict=True)
        },
    }


def reliability(rows: pd.DataFrame, bins: int = 15) -> pd.DataFrame:
    """Confidence against accuracy in bins of equal width (Guo et al. 2017, ICML, section 2).

    Returns:
        A row for each bin that is not empty: `confidence` and `accuracy` (means, in [0, 1]) and
        `images`.
    """
    table = reliability_bins(rows, bins)
    means = table.groupby('bin').mean()
    return means.assign(images=table.groupby('bin').size()).reset_index(drop=True)


def reliability_bins(rows: pd.DataFrame, bins: int = 15) -> pd.DataFrame:
    """A row an image: its `bin`, its `confidence`, and `accuracy`, 1 where it was recognised."""
    columns = [PROBABILITY.format(name) for name in label_names_of(rows)]
    confidence = rows[columns].max(axis=1)
    return pd.DataFrame(
        {
            'bin': np.minimum((confidence * bins).astype(int), bins - 1),
            'confidence': confidence,
            'accuracy': (rows['label'] == rows['predicted']).astype(float),
        }
    )


def calibration_error(bins: pd.DataFrame) -> float:
    """Expected calibration error of `reliability`: the mean gap, weighted by images."""
    gaps = (bins['confidence'] - bins['accuracy']).abs()
    return float(np.average(gaps, weights=bins['images']))


def slices(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy for each value of what the data set knows of its images.

    Returns:
        A row for each value of `SLICES`, where there are at least two: `slice`, `value`,
        `accuracy`, `low` and `high` (95 % over people), `images`, `people`, and `is_small` where
        these are too few (`FEWEST_PEOPLE`) for the interval to be trusted.
    """
    found = []
    for name in SLICES:
        if name not in rows:
            continue
        values = rows[name].astype(object).where(rows[name] != '')
        if name == 'age':
            bands = [f'{low + 1} to {high}' for low, high in itertools.pairwise(AGE_BANDS)]
            years = pd.to_numeric(values, errors='coerce')
            values = pd.cut(years, AGE_BANDS, labels=bands).astype(object)
        if values.nunique() < 2:
            continue
        for value, part in rows.groupby(values):
            correct = (part['label'] == part['predicted']).to_numpy()
            low, high = bootstrap_over_subjects(correct, people(part))
            count = len(set(people(part)))
            found.append(
                (name, value, correct.mean(), low, high, len(part), count, count < FEWEST_PEOPLE)
            )
    columns = ['slice', 'value', 'accuracy', 'low', 'high', 'images', 'people', 'is_small']
    return pd.DataFrame(found, columns=columns)


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


def confusion_matrix(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Images of each true class (row) taken for each class (column), int `[classes, classes]`."""
    counts = sk_metrics.confusion_matrix(rows['label'], rows['predicted'], labels=list(names))
    return pd.DataFrame(counts, index=pd.Index(names, name='true'), columns=list(names))


def _mean_roc_auc(truth: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Mean over the classes that have images, and not all of them; None without any."""
    areas = [
        sk_metrics.roc_auc_score(truth == label, probabilities[:, label])
        for label in np.unique(truth)
        if not (truth == label).all()
    ]
    return float(np.mean(areas)) if areas else None


def decide_among(rows: pd.DataFrame, present: Sequence[str]) -> np.ndarray:
    """The most probable of the classes `present`, for each image, the others masked out."""
    columns = [PROBABILITY.format(name) for name in present]
    return np.array(present)[np.argmax(rows[columns].to_numpy(), axis=1)]


def people(rows: pd.DataFrame) -> list[str]:
    """The person of each image; an image of nobody known stands for itself."""
    return list(rows['subject_id'].where(rows['subject_id'] != '', rows['file_name']))
