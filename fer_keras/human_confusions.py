"""Correlates a run's confusions with people's: `python -m fer_keras.human_confusions RUN CSV`.

The CSV has a column `true` and one for each answer, a row for each expression shown; its cells are
counts, shares or percents. `evaluation.human_confusions` says more.
"""

from __future__ import annotations

from collections.abc import Sequence

from fer_keras import flags
from fer_keras.evaluation.human_confusions import agreement, read_human_confusions
from fer_keras.evaluation.metrics import confusion_matrix
from fer_keras.evaluation.predictions import label_names_of, read_predictions


def main(arguments: Sequence[str]) -> None:
    """Prints the correlation of the off-diagonal confusions."""
    if len(arguments) != 2:
        raise ValueError(
            'Give a run, or its predictions.csv, and a CSV of human confusions. '
            f'Received: {list(arguments)}.'
        )
    rows = read_predictions(arguments[0], flags.FLAGS.evaluation)
    found = agreement(
        confusion_matrix(rows, label_names_of(rows)), read_human_confusions(arguments[1])
    )
    print(
        f'Pearson {found.pearson:+.2f}, Spearman {found.spearman:+.2f} over {found.cells} '
        f'confusions of {len(found.classes)} classes: {", ".join(found.classes)}.'
    )


if __name__ == '__main__':
    flags.define_human_confusions()
    flags.start_with_arguments(main)
