"""Correlates a run's confusions with people's: `python -m fer_keras.human_confusions RUN CSV`.

The CSV has a column `true` and one for each answer, a row for each expression shown; its cells are
counts, shares or percents. `evaluation.human_confusions` says more.
"""

from __future__ import annotations

from collections.abc import Sequence

from fer_keras import flags
from fer_keras.config.evaluation import HumanConfusionsConfig
from fer_keras.errors import InvalidInputError


def main(options: HumanConfusionsConfig, arguments: Sequence[str]) -> None:
    """Prints the correlation of the off-diagonal confusions."""
    if len(arguments) != 2:
        raise InvalidInputError(
            'Give a run, or its predictions.csv, and a CSV of human confusions. '
            f'Received: {list(arguments)}.'
        )
    from fer_keras.evaluation.human_confusions import agreement, read_human_confusions
    from fer_keras.evaluation.metrics import confusion_matrix
    from fer_keras.evaluation.predictions import label_names_of, read_predictions
    from fer_keras.evaluation.taught import describe_marks, untaught

    rows, human = read_predictions(arguments[0], options.evaluation), arguments[1]
    counts = confusion_matrix(untaught(rows), label_names_of(rows))
    print(agreement(counts, read_human_confusions(human)))
    if marks := describe_marks(rows):
        print(f'warning: {marks}')


if __name__ == '__main__':
    flags.start(main, HumanConfusionsConfig, arguments='RUN CSV', needs_tensorflow=False)
