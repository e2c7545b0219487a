"""Answers for files, folders, videos and cameras, written as they come."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterator, Sequence

import pandas as pd
from tqdm import tqdm

from fer_keras.config.inference import PredictionConfig
from fer_keras.errors import InvalidInputError
from fer_keras.inference.answer_screen import AnswerScreen
from fer_keras.inference.answers import OK, AnswerFile
from fer_keras.inference.drawing import OverlayFolder, draw_faces
from fer_keras.inference.folders import find_sources
from fer_keras.inference.photos import Picture, count_pictures, read_pictures
from fer_keras.inference.predictor import Predictor, load
from tfds_builders.picture_formats import LARGEST_PIXELS_UNREDUCED


@dataclasses.dataclass
class Outcome:
    """What came of a table.

    Attributes:
        sources: Files and cameras that were asked for.
        rows: Rows that were written.
        problems: Why sources, or the rest of them, could not be read.
        notes: What is to be said of pictures that were read.
        left_out: Which other files lie in the folders, as a phrase.
        is_stopped: Whether Ctrl-C ended it.

    >>> Outcome(sources=2, rows=3, problems=['a.jpg is damaged']).exit_status
    1
    """

    sources: int
    rows: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    left_out: str = ''
    is_stopped: bool = False

    @property
    def exit_status(self) -> int:
        """Of the command: 0 where everything was read, 1 where not, 130 after Ctrl-C."""
        return 130 if self.is_stopped else min(1, len(self.problems))


def answer_files(config: PredictionConfig, inputs: Sequence[str]) -> Outcome:
    """Writes one table for all the inputs, as it goes, into a file or on the screen.

    Args:
        config: The model, where to write, and how.
        inputs: Pictures, videos, folders, patterns, or `camera:0`.

    Raises:
        InvalidInputError: There is no input.
        MissingFileError: The model or an input is not there.
        UnwritableFileError: The output cannot be opened.
    """
    sources, left_out = found = find_sources(inputs)
    if not sources:
        raise InvalidInputError('Nothing to look at: give pictures, videos or folders.')
    predictor = load(config.model)
    overlays = OverlayFolder(config.overlay_dir) if config.overlay_dir else None
    outcome = Outcome(len(sources), left_out=found.describe_left_out() if left_out else '')
    names = predictor.names
    screen = contextlib.nullcontext(AnswerScreen(names))
    with AnswerFile(config.output, names) if config.output else screen as file:
        try:
            _answer(predictor, sources, config, file, overlays, outcome)
        except KeyboardInterrupt:
            outcome.is_stopped = True
    return outcome


def _answer(
    predictor: Predictor,
    sources: Sequence[str],
    config: PredictionConfig,
    file: AnswerFile | AnswerScreen,
    overlays: OverlayFolder | None,
    outcome: Outcome,
) -> None:
    limits = {'every': config.every, 'max_frames': config.max_frames}
    total = count_pictures(sources, **limits)
    first_photo = 0
    is_quiet = not sys.stderr.isatty()
    with tqdm(read_pictures(sources, **limits), total=total, disable=is_quiet) as pictures:
        for batch in _batches(pictures, config.batch_size):
            table = predictor.predict_pictures(
                batch,
                first_photo=first_photo,
                are_crops=config.crops,
                small_faces=config.small_faces,
            )
            file.write(table)
            outcome.rows += len(table)
            outcome.problems += [picture.problem for picture in batch if picture.image is None]
            outcome.notes += [picture.note for picture in batch if picture.note]
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
        if len(batch) == size or values >= LARGEST_PIXELS_UNREDUCED:
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
