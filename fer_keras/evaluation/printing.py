"""What tests, comparisons and searches for duplicates print."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from fer_keras.evaluation.comparison import Comparison
from fer_keras.evaluation.intervals import shown_accuracy, shown_interval, shown_sample
from fer_keras.files import write_text
from fer_keras.provenance.wording import sentences
from fer_keras.tables import print_table

if TYPE_CHECKING:  # Comparing runs needs no TensorFlow, which hashing images does.
    from fer_keras.data.image_hashes import HashedImages

_DUPLICATES_SHOWN = 20


def print_report(metrics: Mapping[str, Any], report_dir: str) -> None:
    """Prints the summary as a table, and where the files are.

    Args:
        metrics: What `metrics.json` holds.
        report_dir: The folder of the report.
    """
    rows = [
        (name, str(of_class['images']), f'{of_class["recall"]:.1%}', f'{of_class["precision"]:.1%}')
        for name, of_class in metrics['per_class'].items()
    ]
    title = f'{metrics["target"]}, {metrics["target_split"]}'
    print_table(('class', 'images', 'recall', 'precision'), rows, title=title)
    print(
        f'accuracy {shown_accuracy(metrics)}, '
        f'unweighted average recall {metrics["unweighted_average_recall"]:.1%}, '
        f'{shown_sample(metrics)}'
    )
    for said in filter(None, (metrics.get('split_note'), metrics.get('few_people'))):
        print(said)
    if metrics['classes_absent']:
        print(
            f'absent from this split: {", ".join(metrics["classes_absent"])}; deciding among the '
            f'others only: {metrics["accuracy_among_present"]:.1%}'
        )
    if metrics['images_of_other_classes_left_out']:
        print(
            f'{metrics["images_of_other_classes_left_out"]} images of classes that the model was '
            'not trained on were left out'
        )
    for sentence in sentences(metrics.get('taught', {})):
        print(f'warning: {sentence}')
    # What is to be read first comes last, where the eye is.
    for suffix in ('.json', '.png', '.html'):
        for name in sorted(os.listdir(report_dir)):
            if name.endswith(suffix):
                print(os.path.join(report_dir, name))


def print_comparisons(comparisons: Sequence[Comparison]) -> None:
    """Prints one row a comparison."""
    first = comparisons[0]
    over = first.interval_over
    columns = ('classifier', 'accuracy', 'difference', f'95 % over {over}', 'p', 'p (Holm)')
    rows = [
        (
            c.second,
            f'{c.accuracies[1]:.1%}',
            f'{100 * c.difference:+.1f}',
            shown_interval(c.interval and [100 * end for end in c.interval], c.no_interval, '+.1f'),
            f'{c.p_permutation:.4f}',
            f'{c.p_holm:.4f}',
        )
        for c in comparisons
    ]
    print_table(columns, rows, title=f'against {first.first}, {first.accuracies[0]:.1%}')
    print(f'p: exchanging the two classifiers within whole {over}, two-sided.')
    if first.few_people:
        print(first.few_people)
    for line in dict.fromkeys(c.taught for c in comparisons if c.taught):
        print(f'warning: {line}')
    for c in comparisons:
        if c.p_mcnemar is not None:
            print(f'{c.second}: McNemar p {c.p_mcnemar:.4f}, which takes images for independent.')


def write_comparisons(comparisons: Sequence[Comparison], path: str) -> None:
    """Writes a CSV file, a row a comparison."""
    rows = [dataclasses.asdict(comparison) for comparison in comparisons]
    write_text(path, pd.DataFrame(rows).to_csv(index=False))


def print_duplicates(places: Sequence[HashedImages], found: pd.DataFrame) -> None:
    """Prints how many pairs were found, and the closest of them.

    Args:
        places: What was searched.
        found: From `duplicates.find_duplicates`.
    """
    images = sum(len(place.file_names) for place in places)
    print(f'{images} pictures in {len(places)} splits: {len(found)} pairs across splits.')
    if len(found):
        shown = found.head(_DUPLICATES_SHOWN).astype(str)
        columns = list(map(str, shown))
        print_table(columns, shown.to_numpy().tolist(), text_columns=len(columns) - 1)
