"""Where a trained classifier lies: in the package, in a run, in its `.keras` file."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fer_keras.config.fields import as_values, expand_home
from fer_keras.config.former import read_flags
from fer_keras.config.model import ModelConfig
from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.pretrained.names import NAMES, is_portable, locate
from fer_keras.provenance.record import TrainingRecord
from fer_keras.provenance.storage import find_record
from fer_keras.run_dir import RunDir
from tfds_builders import expressions

if TYPE_CHECKING:
    import keras


class Loaded(NamedTuple):
    """A classifier in memory, whatever it was read from.

    Attributes:
        probabilities_of: From uint8 `[n, height, width, 3]`, RGB, to float32 `[n, classes]`.
        names: Of the classes.
        load_model: Gives the Keras model; None where an exported form answers.
        record: Who taught it; None where that is not recorded.

    >>> Loaded(lambda images: np.full((len(images), 2), 0.5), ['sad', 'happy']).record
    """

    probabilities_of: Callable[[np.ndarray], np.ndarray]
    names: Sequence[str]
    load_model: Callable[[], keras.Model] | None = None
    record: TrainingRecord | None = None


@dataclasses.dataclass(frozen=True)
class TrainedFiles:
    """A `.keras` file, and the run that it is of.

    Attributes:
        model_file: The file.
        run_dir: Has the names of its classes, and the flags that it was trained with.
        name: Of a classifier of the package; of others, where it lies.

    >>> TrainedFiles('runs/cross/checkpoints/best.keras', RunDir('runs/cross')).name
    'runs/cross/checkpoints/best.keras'
    """

    model_file: str
    run_dir: RunDir
    name: str = ''

    def __post_init__(self) -> None:
        object.__setattr__(self, 'name', self.name or self.model_file)

    def read_labels(self) -> list[str]:
        """The class of each output.

        Raises:
            MissingFileError: They are not there.
            InvalidInputError: They are in another order than that of the data sets.
        """
        if not os.path.isfile(self.run_dir.labels_file):
            raise MissingFileError(
                f'The names of the classes must lie in {self.run_dir.labels_file}: a model file '
                'has none. Give the run folder, or a SavedModel, which holds them.'
            )
        names = self.run_dir.read_labels()
        require_canonical_order(names, self.run_dir.labels_file)
        return names

    def read_record(self) -> TrainingRecord | None:
        """Who taught it; None where that is not recorded."""
        return find_record(self.model_file) or find_record(self.run_dir.path)

    def read_flags(self) -> dict[str, str]:
        """The settings of its network, each as a flag takes it; empty where no run says them."""
        if not os.path.isfile(self.run_dir.flags_file):
            return {}
        with open(self.run_dir.flags_file, encoding='utf-8') as file:
            values = read_flags(file.read())
        return {name: values[name] for name in as_values(ModelConfig()) if name in values}


def find_portable(path: str | os.PathLike[str]) -> pathlib.Path | None:
    """An ONNX or TFLite file, by its name; None: it is none."""
    file = pathlib.Path(expand_home(locate(path)))
    return file if is_portable(file) and file.is_file() else None


def find_exported(path: str | os.PathLike[str]) -> pathlib.Path | None:
    """The folder of a SavedModel: this one, or the newest version in it; None without one."""
    folder = pathlib.Path(expand_home(locate(path)))
    if (folder / 'saved_model.pb').is_file():
        return folder
    versions = [file.parent for file in folder.glob('*/saved_model.pb')]
    numbered = [version for version in versions if version.name.isdigit()]
    return max(numbered, key=lambda version: int(version.name), default=None)


def find_trained(path: str | os.PathLike[str]) -> TrainedFiles:
    """Finds the files of a run folder, of the `.keras` file in one, or of the package by its name.

    Raises:
        MissingFileError: There is none.
        InvalidInputError: It is an exported form, which answers and shows nothing of itself.
    """
    folder = pathlib.Path(expand_home(locate(path)))
    if folder.suffix == '.keras' and folder.is_file():
        return TrainedFiles(str(folder), RunDir(str(folder.absolute().parent.parent)))
    run_dir = RunDir(str(folder))
    if os.path.isfile(run_dir.model_file):
        return TrainedFiles(run_dir.model_file, run_dir, str(path) if path in NAMES else '')
    is_portable_file = find_portable(folder) is not None
    if is_portable_file or find_exported(folder):
        kind = 'an ONNX or TFLite file' if is_portable_file else 'a SavedModel'
        raise InvalidInputError(
            'The Keras model itself is needed, a run folder or its .keras file. Received: '
            f'{path}, {kind}, which only answers.'
        )
    raise MissingFileError(
        f'{folder} is neither a run folder, nor a .keras file, nor a SavedModel, nor an .onnx or '
        '.tflite file. Give what `python -m fer_keras.train --run_dir=...` or `python -m '
        f'fer_keras.export` wrote, or the name of a classifier of the package: {", ".join(NAMES)}.'
    )


def list_model_files(path: str | os.PathLike[str]) -> list[str]:
    """The files that decide what a classifier answers, in a fixed order.

    Raises:
        MissingFileError: There is none.
    """
    portable = find_portable(path)
    if portable:
        return [str(portable)]
    exported = find_exported(path)
    if exported:
        return [str(file) for file in sorted(exported.rglob('*')) if file.is_file()]
    trained = find_trained(path)
    names = trained.run_dir.labels_file
    return [trained.model_file, *([names] if os.path.isfile(names) else [])]


def require_canonical_order(names: Sequence[str], where: str) -> None:
    """Raises `InvalidInputError` where label names are not in the order of every model here."""
    expected = [name for name in expressions.CLASS_NAMES if name in names]
    if list(names) != expected:
        raise InvalidInputError(
            f'{where} must name the classes in the canonical order, as training wrote them: the '
            f'probabilities would be read as others. Received: {list(names)}, expected: {expected}.'
        )
