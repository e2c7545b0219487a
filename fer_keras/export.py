"""Exports a trained run for TF Serving: `python -m fer_keras.export --run_dir=RUN`."""

from __future__ import annotations

from fer_keras import flags
from fer_keras.models.classifier import load_classifier
from fer_keras.run_dir import RunDir
from fer_keras.serving.signatures import export_classifier


def main() -> None:
    """Writes the next numbered version under `RUN/saved_model` and prints its path."""
    run_dir = RunDir(flags.read_run().training.run_dir)
    path = export_classifier(
        load_classifier(run_dir.model_file), run_dir.read_labels(), run_dir.saved_model_dir
    )
    print(path)


if __name__ == '__main__':
    flags.define_run()
    flags.start(main, continues_run=True)
