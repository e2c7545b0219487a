"""Tests a trained run on any prepared data set.

`python -m fer_keras.evaluate --run_dir=RUN --target=rafd/frontal_faces --target_split=all`
"""

from __future__ import annotations

from fer_keras import flags
from fer_keras.evaluation.report import evaluate, print_report
from fer_keras.run_dir import RunDir


def main() -> None:
    """Tests the best epoch on the target and writes a report of its own."""
    run = flags.read_run()
    run_dir = RunDir(run.training.run_dir)
    name = '_'.join([*run.data.target_name.split('/'), run.data.target_split])
    metrics = evaluate(run, run_dir, run_dir.report_dir(name))
    print_report(metrics, run_dir.report_dir(name))


if __name__ == '__main__':
    flags.define_run()
    flags.start(main, continues_run=True)
