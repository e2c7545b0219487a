"""Prepared data sets: opened by name, and the classes that they have."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import read_only_builder

from fer_keras.config.data import DataConfig
from fer_keras.errors import MissingFileError
from tfds_builders import expressions
from tfds_builders.detectors import KINDS


def open_dataset(name: str, data_dir: str) -> tfds.core.DatasetBuilder:
    """Opens prepared data.

    Args:
        name: `name/config`, such as `cfee/basic_faces`.
        data_dir: Folder of the prepared data sets; `~` is expanded.

    Raises:
        MissingFileError: It has not been built there; says what to type.
    """
    directory = epath.Path(data_dir).expanduser()
    try:
        return read_only_builder.builder_from_files(name, data_dir=directory)
    except tfds.core.DatasetNotFoundError as error:
        raise MissingFileError(
            f'{name} is not prepared in {directory}. Give the --data_dir in which it was built, or '
            f'build it: {_build_command(name, directory)}'
        ) from error


def _build_command(name: str, directory: epath.Path) -> str:
    """What to type to build `name/config` in a folder."""
    set_name, _, config = name.partition('/')
    own = set_name == 'expression_folders'
    kinds = [kind for kind in KINDS if f'_{kind}' in config]
    flags = [f'--config={config}'] if config else []
    flags += [f'--detector={kinds[0]}:FILE'] if kinds else []
    flags += [f'--data_dir={directory}']
    flags += [] if own else ['--manual_dir=FOLDER_OF_THE_ARCHIVES (where it has archives)']
    asked = f'{set_name}=FOLDER_OF_PHOTOS' if own else set_name
    return ' '.join(['python -m tfds_builders.build', asked, *flags])


def open_sources(data: DataConfig) -> list[tfds.core.DatasetBuilder]:
    """Opens every data set to train on."""
    return [open_dataset(name, data.data_dir) for name in data.source_names]


def open_hog_sources(data: DataConfig) -> list[tfds.core.DatasetBuilder]:
    """Opens every data set that teaches the branch of histograms alone."""
    return [open_dataset(name, data.data_dir) for name in data.hog_source_names]


def label_names(builders: Sequence[tfds.core.DatasetBuilder]) -> list[str]:
    """The classes of all the data sets, in the canonical order."""
    present = {name for builder in builders for name in builder.info.features['label'].names}
    return [name for name in expressions.CLASS_NAMES if name in present]
