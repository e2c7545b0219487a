"""Exports a trained run for TF Serving, and for machines without TensorFlow.

`python -m fer_keras.export --run_dir=RUN [--formats=saved_model,tflite,onnx] [--check]`
"""

from __future__ import annotations

from fer_keras import flags
from fer_keras.config.run import RunConfig
from fer_keras.config.serving import ExportConfig


def main(run: RunConfig, options: ExportConfig) -> None:
    """Writes what was asked for inside the run and prints the paths."""
    from fer_keras.serving.exporting import export_run

    export_run(run, options)


if __name__ == '__main__':
    flags.start(main, RunConfig, ExportConfig, continues_run=True, shown=('run_dir', 'data_dir'))
