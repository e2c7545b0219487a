"""The tested split: whether it can be tested, reading it, and what looks like what taught."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import tensorflow_datasets as tfds

from fer_keras.config.data import DataConfig
from fer_keras.data.datasets import label_names, open_dataset, open_hog_sources, open_sources
from fer_keras.data.image_hashes import HashedImages, unpack
from fer_keras.data.recording import People, make_record, people_of, require_new_people
from fer_keras.data.splits import Source, read_split, require_described
from fer_keras.data.votes import require_described_votes
from fer_keras.errors import InvalidInputError
from fer_keras.evaluation.duplicates import find_duplicates
from fer_keras.provenance.record import TaughtSplit, TrainingRecord


def require_testable(data: DataConfig) -> None:
    """Raises what training or `evaluate` would, as far as the descriptions of the data sets say.

    No op of TensorFlow runs: those of several workers must not before their strategy is made.
    """
    sources = open_sources(data)
    require_described_votes(data, sources)
    names = label_names(sources)
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


def check_people(data: DataConfig, taught: People) -> None:
    """Raises before the training what the test behind it would: that people taught the model.

    Raises:
        InvalidInputError: As `data.recording.require_new_people`.
    """
    target = open_dataset(data.target_name, data.data_dir)
    require_new_people(data, taught, people_of(read_target(target, data, label_names([target]))))


def count_left_out(target: tfds.core.DatasetBuilder, data: DataConfig, tested: int) -> int:
    """Images of classes that the model does not know; of folds nobody counts them."""
    if _fold(data) >= 0:
        return 0
    splits = target.info.splits
    chosen = splits.values() if data.target_split == 'all' else [splits[data.target_split]]
    return int(sum(part.num_examples for part in chosen)) - tested


def split_note(target: tfds.core.DatasetBuilder, data: DataConfig) -> str:
    """What a data set says of the tested split, such as what else it is; empty: nothing."""
    notes = (target.info.metadata or {}).get('split_notes', {})
    return '' if _fold(data) >= 0 else str(notes.get(data.target_split, ''))


def assume_record(data: DataConfig, names: Sequence[str]) -> TrainingRecord | None:
    """Who taught a model that has no record, if it was taught by what `data` says it was.

    Returns:
        None where that is not at hand, as on a machine that has the target alone.
    """
    try:
        sources, hog_sources = open_sources(data), open_hog_sources(data)
        training, validation = (
            read_split(sources, split, names, fold=data.fold) for split in ('train', 'validation')
        )
        others = [read_split([source], 'all', names) for source in hog_sources]
    except (FileNotFoundError, InvalidInputError):
        return None
    builders = [*sources, *hog_sources]
    return make_record(training, validation, others, builders, fold=data.fold)


def find_seen_images(
    record: TrainingRecord, data: DataConfig, names: Sequence[str], tested: HashedImages
) -> pd.DataFrame:
    """Tested images that look like one that taught the model, which alone inflate a number.

    Returns:
        As `duplicates.find_duplicates`. A record has no names of files: they are those of the
        data set where that is at hand, and empty else.
    """
    found = []
    for split in record.splits:
        files, people = _read_names(split, data, names)
        place = f'{split.name} {split.split}'
        known = HashedImages(place, files, people, unpack(split.perceptual_hashes))
        found.append(find_duplicates([known, tested]))
    return pd.concat(found, ignore_index=True) if found else find_duplicates([])


def _read_names(
    split: TaughtSplit, data: DataConfig, names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """File names and people of a split that taught, in its order."""
    nothing = ('',) * split.images
    try:
        builder = open_dataset(split.name, data.data_dir)
        source = read_split([builder], split.split, names, fold=split.fold)
    except (FileNotFoundError, InvalidInputError):
        return nothing, nothing
    described = source.examples.map(lambda e: (e['file_name'], e['subject_id']))
    rows = list(described.as_numpy_iterator())
    if len(rows) != split.images:  # It was built anew.
        return nothing, nothing
    files, people = (tuple(row[i].decode() for row in rows) for i in (0, 1))
    return files, people


def _fold(data: DataConfig) -> int:
    """Folds are of the sources; another set has its own split."""
    return data.fold if data.is_target_a_source else -1
