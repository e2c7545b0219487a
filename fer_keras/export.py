"""Exports a trained run for TF Serving, and for machines without TensorFlow.

`python -m fer_keras.export --run_dir=RUN [--formats=saved_model,tflite,onnx] [--check]`
"""

from __future__ import annotations

from fer_keras import flags
from tfds_builders.quiet import load_tensorflow


def main() -> None:
    """Writes what was asked for inside the run and prints the paths."""
    run, options = flags.read_run(), flags.FLAGS
    # Here, because wrong flags should not wait for TensorFlow.
    load_tensorflow()
    from fer_keras.serving.exporting import export_run

    export_run(
        run,
        formats=options.formats,
        check=options.check,
        calibration_images=options.calibration_images,
    )


if __name__ == '__main__':
    flags.define_run()
    flags.define_export()
    flags.start(main, continues_run=True)
