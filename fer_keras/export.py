"""Exports a classifier for TF Serving, for machines without TensorFlow, and to hand on.

`python -m fer_keras.export --run_dir=RUN [--formats=saved_model,keras,tflite,onnx] [--check]`
`python -m fer_keras.export --model=wild`
"""

from __future__ import annotations

from fer_keras import flags
from fer_keras.config.run import RunConfig
from fer_keras.config.serving import ExportConfig


def main(run: RunConfig, options: ExportConfig) -> None:
    """Writes what was asked for and prints the paths."""
    from fer_keras.serving.exporting import export_run

    export_run(run, options)


if __name__ == '__main__':
    flags.start(main, RunConfig, ExportConfig, continues_run=True, shown=('run_dir', 'data_dir'))
