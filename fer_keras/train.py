"""Trains and tests: `python -m fer_keras.train --flagfile=experiments/cross.flags`."""

from __future__ import annotations

from fer_keras import flags
from fer_keras.evaluation.printing import print_report
from fer_keras.evaluation.report import evaluate
from fer_keras.evaluation.target import require_testable
from fer_keras.run_dir import RunDir
from fer_keras.training.session import train


def main() -> None:
    """Trains, tests the best epoch on the target, and writes the report."""
    run = flags.read_run()
    run_dir = RunDir(run.training.run_dir)
    require_testable(run.data)  # Before the hours of training, not after them.
    if not train(run, run_dir):
        return  # One of several workers has the report.
    metrics = evaluate(run, run_dir, run_dir.report_dir())
    print_report(metrics, run_dir.report_dir())


if __name__ == '__main__':
    flags.define_run()
    flags.start(main)
