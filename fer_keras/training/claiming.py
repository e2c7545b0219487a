"""What a run writes before its first step: flags, classes, environment, and who teaches it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow_datasets as tfds

from fer_keras.config.fields import as_flags
from fer_keras.config.run import RunConfig
from fer_keras.data.datasets import open_hog_sources, open_sources
from fer_keras.data.recording import People, make_record, people_of
from fer_keras.data.splits import Source, read_split, trained_label_names
from fer_keras.data.votes import require_votes
from fer_keras.environment import changed_splits, describe_environment
from fer_keras.errors import InvalidInputError
from fer_keras.files import read_json, write_bytes, write_json, write_text
from fer_keras.inference.saliency_contents import read_recorded, record_contents
from fer_keras.inference.trained_files import find_trained
from fer_keras.provenance.record import TrainingRecord
from fer_keras.provenance.storage import find_record
from fer_keras.run_dir import RunDir
from tfds_builders.detectors import describe


@dataclasses.dataclass(frozen=True)
class Taught:
    """What teaches a run.

    Attributes:
        names: Of the classes.
        training: What trains the model.
        validation: What chooses its epoch.
        others: What is fitted besides.

    >>> import tensorflow as tf
    >>> nothing = Source(tf.data.Dataset.range(0), ())
    >>> Taught(['sad', 'happy'], nothing, nothing, []).names
    ['sad', 'happy']
    """

    names: Sequence[str]
    training: Source
    validation: Source
    others: Sequence[Source]


def claim_run(
    run: RunConfig,
    run_dir: RunDir,
    check_people: Callable[[People], None] | None,
    *,
    is_chief: bool,
) -> Taught:
    """Reads what teaches a classifier, and writes what is known before the first step.

    Args:
        run: What is trained on what.
        run_dir: Its folder.
        check_people: Is given everyone named who will teach the model; it raises where they must
            not.
        is_chief: Whether this process writes the files; the others only look.

    Raises:
        ExistingFileError: The folder holds a finished run, or one of other flags.
        InvalidInputError: The run began with other people, images or saliency; or votes shall
            train, and no training image has some.
    """
    sources, hog_sources = open_sources(run.data), open_hog_sources(run.data)
    names = trained_label_names(sources, run.data.fold, run.data.source_share)
    run_dir.refuse_others(as_flags(run))
    recorded = read_recorded(run_dir) if run_dir.has_begun else ''
    training, validation = (
        read_split(sources, split, names, run.model.maps_folder, run.data.fold, share)
        for split, share in (('train', run.data.source_share), ('validation', 1.0))
    )
    require_votes(run.data, sources, training.examples)
    others = [read_split([source], 'all', names) for source in hog_sources]
    taught, builders = Taught(names, training, validation, others), [*sources, *hog_sources]
    record = record_training(run, run_dir, taught, builders) if is_chief else None
    if record and len(record.detectors) > 1:
        found_by = ' and '.join(describe(one) for one in record.detectors)
        print(f'note: the faces of the sources were found by {found_by}.', file=sys.stderr)
    if check_people:
        # The record knows them, without reading everything again.
        check_people(
            record.people
            if record
            else people_of(training, validation, *others) | _initial_people(run)
        )
    claim(run_dir, as_flags(run), builders, names, record, is_chief=is_chief)
    record_contents(run_dir, recorded, run.model, (training, validation), is_chief=is_chief)
    return taught


def claim(
    run_dir: RunDir,
    flags: str,
    builders: Sequence[tfds.core.DatasetBuilder],
    names: Sequence[str] = (),
    record: TrainingRecord | None = None,
    *,
    is_chief: bool,
) -> None:
    """Makes the folder of a run, and writes what is known before the first step.

    Args:
        run_dir: The folder.
        flags: The content of `flags.txt`.
        builders: The data sets.
        names: The classes, where the model has some.
        record: Who teaches it, from `record_training`.
        is_chief: Whether this process writes the files; the others only look.

    Raises:
        ExistingFileError: The folder holds a finished run, or one of other flags.
    """
    if not is_chief:
        run_dir.refuse_others(flags)
        return
    goes_on = run_dir.has_begun
    run_dir.claim(flags)
    if names:
        write_text(run_dir.labels_file, ''.join(f'{name}\n' for name in names))
    before = _read_environment(run_dir) if goes_on else {}
    write_json(run_dir.environment_file, _environment(before, builders))
    if record is not None and not (goes_on and os.path.isfile(run_dir.training_record_file)):
        write_bytes(run_dir.training_record_file, record.to_bytes())


def record_training(
    run: RunConfig,
    run_dir: RunDir,
    taught: Taught,
    builders: Sequence[tfds.core.DatasetBuilder],
) -> TrainingRecord:
    """Who teaches the run: the very people and images with which it began.

    Raises:
        InvalidInputError: They are others: a data set was built anew since it was cut off.
    """
    record = make_record(
        taught.training,
        taught.validation,
        taught.others,
        builders,
        fold=run.data.fold,
        pretrained=_pretrained(run),
    )
    if run.model.initial_weights:
        initial = find_trained(run.model.initial_weights)
        record = record.after(initial.read_record(), _named(initial.model_file, initial.name))
    if not run_dir.has_begun:  # What a start left that failed binds nobody.
        return record
    before = find_record(run_dir.path)
    if before is not None:
        changed = before.differs_from(record)
    else:
        changed = changed_splits(_read_environment(run_dir), builders)
    if changed:
        raise InvalidInputError(
            'A run must go on with the people and images with which it began. Received, in '
            f'{run_dir.path}: {"; ".join(changed)}. Build the data set as it was, or train anew: '
            'choose another --run_dir.'
        )
    return record


def _initial_people(run: RunConfig) -> People:
    """Everyone named who taught the network that a run starts from."""
    if not run.model.initial_weights:
        return frozenset()
    record = find_trained(run.model.initial_weights).read_record()
    return record.people if record else frozenset()


def _pretrained(run: RunConfig) -> dict[str, str]:
    """Where weights come from that are there before the first step."""
    model = run.model
    places = {'saliency': model.saliency}
    if not model.initial_weights:
        places['backbone'] = model.backbone_weights
    if model.saliency_weights:
        places['saliency'] = model.saliency_weights
    return {what: _named(place) for what, place in places.items() if place != 'none'}


def _named(place: str, name: str = '') -> str:
    """A file with the beginning of its hash: another one may come to lie under its name."""
    if not os.path.isfile(place):
        return place
    with open(place, 'rb') as file:
        return f'{name or place} (SHA-256 {hashlib.sha256(file.read()).hexdigest()[:12]})'


def _read_environment(run_dir: RunDir) -> dict[str, Any]:
    """What is known of what a run began in; empty where nothing is."""
    if not os.path.isfile(run_dir.environment_file):
        return {}
    found: dict[str, Any] = read_json(run_dir.environment_file)
    return found


def _environment(
    before: dict[str, Any], builders: Sequence[tfds.core.DatasetBuilder]
) -> dict[str, Any]:
    """What the run began in, and where it went on, if that is another."""
    now = describe_environment(builders)
    if not before:
        return now
    places = [before, *before.get('resumed_in', [])]
    is_known = all(places[-1].get(key) == value for key, value in now.items())
    return before if is_known else {**before, 'resumed_in': [*places[1:], now]}
