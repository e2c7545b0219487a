"""Exports of a trained run, and whether they answer as the graph that was trained."""

from __future__ import annotations

import os
from typing import Any

import keras
import numpy as np

from fer_keras.config.run import RunConfig
from fer_keras.config.serving import ExportConfig
from fer_keras.data.datasets import open_sources
from fer_keras.data.decoding import decode
from fer_keras.data.splits import read_split
from fer_keras.errors import InvalidInputError
from fer_keras.files import read_json, write_bytes
from fer_keras.models.classifier import load_classifier
from fer_keras.provenance import names as record_names
from fer_keras.provenance.storage import find_record
from fer_keras.run_dir import ReportDir, RunDir
from fer_keras.serving import checks, portable
from fer_keras.serving.model_card import describe_model
from fer_keras.serving.signatures import export_classifier


def export_run(run: RunConfig, options: ExportConfig) -> None:
    """Writes what was asked for inside the run and prints the paths.

    Args:
        run: What the run was trained with.
        options: Which formats, and whether to compare them with the graph that was trained.

    Raises:
        InvalidInputError: A model that cannot be exported, or forms that differ.
        MissingFileError: There is no trained model.
    """
    formats = options.formats
    run_dir = RunDir(run.training.run_dir)
    model = load_classifier(run_dir.model_file)
    names = run_dir.read_labels()
    found = find_record(run_dir.model_file) or find_record(run_dir.path)
    record = found.to_bytes() if found else b''
    version = ''
    if 'saved_model' in formats:
        card = describe_model(names, run, _read_metrics(run_dir), found)
        version = export_classifier(model, names, run_dir.saved_model_dir, card=card, record=record)
        print(version)
    images = np.zeros((0,))
    if options.check or 'tflite' in formats:
        images = _read_images(run, names, options.calibration_images)
    if 'tflite' in formats:
        print(*portable.write_tflite(model, images, run_dir.portable_dir), sep='\n')
    if 'onnx' in formats:
        print(portable.write_onnx(model, run_dir.portable_dir))
    if record and {'tflite', 'onnx'} & set(formats):
        write_bytes(os.path.join(run_dir.portable_dir, record_names.FILE), record)
    if options.check:
        _check(model, run_dir, version, images)


def _read_metrics(run_dir: RunDir) -> dict[str, Any] | None:
    path = ReportDir(run_dir.report_dir()).metrics_file
    return read_json(path) if os.path.isfile(path) else None


def _read_images(run: RunConfig, names: list[str], count: int) -> np.ndarray:
    """float32 `[count, size, size, 3]`, drawn from the training split; fewer if it is smaller."""
    source = read_split(open_sources(run.data), 'train', names, fold=run.data.fold)
    drawn = source.examples.shuffle(source.size, seed=0).take(count)
    decoded = drawn.map(lambda example: decode(example['image'], run.data.image_size_px))
    return np.stack(list(decoded.as_numpy_iterator()))


def _check(model: keras.Model, run_dir: RunDir, version: str, images: np.ndarray) -> None:
    """Compares all forms, prints and writes the table, and raises where they differ too much."""
    files = checks.vary(list(images.astype(np.uint8)), max(checks.BATCHES))
    forms = checks.open_forms(run_dir.model_file, version, run_dir.portable_dir)
    table = checks.compare_forms(model, forms, files)
    table.to_csv(run_dir.parity_file, index=False)
    checks.print_comparison(table)
    print(run_dir.parity_file)
    too_far = table[~table['agrees']]
    if len(too_far):
        raise InvalidInputError(
            'Every form must give the probabilities of the graph that was trained. Received '
            f'larger differences from: {", ".join(sorted(set(too_far["form"])))}.'
        )
