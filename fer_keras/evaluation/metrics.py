"""Numbers of a table of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics as sk_metrics

from fer_keras.evaluation.predictions import PROBABILITY
from fer_keras.evaluation.statistics import bootstrap_over_subjects


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
    among_present = _decide_among(rows, present)
    per_class = sk_metrics.precision_recall_fscore_support(
        rows['label'], rows['predicted'], labels=present, zero_division=0
    )
    return {
        'accuracy': float(correct.mean()),
        'accuracy_interval': bootstrap_over_subjects(correct, people(rows)),
        'accuracy_among_present': float((rows['label'] == among_present).mean()),
        'unweighted_average_recall': float(per_class[1].mean()),
        'macro_f1': float(per_class[2].mean()),
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


def confusion_matrix(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Images of each true class (row) taken for each class (column), int `[classes, classes]`."""
    counts = sk_metrics.confusion_matrix(rows['label'], rows['predicted'], labels=list(names))
    return pd.DataFrame(counts, index=pd.Index(names, name='true'), columns=list(names))


def _decide_among(rows: pd.DataFrame, present: Sequence[str]) -> np.ndarray:
    columns = [PROBABILITY.format(name) for name in present]
    return np.array(present)[np.argmax(rows[columns].to_numpy(), axis=1)]


def people(rows: pd.DataFrame) -> list[str]:
    """The person of each image; an image of nobody known stands for itself."""
    return list(rows['subject_id'].where(rows['subject_id'] != '', rows['file_name']))
