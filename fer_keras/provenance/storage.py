"""Where the record of who taught a model lies.

A run has it in a file, a `.keras` file as one more member of its archive, a SavedModel among its
assets, a TFLite or ONNX file inside it; those of earlier versions have it beside them.
"""

from __future__ import annotations

import os
import pathlib
import zipfile

from fer_keras.pretrained.names import locate
from fer_keras.provenance.enclosed import read_enclosed
from fer_keras.provenance.names import FILE, IN_SAVED_MODEL, MODEL_IN_RUN
from fer_keras.provenance.record import TrainingRecord


def find_record(model: str | os.PathLike[str]) -> TrainingRecord | None:
    """The record that travels with a model; None where there is none.

    Args:
        model: A run folder, a `.keras` file, a SavedModel (its numbered folder, or the one above),
            an exported file, or the name of a classifier of the package.

    Raises:
        InvalidInputError: It is damaged.
    """
    path = pathlib.Path(locate(model)).expanduser()
    enclosed = read_enclosed(path)
    if enclosed:
        record = enclosed.get(FILE)
        return None if record is None else TrainingRecord.from_bytes(record, str(path))
    archives, places = [], []
    if path.suffix == '.keras':
        archives, places = [path], [path.parent.parent / FILE]  # RUN/checkpoints/best.keras
    elif path.is_file():
        places = [path.parent / FILE]
    else:
        versions = [child for child in path.glob('*') if child.name.isdigit()]
        newest = sorted(versions, key=lambda child: int(child.name))[-1:]
        places = [path / FILE, *(folder / IN_SAVED_MODEL for folder in (path, *newest))]
        archives = [path / MODEL_IN_RUN]
    for archive in archives:
        member = _read_member(archive)
        if member is not None:
            return TrainingRecord.from_bytes(member, str(archive))
    file = next((file for file in places if file.is_file()), None)
    return None if file is None else TrainingRecord.from_bytes(file.read_bytes(), str(file))


def add_to_archive(keras_file: str, record: bytes) -> None:
    """Adds the record to a `.keras` file, which is a ZIP archive: Keras passes over it."""
    with zipfile.ZipFile(keras_file, 'a') as archive:
        archive.writestr(FILE, record)


def _read_member(keras_file: pathlib.Path) -> bytes | None:
    try:
        with zipfile.ZipFile(keras_file) as archive:
            return archive.read(FILE) if FILE in archive.namelist() else None
    except (zipfile.BadZipFile, OSError):
        return None  # Loading the model says what is wrong with it.
