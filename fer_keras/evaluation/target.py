"""The tested split: whether it can be tested, reading it, and what of it the model has seen."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import tensorflow_datasets as tfds

from fer_keras.config.data import DataConfig
from fer_keras.data.datasets import label_names, open_dataset, open_hog_sources, open_sources
from fer_keras.data.splits import Source, read_split, require_described
from fer_keras.evaluation.duplicates import find_duplicates, hash_images


def require_testable(data: DataConfig) -> None:
    """Raises what training or `evaluate` would, as far as the descriptions of the data sets say.

    No op of TensorFlow runs: those of several workers must not before their strategy is made.
    """
    names = label_names(open_sources(data))
    open_hog_sources(data)
    target = open_dataset(data.target_name, data.data_dir)
    require_described([target], data.target_split, names, _fold(data))


def read_target(
    target: tfds.core.DatasetBuilder, data: DataConfig, names: Sequence[str], maps_folder: str = ''
) -> Source:
    """The tested images, of the classes that the model knows.

    Args:
        target: The data set.
        data: Which split or fold of it.
        names: Label names in the model's order.
        maps_folder: Folder of a saliency map for each image, or empty.

    Raises:
        ValueError: As `data.splits.read_split`.
    """
    return read_split([target], data.target_split, names, maps_folder, _fold(data))


def count_left_out(target: tfds.core.DatasetBuilder, data: DataConfig, tested: int) -> int:
    """Images of classes that the model does not know; of folds nobody counts them."""
    if _fold(data) >= 0:
        return 0
    splits = target.info.splits
    chosen = splits.values() if data.target_split == 'all' else [splits[data.target_split]]
    return int(sum(part.num_examples for part in chosen)) - tested


def find_seen_images(data: DataConfig, names: Sequence[str], tested: Source) -> pd.DataFrame | None:
    """Tested images that look like one that trained or validated, which alone inflate a number.

    Returns:
        As `duplicates.find_duplicates`; None where what was trained on is not at hand, as on a
        machine that has the target alone.
    """
    try:
        sources, hog_sources = open_sources(data), open_hog_sources(data)
    except FileNotFoundError:
        return None
    known = {
        f'{data.source} {split}': read_split(sources, split, names, fold=data.fold)
        for split in ('train', 'validation')
    }
    if hog_sources:
        known[f'{data.hog_source} all'] = read_split(hog_sources, 'all', names)
    test = hash_images(f'{data.target_name} {data.target_split}', tested.examples)
    found = [
        find_duplicates([hash_images(place, split.examples), test])
        for place, split in known.items()
    ]
    return pd.concat(found, ignore_index=True)


def _fold(data: DataConfig) -> int:
    """Folds are of the sources; another set has its own split."""
    return data.fold if data.is_target_a_source else -1
