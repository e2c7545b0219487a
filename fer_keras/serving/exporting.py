"""Exports of a trained run, and whether they answer as the graph that was trained."""

from __future__ import annotations

import os
import sys
from typing import Any

import keras
import numpy as np
import pandas as pd

from fer_keras.config.run import RunConfig
from fer_keras.config.serving import ExportConfig
from fer_keras.data.datasets import open_sources
from fer_keras.data.decoding import decode
from fer_keras.data.splits import read_split
from fer_keras.errors import InvalidInputError
from fer_keras.files import read_json
from fer_keras.inference.trained_files import TrainedFiles, find_trained
from fer_keras.models.classifier import load_classifier
from fer_keras.pretrained.names import NAMES
from fer_keras.run_dir import ReportDir, RunDir
from fer_keras.serving import checks, portable
from fer_keras.serving.keras_folder import write_keras_folder
from fer_keras.serving.model_card import describe_model, describe_other_detector
from fer_keras.serving.signatures import export_classifier

# So many face crops are also asked as if they were frames of a video, and looked for faces.
_FRAMES = 8


def export_run(run: RunConfig, options: ExportConfig) -> None:
    """Writes what was asked for and prints the paths.

    Args:
        run: What the model was trained with.
        options: Which formats of which model, and whether to compare them with it.

    Raises:
        InvalidInputError: A model that cannot be exported, or forms that differ.
        MissingFileError: There is no trained model.
    """
    formats = options.formats
    trained = find_trained(options.model or run.training.run_dir)
    written = RunDir(options.output or _place_of(trained))
    model = load_classifier(trained.model_file)
    names = trained.read_labels()
    found = trained.read_record()
    record = found.to_bytes() if found else b''
    is_known = os.path.isfile(trained.run_dir.flags_file)
    card = describe_model(
        names,
        run if is_known else None,
        _read_metrics(trained.run_dir),
        found,
        detector=options.detector,
    )
    version = ''
    if 'saved_model' in formats:
        version = export_classifier(
            model,
            names,
            written.saved_model_dir,
            card=card,
            record=record,
            detector=options.detector,
        )
        print(version)
        if note := describe_other_detector(found, options.detector):
            print(f'note: {note}', end='', file=sys.stderr)
    if 'keras' in formats:
        print(write_keras_folder(trained, run, written.keras_dir, card=card, record=found))
    images = np.zeros((0,))
    if options.check or ('tflite' in formats and options.calibration_images):
        images = _read_images(run, names, options.calibration_images or 1)
    if 'tflite' in formats:
        calibration = images[: options.calibration_images]
        print(
            *portable.write_tflite(model, names, calibration, written.portable_dir, record),
            sep='\n',
        )
    if 'onnx' in formats:
        print(portable.write_onnx(model, names, written.portable_dir, record))
    if options.check:
        _check(model, trained, written, version, images, options.detector)


def _place_of(trained: TrainedFiles) -> str:
    """Where its exports go: into its run, or for one of the package into the current folder."""
    return trained.name if trained.name in NAMES else trained.run_dir.path


def _read_metrics(run_dir: RunDir) -> dict[str, Any] | None:
    path = ReportDir(run_dir.report_dir()).metrics_file
    return read_json(path) if os.path.isfile(path) else None


def _read_images(run: RunConfig, names: list[str], count: int) -> np.ndarray:
    """float32 `[count, size, size, 3]`, drawn from the training split; fewer if it is smaller."""
    source = read_split(open_sources(run.data), 'train', names, fold=run.data.fold)
    drawn = source.examples.shuffle(source.size, seed=0).take(count)
    decoded = drawn.map(lambda example: decode(example['image'], run.data.image_size_px))
    return np.stack(list(decoded.as_numpy_iterator()))


def _check(
    model: keras.Model,
    trained: TrainedFiles,
    written: RunDir,
    version: str,
    images: np.ndarray,
    detector: str,
) -> None:
    """Compares all forms, prints and writes the table, and raises where they differ too much."""
    pixels = images.astype(np.uint8)
    files = checks.vary(list(pixels), max(checks.BATCHES))
    handed_on = RunDir(written.keras_dir).model_file
    forms = checks.open_forms(trained.model_file, version, written.portable_dir, handed_on)
    table = checks.compare_forms(model, forms, files)
    if version:
        of_frames = checks.compare_frames(model, version, pixels[:_FRAMES], detector)
        table = pd.concat([table, of_frames], ignore_index=True) if len(of_frames) else table
    table.to_csv(written.parity_file, index=False)
    checks.print_comparison(table)
    print(written.parity_file)
    too_far = table[~table['agrees']]
    if len(too_far):
        raise InvalidInputError(
            'Every form must give the probabilities of the graph that was trained. Received '
            f'larger differences from: {", ".join(sorted(set(too_far["form"])))}.'
        )
