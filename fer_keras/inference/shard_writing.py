"""Answers for the files of one shard, written whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import socket
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from fer_keras.config.inference import PredictionConfig
from fer_keras.errors import MissingFileError, UserError
from fer_keras.files import read_json, write_json
from fer_keras.inference.answers import AnswerFile
from fer_keras.inference.photos import Picture
from fer_keras.inference.predictor import Predictor
from fer_keras.inference.shard_plan import ListedFile, Shard, ShardPlan
from fer_keras.inference.source_answers import AnsweredPictures, answer_sources
from tfds_builders.errors import InvalidDetectorError

if TYPE_CHECKING:
    from fer_keras.inference.parquet_answers import ParquetAnswerFile

_UNANSWERED = 'cannot be answered: {}: {}'
# Of the machine, whatever the picture: the shard is tried again, by Beam or by the next command.
_OF_MACHINE = (
    *(UserError, InvalidDetectorError, OSError, MemoryError),
    *(tf.errors.ResourceExhaustedError, tf.errors.InternalError, tf.errors.UnavailableError),
)


@dataclasses.dataclass
class ShardCounts:
    """What is in a shard.

    Attributes:
        files: How many were asked for.
        pictures: Photos, frames, and what could not be read.
        rows: How many.
        faces: How many.
        unreadable: File and reason of each that could not be read, or of which the rest could not.
        notes: What is to be said of pictures that were read.

    >>> ShardCounts(files=2, unreadable=[('a.jpg', 'a.jpg is damaged')]).faces
    0
    """

    files: int
    pictures: int = 0
    rows: int = 0
    faces: int = 0
    unreadable: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    def add(self, answered: AnsweredPictures) -> None:
        """Adds a few pictures."""
        self.pictures += len(answered.pictures)
        self.rows += len(answered.table)
        self.faces += int((answered.table['face'] >= 0).sum())
        self.unreadable += [
            (one.source, one.problem) for one in answered.pictures if one.image is None
        ]
        self.notes += [one.note for one in answered.pictures if one.note]


def read_counts(plan: ShardPlan, shard: Shard) -> ShardCounts:
    """What is in a shard that is finished.

    Raises:
        InvalidInputError: The file is damaged.
    """
    return ShardCounts(**read_json(plan.counts_path(shard.name)))


def write_shard(
    predictor: Predictor, plan: ShardPlan, shard: Shard, config: PredictionConfig
) -> None:
    """Writes a shard, unless it is finished: Beam may ask for one twice, and at once.

    Where anything but reading fails with one picture, that picture is listed and the others are
    answered.

    Raises:
        MissingFileError: This machine does not see the files.
        UnwritableFileError: The folder cannot be written to.
    """
    if plan.is_finished(shard):
        return
    _find_start(plan)
    listed = plan.read_files(shard)
    _require_seen(shard, listed)
    sources = [file.name for file in listed]
    try:
        _write(
            predictor,
            plan,
            shard,
            answer_sources(
                predictor, sources, config, follows=plan.follows, first_photo=shard.first
            ),
        )
    except Exception as error:
        if isinstance(error, _OF_MACHINE):
            raise
        _write(predictor, plan, shard, _one_by_one(predictor, plan, shard, sources, config))


def _find_start(plan: ShardPlan) -> None:
    """Goes where relative names start: rows and reasons name files as they were given."""
    if plan.start_dir and os.getcwd() != plan.start_dir:
        os.chdir(plan.start_dir)


def _require_seen(shard: Shard, listed: Sequence[ListedFile]) -> None:
    """Raises where not a single file is here: each would else be listed as one that is missing."""
    were_there = [file.name for file in listed if file.is_there]
    folders = {os.path.dirname(os.path.abspath(name)) for name in were_there}
    if folders and not any(map(os.path.isdir, folders)):
        raise MissingFileError(
            f'{were_there[0]} and the other files of {shard.name} are not on '
            f'{socket.gethostname()}. All machines must see them by the names that were given.'
        )


def _one_by_one(
    predictor: Predictor,
    plan: ShardPlan,
    shard: Shard,
    sources: Sequence[str],
    config: PredictionConfig,
) -> Iterator[AnsweredPictures]:
    """As `answer_sources`; a file that cannot be answered is one that cannot be read."""
    photo, failures = shard.first, 0
    for source in sources:
        try:
            for answered in answer_sources(
                predictor, [source], config, follows=plan.follows, first_photo=photo
            ):
                photo = answered.next_photo
                yield answered
        except Exception as error:
            failures += 1
            # With all of them it is not the pictures.
            if isinstance(error, _OF_MACHINE) or failures == len(sources) > 1:
                raise
            reason = _UNANSWERED.format(type(error).__name__, ' '.join(str(error).split())[:300])
            failed = [Picture(source, None, None, f'{source} {reason}')]
            table = predictor.predict_pictures(failed, first_photo=photo)
            photo += 1
            yield AnsweredPictures(failed, table, photo - 1)


def _write(
    predictor: Predictor, plan: ShardPlan, shard: Shard, answers: Iterable[AnsweredPictures]
) -> None:
    stem, suffix = os.path.splitext(shard.name)
    # In a folder of its own: readers of the folder above take all that is in it.
    os.makedirs(plan.unfinished_dir, exist_ok=True)
    unfinished = os.path.join(plan.unfinished_dir, f'{stem}-{secrets.token_hex(8)}{suffix}')
    counts = ShardCounts(shard.files)
    try:
        with _open(unfinished, predictor.names, of_video=plan.follows) as file:
            for answered in answers:
                file.write(answered.table)
                counts.add(answered)
        _reach_disk(unfinished)
        write_json(plan.counts_path(shard.name), dataclasses.asdict(counts))
        os.replace(unfinished, plan.shard_path(shard.name))
    finally:
        with contextlib.suppress(OSError):
            os.remove(unfinished)


def _open(path: str, names: Sequence[str], *, of_video: bool) -> AnswerFile | ParquetAnswerFile:
    if not path.endswith('.parquet'):
        return AnswerFile(path, names, of_video=of_video)
    # Here: JSON Lines need no pyarrow.
    from fer_keras.inference.parquet_answers import ParquetAnswerFile

    return ParquetAnswerFile(path, names, of_video=of_video)


def _reach_disk(path: str) -> None:
    """Waits until a file is on the disk: its name must not be there before its rows."""
    file = os.open(path, os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)
