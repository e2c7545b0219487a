"""Is one classifier better than another, on the same images?

`python -m fer_keras.compare RUN_A RUN_B [RUN_C ...]` compares each with the first. Seeds of one
classifier are joined by commas: `python -m fer_keras.compare a_0,a_1,a_2 b_0,b_1,b_2`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pandas as pd
from rich.console import Console
from rich.table import Table

from fer_keras import flags
from fer_keras.evaluation.comparison import Comparison, compare
from fer_keras.evaluation.predictions import read_predictions


def main(runs: Sequence[str]) -> None:
    """Prints the table, and writes it as CSV where `--output` says so."""
    evaluation, output = flags.FLAGS.evaluation, flags.FLAGS.output
    comparisons = compare(
        {run: [read_predictions(one, evaluation) for one in run.split(',')] for run in runs}
    )
    print_comparisons(comparisons)
    if output:
        rows = [dataclasses.asdict(comparison) for comparison in comparisons]
        pd.DataFrame(rows).to_csv(output, index=False)


def print_comparisons(comparisons: Sequence[Comparison]) -> None:
    """Prints one row a comparison."""
    table = Table(title=f'against {comparisons[0].first}, {comparisons[0].accuracies[0]:.1%}')
    for heading in ('classifier', 'accuracy', 'difference', '95 % over people', 'p', 'p (Holm)'):
        table.add_column(heading, justify='left' if heading == 'classifier' else 'right')
    for c in comparisons:
        table.add_row(
            c.second,
            f'{c.accuracies[1]:.1%}',
            f'{100 * c.difference:+.1f}',
            f'{100 * c.interval[0]:+.1f} to {100 * c.interval[1]:+.1f}',
            f'{c.p_permutation:.4f}',
            f'{c.p_holm:.4f}',
        )
    Console(soft_wrap=True, highlight=False).print(table)
    print('p: exchanging the two classifiers within whole people, two-sided.')
    for c in comparisons:
        if c.p_mcnemar is not None:
            print(f'{c.second}: McNemar p {c.p_mcnemar:.4f}, which takes images for independent.')


if __name__ == '__main__':
    flags.define_comparison()
    flags.start_with_arguments(main)
