"""What the test of a classifier prints."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from fer_keras.tables import print_table


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
    low, high = metrics['accuracy_interval']
    print(
        f'accuracy {metrics["accuracy"]:.1%} (95 % interval over people {low:.1%} to {high:.1%}), '
        f'unweighted average recall {metrics["unweighted_average_recall"]:.1%}, '
        f'{metrics["images"]} images of {metrics["subjects"]} people'
    )
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
    for name in sorted(os.listdir(report_dir)):
        if name.endswith(('.png', '.json', '.html')):
            print(os.path.join(report_dir, name))
