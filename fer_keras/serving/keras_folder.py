"""A trained classifier to hand on: half the size, and without what is of one machine alone."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile

import h5py
import numpy as np

from fer_keras.config.fields import as_values, leaves_of
from fer_keras.config.run import RunConfig
from fer_keras.files import read_json, whole_file, write_json, write_text
from fer_keras.inference.trained_files import TrainedFiles
from fer_keras.models.classifier import load_classifier
from fer_keras.provenance.record import TrainingRecord
from fer_keras.provenance.storage import add_to_archive
from fer_keras.run_dir import ReportDir, RunDir

_WEIGHTS = 'model.weights.h5'
_LARGEST_HALF = float(np.finfo(np.float16).max)


def write_keras_folder(
    trained: TrainedFiles,
    run: RunConfig,
    folder: str,
    *,
    card: str,
    record: TrainingRecord | None,
) -> str:
    """Writes a folder laid out as that of a run, that every command takes which takes a model.

    Kernels are kept in float16 and calculate in float32; scales, offsets and statistics, which are
    few and sensitive, stay in float32. Nothing of the optimizer is kept, and no path.

    Args:
        trained: The classifier.
        run: What it was trained with.
        folder: Where to write; files of the same names are replaced.
        card: The model card.
        record: Who taught it, if that is known.

    Returns:
        The folder.
    """
    known, written = trained.run_dir, RunDir(folder)
    with whole_file(written.model_file) as unfinished, tempfile.TemporaryDirectory() as exact:
        load_classifier(trained.model_file).save(os.path.join(exact, 'exact.keras'))
        _halve(os.path.join(exact, 'exact.keras'), unfinished)
        if record:
            add_to_archive(unfinished, record.without_folders().to_bytes())
    write_text(written.labels_file, ''.join(f'{name}\n' for name in known.read_labels()))
    if os.path.isfile(known.flags_file):
        write_text(written.flags_file, _flags_without_paths(run))
    write_text(written.card_file, card)
    if os.path.isfile(known.calibration_file):
        write_json(written.calibration_file, read_json(known.calibration_file))
    if os.path.isfile(_metrics_file(known)):
        metrics = read_json(_metrics_file(known))
        metrics.get('taught', {})['pretrained'] = {}  # The record in the model says it.
        write_json(_metrics_file(written), metrics)
    return folder


def _halve(keras_file: str, written: str) -> None:
    """Copies a `.keras` file, compressed, with kernels in float16."""
    with zipfile.ZipFile(keras_file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[_WEIGHTS] = _halve_kernels(members[_WEIGHTS])
    with zipfile.ZipFile(written, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _halve_kernels(weights: bytes) -> bytes:
    """An HDF5 file whose matrices and filters are in float16, where its range has them."""
    written = io.BytesIO()
    with h5py.File(io.BytesIO(weights)) as known, h5py.File(written, 'w') as file:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                made = file.require_group(name)
            else:
                values = item[()]
                is_kernel = values.dtype == np.float32 and values.ndim > 1
                fits = is_kernel and np.abs(values).max(initial=0) <= _LARGEST_HALF
                made = file.create_dataset(name, data=values.astype(np.float16) if fits else values)
            made.attrs.update(item.attrs)

        file.attrs.update(known.attrs)
        known.visititems(copy)
    return written.getvalue()


def _flags_without_paths(run: RunConfig) -> str:
    """The flags of a run but for places on the machine that trained it."""
    values = as_values(run)
    paths = {field.name for field, known in leaves_of(RunConfig) if known.is_path}
    kept = {
        name: value
        for name, value in values.items()
        if name not in paths or os.path.basename(value) == value
    }
    return ''.join(f'--{name}={value}\n' for name, value in kept.items())


def _metrics_file(run_dir: RunDir) -> str:
    return ReportDir(run_dir.report_dir()).metrics_file
