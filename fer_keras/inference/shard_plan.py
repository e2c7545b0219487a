"""Which files are in which shard: written down once, so that a command that was ended goes on.

A folder of shards holds, beside them, the folder `_progress`: `files.jsonl` names all files in
their order, `plan.json` says how they are read and cut, `counts` has a file for each finished
shard, and `unfinished` what is being written. A shard with its own name is whole: it is renamed
once all its rows are on the disk.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

from fer_keras.config.inference import PredictionConfig
from fer_keras.errors import ExistingFileError, InvalidInputError
from fer_keras.files import read_json, whole_file, write_json
from fer_keras.provenance.record import MTCNN

PROGRESS = '_progress'
# What decides the rows and where they lie; `batch_size` decides neither.
_DECIDING = (
    *('crops', 'small_faces', 'every', 'max_frames', 'track', 'search_s', 'smoothing_s'),
    *('format', 'files_a_shard'),
)
# Among them: not the path that was typed, but what lies there.
DETECTOR = 'detector'


class ListedFile(NamedTuple):
    """A file as it was listed.

    Attributes:
        name: As it was given.
        is_video: Whether it is a video.
        is_there: Whether it was there.

    >>> ListedFile('a.jpg').is_video
    False
    """

    name: str
    is_video: bool = False
    is_there: bool = True


class Shard(NamedTuple):
    """A part of the list of files.

    Attributes:
        name: Of its file.
        first: Place of its first file in the list, from 0.
        files: How many there are.
        offset: Where their lines begin in `files.jsonl`, bytes.

    >>> Shard('part-00000-of-00001.jsonl', first=0, files=500, offset=0).files
    500
    """

    name: str
    first: int
    files: int
    offset: int


@dataclasses.dataclass(frozen=True)
class ShardPlan:
    """How the files of a folder of shards are read and cut.

    Attributes:
        folder: Of the shards; absolute, for workers may be elsewhere.
        model: A path, absolute, or a name of the package.
        model_hash: Of its files.
        settings: Those of `PredictionConfig` that decide the rows.
        start_dir: Where relative names start; empty where there are none.
        has_videos: Whether there is a video among the files.
        follows: Whether faces are followed through videos.

    >>> plan = ShardPlan('/answers', 'wild', '0a', {})
    >>> plan.files_path
    '/answers/_progress/files.jsonl'
    """

    folder: str
    model: str
    model_hash: str
    settings: Mapping[str, Any]
    start_dir: str = ''
    has_videos: bool = False
    follows: bool = False

    @property
    def files_path(self) -> str:
        """The list of all files."""
        return os.path.join(self.folder, PROGRESS, 'files.jsonl')

    @property
    def unfinished_dir(self) -> str:
        """Where shards are written before they have their names."""
        return os.path.join(self.folder, PROGRESS, 'unfinished')

    def shard_path(self, name: str) -> str:
        """The file of a whole shard."""
        return os.path.join(self.folder, name)

    def counts_path(self, name: str) -> str:
        """What is known of a whole shard; written before it has its name."""
        return os.path.join(self.folder, PROGRESS, 'counts', f'{name}.json')

    def shards(self) -> list[Shard]:
        """All shards, in their order."""
        with open(self.files_path, 'rb') as file:
            cuts = list(_cut(file, self.settings['files_a_shard']))
        return [
            Shard(
                f'part-{number:05d}-of-{len(cuts):05d}.{self.settings["format"]}',
                first=first,
                files=files,
                offset=offset,
            )
            for number, (first, files, offset) in enumerate(cuts)
        ]

    def is_finished(self, shard: Shard) -> bool:
        """Whether a shard is whole."""
        places = self.shard_path(shard.name), self.counts_path(shard.name)
        return all(map(os.path.isfile, places))

    def read_files(self, shard: Shard) -> list[ListedFile]:
        """The files of a shard."""
        with open(self.files_path, 'rb') as file:
            file.seek(shard.offset)
            return [_parse(line) for line in itertools.islice(file, shard.files)]

    def read_names(self) -> Iterator[str]:
        """The names of all files, in their order."""
        with open(self.files_path, 'rb') as file:
            for line in file:
                yield _parse(line).name


def settings_of(config: PredictionConfig, detector: str) -> dict[str, Any]:
    """The settings that decide the rows; the detector by its `Detector.identity`."""
    return {name: getattr(config, name) for name in _DECIDING} | {DETECTOR: detector}


def read_plan(folder: str) -> ShardPlan | None:
    """What was begun in a folder; None where nothing was.

    Raises:
        ExistingFileError: There is something else in it.
        InvalidInputError: It is damaged.
    """
    place = _plan_path(folder)
    if os.path.isfile(place):
        return ShardPlan(folder=folder, **read_json(place))
    # `_progress` alone: it was ended while it listed.
    if os.path.isdir(folder) and set(os.listdir(folder)) - {PROGRESS}:
        raise ExistingFileError(
            f'{folder} holds other files, and no answers that were begun on Beam. Give a folder '
            'that is empty or new: --output=FOLDER'
        )
    return None


def write_files(plan: ShardPlan, files: Iterable[ListedFile]) -> bool:
    """Writes down all files as they come; returns whether there is a video among them.

    Raises:
        UnwritableFileError: The folder cannot be written to.
    """
    has_videos = False
    with whole_file(plan.files_path) as unfinished, open(unfinished, 'wb') as file:
        for listed in files:
            has_videos |= listed.is_video
            file.write(json.dumps(listed._asdict()).encode() + b'\n')
        file.flush()
        os.fsync(file.fileno())
    return has_videos


def write_plan(plan: ShardPlan) -> None:
    """Writes down the plan, whose files are; from then on the folder is begun.

    Raises:
        UnwritableFileError: The folder cannot be written to.
    """
    content = dataclasses.asdict(plan)
    del content['folder']  # It may be moved.
    write_json(_plan_path(plan.folder), content)


def require_same(begun: ShardPlan, wanted: ShardPlan, names: Iterable[str]) -> None:
    """Raises `InvalidInputError` where a folder holds answers to another question.

    Args:
        begun: What the folder holds.
        wanted: What is asked for now.
        names: Of the files that are asked for now.
    """
    remedy = f'Give another --output, or delete {begun.folder} to begin anew.'
    if begun.model_hash != wanted.model_hash:
        raise InvalidInputError(
            f'{begun.folder} holds answers of another classifier: of {begun.model} '
            f'(SHA-256 {begun.model_hash[:12]}). Received: {wanted.model} '
            f'({wanted.model_hash[:12]}). {remedy}'
        )
    # Answers that were begun before there was a choice are MTCNN's.
    was, now = (
        {DETECTOR: MTCNN, **plan.settings, 'follows': plan.follows} for plan in (begun, wanted)
    )
    other = next((name for name in now if was.get(name) != now[name]), None)
    if other:
        raise InvalidInputError(
            f'{begun.folder} was begun with {other}={was.get(other)}. Received: '
            f'{other}={now[other]}. {remedy}'
        )
    pairs = itertools.zip_longest(begun.read_names(), names)
    for place, (before, after) in enumerate(pairs, start=1):
        if before != after:
            raise InvalidInputError(
                f'{begun.folder} holds answers for other files: number {place} was '
                f'{before or "not there"}. Received: {after or "no more"}. {remedy}'
            )
    if begun.start_dir != wanted.start_dir:
        raise InvalidInputError(
            f'{begun.folder} was begun in {begun.start_dir}, where the names of its files start. '
            f'Received: the same names in {wanted.start_dir}. {remedy}'
        )


def hash_files(paths: Iterable[str]) -> str:
    """SHA-256 of the contents of files, in their order."""
    found = hashlib.sha256()
    for path in paths:
        with open(path, 'rb') as file:
            # Not `hashlib.file_digest`, which Python 3.10 lacks.
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        found.update(digest.digest())
    return found.hexdigest()


def _plan_path(folder: str) -> str:
    return os.path.join(folder, PROGRESS, 'plan.json')


def _parse(line: bytes) -> ListedFile:
    return ListedFile(**json.loads(line))


def _cut(file: BinaryIO, files_a_shard: int) -> Iterator[tuple[int, int, int]]:
    """First file, number of files and offset of each shard; a video has one for itself."""
    first = files = offset = end = 0
    for line in file:
        is_video = _parse(line).is_video
        if files and (is_video or files == files_a_shard):
            yield first, files, offset
            first, files, offset = first + files, 0, end
        files += 1
        end += len(line)
        if is_video:
            yield first, files, offset
            first, files, offset = first + files, 0, end
    if files:
        yield first, files, offset
