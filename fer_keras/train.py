"""Trains a classifier and tests it: `python -m fer_keras.train --flagfile=experiments/cross.flags`.

The epoch is chosen on the source's validation split; the report is on the target.
"""

from __future__ import annotations

import functools

from fer_keras import flags
from fer_keras.config.run import RunConfig
from fer_keras.run_dir import RunDir


def main(run: RunConfig) -> None:
    """Trains, tests the best epoch on the target, and writes the report."""
    from fer_keras.evaluation.calibration import calibrate
    from fer_keras.evaluation.printing import print_report
    from fer_keras.evaluation.report import evaluate
    from fer_keras.evaluation.target import check_people, require_testable
    from fer_keras.training.session import train

    run_dir = RunDir(run.training.run_dir)
    require_testable(run.data)  # Before the hours of training, not after them.
    check = functools.partial(check_people, run.data)
    if train(run, run_dir, check_people=check):  # Of several workers one has the report.
        if run.training.calibrate:
            temperature = calibrate(run, run_dir)['temperature']
            print(f'temperature {temperature:.3f}, in {run_dir.calibration_file}', flush=True)
        metrics = evaluate(run, run_dir, run_dir.report_dir())
        print_report(metrics, run_dir.report_dir())


if __name__ == '__main__':
    flags.start(main, RunConfig, trains=True)
