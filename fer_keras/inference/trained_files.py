"""Where a trained classifier lies that can be trained further: a run, or its `.keras` file."""

from __future__ import annotations

import dataclasses
import os
import pathlib

from fer_keras.config.fields import as_values, expand_home
from fer_keras.config.former import read_flags
from fer_keras.config.model import ModelConfig
from fer_keras.data.datasets import require_canonical_order
from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.provenance.record import TrainingRecord
from fer_keras.provenance.storage import find_record
from fer_keras.run_dir import RunDir


@dataclasses.dataclass(frozen=True)
class TrainedFiles:
    """A `.keras` file, and the run that it is of.

    >>> TrainedFiles('runs/cross/checkpoints/best.keras', RunDir('runs/cross')).run_dir.path
    'runs/cross'
    """

    model_file: str
    run_dir: RunDir

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


def find_exported(path: str | os.PathLike[str]) -> pathlib.Path | None:
    """The folder of a SavedModel: this one, or the newest version in it; None without one."""
    folder = pathlib.Path(expand_home(os.fspath(path)))
    if (folder / 'saved_model.pb').is_file():
        return folder
    versions = [file.parent for file in folder.glob('*/saved_model.pb')]
    numbered = [version for version in versions if version.name.isdigit()]
    return max(numbered, key=lambda version: int(version.name), default=None)


def find_trained(path: str | os.PathLike[str]) -> TrainedFiles:
    """Finds the files of a run folder, or of the `.keras` file in one.

    Raises:
        MissingFileError: There is none.
        InvalidInputError: It is a SavedModel, which answers and cannot be trained.
    """
    folder = pathlib.Path(expand_home(os.fspath(path)))
    if folder.suffix == '.keras' and folder.is_file():
        return TrainedFiles(str(folder), RunDir(str(folder.absolute().parent.parent)))
    run_dir = RunDir(str(folder))
    if os.path.isfile(run_dir.model_file):
        return TrainedFiles(run_dir.model_file, run_dir)
    if find_exported(folder):
        raise InvalidInputError(
            f'A training must start from a run folder or its .keras file. Received: {path}, a '
            'SavedModel, which answers and cannot be trained.'
        )
    raise MissingFileError(
        f'{folder} is neither a run folder, nor a .keras file, nor a SavedModel. Give what '
        '`python -m fer_keras.train --run_dir=...` or `python -m fer_keras.export` wrote.'
    )
