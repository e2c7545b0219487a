"""Prepared data sets: opened by name, and the classes that they have."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import read_only_builder

from fer_keras.config.data import DataConfig
from fer_keras.errors import InvalidInputError, MissingFileError
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
        set_name, _, config = name.partition('/')
        with_config = f' --config={config}' if config else ''
        kinds = [name for name in KINDS if f'_{name}' in config]
        with_config += f' --detector={kinds[0]}:FILE' if kinds else ''
        raise MissingFileError(
            f'{name} is not prepared in {directory}. Build it with: '
            f'python -m tfds_builders.build {set_name}{with_config} '
            f'--data_dir={directory} --manual_dir=FOLDER_OF_THE_ARCHIVES (where it has archives)'
        ) from error


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


def require_canonical_order(names: Sequence[str], where: str) -> None:
    """Raises `InvalidInputError` where label names are not in the order of every model here."""
    expected = [name for name in expressions.CLASS_NAMES if name in names]
    if list(names) != expected:
        raise InvalidInputError(
            f'{where} must name the classes in the canonical order, as training wrote them: the '
            f'probabilities would be read as others. Received: {list(names)}, expected: {expected}.'
        )
