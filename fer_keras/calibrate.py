"""Calibrates a trained run: `python -m fer_keras.calibrate --run_dir=RUN`.

One temperature, fitted to the validation split of the source, is kept in the weights; reports and
exports of before do not have it. `--calibrate` does the same at the end of a training.
"""

from __future__ import annotations

from fer_keras import flags
from fer_keras.config.run import RunConfig
from fer_keras.run_dir import RunDir


def main(run: RunConfig) -> None:
    """Fits the temperature, and prints what the calibrated model has on the validation split."""
    from fer_keras.evaluation.calibration import calibrate
    from fer_keras.tables import print_table

    run_dir = RunDir(run.training.run_dir)
    found = calibrate(run, run_dir)
    temperature = found.pop('temperature')
    measures = list(next(iter(found.values())))
    rows = [
        [name.replace('_', ' '), *(f'{values[name]:.4g}' for values in found.values())]
        for name in measures
    ]
    print_table(['validation', *found], rows, title=f'temperature {temperature:.3f}')
    print(run_dir.calibration_file)


if __name__ == '__main__':
    flags.start(main, RunConfig, continues_run=True, shown=('run_dir', 'data_dir', 'batch_size'))
