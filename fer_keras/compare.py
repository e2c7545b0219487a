"""Is one classifier better than another, on the same images?

`python -m fer_keras.compare RUN_A RUN_B [RUN_C ...]` compares each with the first. Seeds of one
classifier are joined by commas: `python -m fer_keras.compare a_0,a_1,a_2 b_0,b_1,b_2`.
"""

from __future__ import annotations

from collections.abc import Sequence

from fer_keras import flags
from fer_keras.config.evaluation import ComparisonConfig


def main(options: ComparisonConfig, runs: Sequence[str]) -> None:
    """Prints the table, and writes it as CSV where `--output` says so."""
    from fer_keras.evaluation.comparison import compare
    from fer_keras.evaluation.predictions import read_predictions
    from fer_keras.evaluation.printing import print_comparisons, write_comparisons

    seeds = {run: run.split(',') for run in runs}
    comparisons = compare(
        {run: [read_predictions(one, options.evaluation) for one in seeds[run]] for run in runs}
    )
    print_comparisons(comparisons)
    if options.output:
        write_comparisons(comparisons, options.output)


if __name__ == '__main__':
    flags.start(main, ComparisonConfig, arguments='RUN RUN ...', needs_tensorflow=False)
