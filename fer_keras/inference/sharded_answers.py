"""Answers for more files than a process reads: a folder of shards, written on Apache Beam."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fer_keras.config.fields import expand_home
from fer_keras.config.inference import PredictionConfig
from fer_keras.errors import InvalidInputError
from fer_keras.files import write_json
from fer_keras.inference.choosing import choose_detector
from fer_keras.inference.folders import Sources, find_sources
from fer_keras.inference.outcome import Outcome
from fer_keras.inference.photos import is_video
from fer_keras.inference.shard_plan import (
    PROGRESS,
    ListedFile,
    Shard,
    ShardPlan,
    hash_files,
    read_plan,
    require_same,
    settings_of,
    write_files,
    write_plan,
)
from fer_keras.inference.shard_writing import ShardCounts, read_counts
from fer_keras.inference.source_answers import decide_following
from fer_keras.inference.trained_files import list_model_files
from fer_keras.inference.videos import camera_of
from fer_keras.pretrained.names import NAMES
from fer_keras.provenance.storage import find_record
from tfds_builders.detectors import MTCNN, Detector
from tfds_builders.how import How
from tfds_builders.locks import hold

SUMMARY = 'summary.json'
# Looking into a file takes a shared volume some milliseconds, in which others can be asked for.
_LOOKING, _AT_A_TIME = 16, 10_000


def answer_in_shards(config: PredictionConfig, inputs: Sequence[str]) -> Outcome:
    """Writes a folder of shards with the rows of the ordinary command; goes on where it was ended.

    Args:
        config: The model, where to write, and how.
        inputs: Pictures, videos, folders or patterns.

    Raises:
        InvalidInputError: There is no input, Beam is missing, or the folder holds answers to
            another question.
        MissingFileError: The model or an input is not there.
        ExistingFileError: The folder holds something else.
        InvalidArchiveError: Beam is not installed, or does not know the runner.
    """
    options = How(beam=config.beam_pipeline_options).pipeline_options()
    if config.format == 'parquet' and importlib.util.find_spec('pyarrow') is None:
        raise InvalidInputError(
            '`format=parquet` needs pyarrow, which Apache Beam brings along. Type: pip install '
            '"fer_keras[beam]"'
        )
    found = find_sources(inputs, config.input_list)
    _require_files(found.names)
    outcome = Outcome(len(found.names), left_out=found.describe_left_out())
    config, detector = _settle_detector(config, outcome)
    folder = os.path.abspath(config.output)
    read_plan(folder)  # Before anything is written to a folder of something else.
    with hold(os.path.join(folder, PROGRESS, 'lock.json'), 'written by a command on Beam'):
        plan = _begin_or_go_on(folder, config, detector, found.names, outcome)
        shards = plan.shards()
        missing = [shard for shard in shards if not plan.is_finished(shard)]
        if len(missing) < len(shards):
            print(
                f'{len(shards) - len(missing)} of {len(shards)} shards are there', file=sys.stderr
            )
        if missing:
            # Here: Beam takes seconds to load, and whoever has all shards need not wait.
            from fer_keras.inference.beam_answers import write_shards

            write_shards(missing, plan, config, options)
        _require_finished(plan, missing)
        shutil.rmtree(plan.unfinished_dir, ignore_errors=True)
        _sum_up(plan, shards, found, outcome)
    return outcome


def _require_files(names: Sequence[str]) -> None:
    if not names:
        raise InvalidInputError('Nothing to look at: give pictures, videos or folders.')
    cameras = [name for name in names if camera_of(name) is not None]
    if cameras:
        raise InvalidInputError(f'Beam reads files, and no cameras. Received: {cameras[0]}.')


def _settle_detector(
    config: PredictionConfig, outcome: Outcome
) -> tuple[PredictionConfig, Detector]:
    """The detector, and the config with its path, absolute: workers need not ask the model.

    Raises:
        InvalidInputError: Faces of a detector taught the model whose file was not given, or the
            one that was given is no detector.
        MissingFileError: Its file is not there.
    """
    if config.crops:
        return config, MTCNN
    detector, note, problem = choose_detector(config.detector, find_record(config.model))
    if detector is None:
        raise InvalidInputError(problem)
    outcome.notes += [note] if note else []
    return dataclasses.replace(config, detector=str(detector)), detector


def _begin_or_go_on(
    folder: str,
    config: PredictionConfig,
    detector: Detector,
    names: Sequence[str],
    outcome: Outcome,
) -> ShardPlan:
    begun = read_plan(folder)
    are_relative = any(not os.path.isabs(name) for name in names)
    wanted = ShardPlan(
        folder=folder,
        model=_absolute(config.model),
        model_hash=hash_files(list_model_files(config.model)),
        settings=settings_of(config, detector.identity),
        start_dir=os.getcwd() if are_relative else '',
    )
    # Files of a folder that goes on need not be looked into again.
    has_videos = begun.has_videos if begun else write_files(wanted, _look_into(names))
    follows = decide_following(config, outcome, has_videos=has_videos)
    wanted = dataclasses.replace(wanted, has_videos=has_videos, follows=follows)
    if begun is None:
        write_plan(wanted)
    else:
        require_same(begun, wanted, names)
    return wanted


def _look_into(names: Sequence[str]) -> Iterator[ListedFile]:
    with concurrent.futures.ThreadPoolExecutor(_LOOKING) as pool:
        # Not all at once: each that waits takes a kilobyte.
        for start in range(0, len(names), _AT_A_TIME):
            yield from pool.map(_look, names[start : start + _AT_A_TIME])


def _look(name: str) -> ListedFile:
    return ListedFile(name, is_video=is_video(name), is_there=os.path.lexists(name))


def _absolute(model: str) -> str:
    return model if model in NAMES else os.path.abspath(expand_home(model))


def _require_finished(plan: ShardPlan, shards: Sequence[Shard]) -> None:
    missing = [shard.name for shard in shards if not plan.is_finished(shard)]
    if missing:
        raise InvalidInputError(
            f'All machines must see {plan.folder} by that name. Received: a pipeline that ended, '
            f'and no {missing[0]} there.'
        )


def _sum_up(plan: ShardPlan, shards: Sequence[Shard], found: Sources, outcome: Outcome) -> None:
    """Adds the counts of all shards to the outcome and writes `summary.json`."""
    outcome.faces = pictures = 0
    listed: list[Mapping[str, Any]] = []
    unreadable: list[Mapping[str, str]] = []
    for shard in shards:
        counts = read_counts(plan, shard)
        # To the number that the ordinary command gives.
        listed.append(_describe(shard, counts, add_to_photo=pictures - shard.first))
        pictures += counts.pictures
        outcome.rows += counts.rows
        outcome.faces += counts.faces
        outcome.problems += [problem for _, problem in counts.unreadable]
        outcome.notes += counts.notes
        unreadable += [{'file': file, 'reason': reason} for file, reason in counts.unreadable]
    summary = {
        'files': outcome.sources,
        'pictures': pictures,
        'rows': outcome.rows,
        'faces': outcome.faces,
        'unreadable': len(unreadable),
        'model': plan.model,
        'model_sha256': plan.model_hash,
        'settings': plan.settings,
        'left_out': dict(found.left_out),
        'unreadable_files': unreadable,
        'notes': outcome.notes,
        'shards': listed,
    }
    write_json(os.path.join(plan.folder, SUMMARY), summary)


def _describe(shard: Shard, counts: ShardCounts, *, add_to_photo: int) -> Mapping[str, Any]:
    return {
        'name': shard.name,
        'files': counts.files,
        'pictures': counts.pictures,
        'rows': counts.rows,
        'faces': counts.faces,
        'add_to_photo': add_to_photo,
    }
