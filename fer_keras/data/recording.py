"""Makes the record of who teaches a model, and holds a test against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow_datasets as tfds

from fer_keras.config.data import DataConfig
from fer_keras.data.image_hashes import hash_images, pack
from fer_keras.data.splits import Source
from fer_keras.environment import describe_dataset
from fer_keras.errors import InvalidInputError
from fer_keras.provenance.record import (
    CHOSE,
    FITTED,
    TRAINED,
    People,
    TaughtSplit,
    TrainingRecord,
    name_of,
    people_in,
)
from tfds_builders import detectors

_NAMED = 5


def make_record(
    training: Source,
    validation: Source,
    others: Sequence[Source],
    builders: Sequence[tfds.core.DatasetBuilder],
    *,
    fold: int = -1,
    pretrained: Mapping[str, str] | None = None,
) -> TrainingRecord:
    """Reads all images that teach a model once.

    Args:
        training: What trains it.
        validation: What chooses its epoch.
        others: What is fitted besides, all splits of a data set each.
        builders: The data sets of them all.
        fold: The fold that is left for the test; -1: the own split of the data.
        pretrained: As `TrainingRecord.pretrained`.
    """
    known = {name_of(builder.info.full_name): builder for builder in builders}
    used = [(TRAINED, 'train', fold, training), (CHOSE, 'validation', fold, validation)]
    used += [(FITTED, 'all', -1, source) for source in others]
    splits = []
    for role, split, of_fold, source in used:
        hashed = hash_images(split, source.examples)
        places = np.array(hashed.data_sets)
        for name in dict.fromkeys(hashed.data_sets):
            at = np.flatnonzero(places == name)
            named = dict.fromkeys(hashed.subjects[i] for i in at)
            splits.append(
                TaughtSplit(
                    role,
                    known[name].info.full_name,
                    split,
                    of_fold,
                    describe_dataset(known[name])['identity'],
                    tuple(person for person in named if person),
                    _knows_originals(known[name]),
                    hashed.originals[at],
                    pack(hashed.hashes[at]),
                    detector_of(known[name]),
                )
            )
    return TrainingRecord(tuple(splits), dict(pretrained or {}))


def people_of(*sources: Source) -> People:
    """Everyone named in any of them; no picture is decoded."""
    found = set()
    for source in sources:
        described = source.examples.map(lambda e: (e['data_set'], e['subject_id']))
        found |= {(a.decode(), b.decode()) for a, b in described.as_numpy_iterator()}
    return people_in(found)


def require_new_people(data: DataConfig, taught: People, tested: People) -> None:
    """Refuses a test of people who taught the model.

    Args:
        data: What is tested, and whether this is allowed all the same.
        taught: Of the record, or `people_of` what will teach it.
        tested: `people_of` the test.

    Raises:
        InvalidInputError: Somebody taught it, nobody said that this is allowed, and the name of the
            data set does not say it either.
    """
    both = sorted(person for _, person in taught & tested)
    if not both or data.allow_taught_people or data.is_leaky:
        return
    raise InvalidInputError(
        'People who taught the model must not test it. Received: '
        f'{len(both)} of the {len(tested)} people of {data.target_name} {data.target_split}, such '
        f'as {both[:_NAMED]}, are among those who trained it or chose its epoch. If the data set '
        'was built anew, with other people in its splits, build it as it was, or train again. '
        'Otherwise test others, or say --allow_taught_people, and every number will be marked.'
    )


def detector_of(builder: tfds.core.DatasetBuilder) -> str:
    """What found the faces of a prepared set, as a record says it; empty without crops."""
    metadata = builder.info.metadata or {}
    if 'detector' not in metadata and 'box' not in builder.info.features:
        return ''
    return detectors.of_metadata(metadata)


def _knows_originals(builder: tfds.core.DatasetBuilder) -> bool:
    """Whether pixel hashes are those of whole pictures: a set without crops stores these."""
    features = builder.info.features
    return 'pixel_hash' in features or 'box' not in features
