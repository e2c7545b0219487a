"""Answers for files, folders, videos and cameras, written as they come."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tqdm import tqdm

import fer_keras
from fer_keras.errors import InvalidInputError
from fer_keras.inference.answers import OK, AnswerFile, check_output
from fer_keras.inference.drawing import OverlayFolder, draw_faces
from fer_keras.inference.photos import (
    LARGEST_PIXELS,
    Picture,
    count_pictures,
    list_sources,
    read_pictures,
)

if TYPE_CHECKING:
    import pandas as pd

    from fer_keras.inference.predictor import Predictor


@dataclasses.dataclass
class Outcome:
    """What came of a table.

    Attributes:
        sources: Files and cameras that were asked for.
        rows: Rows that were written.
        problems: Why sources, or the rest of them, could not be read.
        is_stopped: Whether Ctrl-C ended it.

    >>> Outcome(sources=2, rows=3, problems=['a.jpg is damaged']).exit_status
    1
    """

    sources: int
    rows: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)
    is_stopped: bool = False

    @property
    def exit_status(self) -> int:
        """Of the command: 0 where everything was read, 1 where not, 130 after Ctrl-C."""
        return 130 if self.is_stopped else min(1, len(self.problems))


@dataclasses.dataclass(frozen=True)
class Options:
    """How pictures are answered.

    Attributes:
        crops: The pictures are face crops: do not look for faces.
        small_faces: Look for faces down to a 25th of the longer side; without, to an 11th.
        every: Use every n-th frame of a video.
        max_frames: Used frames of a video or camera; 0: all.
        batch_size: Pictures at a time.
        overlay_dir: Folder for pictures with boxes and labels; empty: none are drawn.

    >>> Options(every=5).batch_size
    8
    """

    crops: bool = False
    small_faces: bool = True
    every: int = 1
    max_frames: int = 0
    batch_size: int = 8
    overlay_dir: str = ''


def answer_files(model: str, inputs: Sequence[str], output: str, options: Options) -> Outcome:
    """Writes one table for all the inputs, as it goes, with the columns of `answers`.

    Args:
        model: What `fer_keras.load` takes.
        inputs: Pictures, videos, folders, patterns, or `camera:0`.
        output: A file that ends in `.csv` or `.jsonl`.
        options: How.

    Raises:
        InvalidInputError: There is no model or no input, or `output` ends otherwise.
        MissingFileError: The model or an input is not there.
        UnwritableFileError: `output` cannot be opened.
    """
    if not model:
        raise InvalidInputError('A model is needed: --model=RUN, as trained by fer_keras.train.')
    sources = list_sources(inputs)
    if not sources:
        raise InvalidInputError('Nothing to look at: give pictures, videos or folders.')
    check_output(output)
    predictor = fer_keras.load(model)
    overlays = OverlayFolder(options.overlay_dir) if options.overlay_dir else None
    outcome = Outcome(len(sources))
    with AnswerFile(output, predictor.names) as file:
        try:
            _answer(predictor, sources, options, file, overlays, outcome)
        except KeyboardInterrupt:
            outcome.is_stopped = True
    return outcome


def _answer(
    predictor: Predictor,
    sources: Sequence[str],
    options: Options,
    file: AnswerFile,
    overlays: OverlayFolder | None,
    outcome: Outcome,
) -> None:
    limits = {'every': options.every, 'max_frames': options.max_frames}
    total = count_pictures(sources, **limits)
    first_photo = 0
    is_quiet = not sys.stderr.isatty()
    with tqdm(read_pictures(sources, **limits), total=total, disable=is_quiet) as pictures:
        for batch in _batches(pictures, options.batch_size):
            table = predictor.predict_pictures(
                batch,
                first_photo=first_photo,
                are_crops=options.crops,
                small_faces=options.small_faces,
            )
            file.write(table)
            outcome.rows += len(table)
            outcome.problems += [picture.problem for picture in batch if picture.image is None]
            if overlays:
                _draw(overlays, batch, table, first_photo)
            first_photo += len(batch)


def _batches(pictures: Iterator[Picture], size: int) -> Iterator[list[Picture]]:
    """Lists of `size` pictures, or of fewer where these are large."""
    batch: list[Picture] = []
    values = 0
    for picture in pictures:
        batch.append(picture)
        values += 0 if picture.image is None else picture.image.size
        if len(batch) == size or values >= LARGEST_PIXELS:
            yield batch
            batch, values = [], 0
    if batch:
        yield batch


def _draw(
    overlays: OverlayFolder, batch: list[Picture], table: pd.DataFrame, first_photo: int
) -> None:
    for photo, picture in enumerate(batch, start=first_photo):
        if picture.image is not None:
            rows = table[(table['photo'] == photo) & (table['status'] == OK)].to_dict('records')
            overlays.write(picture.source, picture.frame, draw_faces(picture.image, rows))
