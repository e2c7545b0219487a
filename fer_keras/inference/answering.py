"""Answers for files, folders, videos and cameras, written as they come."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence

import pandas as pd
from tqdm import tqdm

from fer_keras.config.inference import PredictionConfig
from fer_keras.errors import InvalidInputError
from fer_keras.inference.answer_screen import AnswerScreen
from fer_keras.inference.answers import OK, AnswerFile
from fer_keras.inference.drawing import OverlayFolder, draw_faces
from fer_keras.inference.folders import find_sources
from fer_keras.inference.overlay_video import OverlayVideo
from fer_keras.inference.photos import (
    Picture,
    count_pictures,
    in_batches,
    is_moving,
    read_pictures,
)
from fer_keras.inference.predictor import Predictor, load
from fer_keras.inference.smoothing import AnsweredFrame
from fer_keras.inference.tracks import MISSING, is_installed
from fer_keras.inference.video_answers import answer_video
from fer_keras.inference.video_summary import VideoSummary


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
    outcome = Outcome(len(sources), left_out=found.describe_left_out() if left_out else '')
    follows = _follows(config, sources, outcome)
    predictor = load(config.model)
    names = predictor.names
    with contextlib.ExitStack() as stack:
        file = (
            stack.enter_context(AnswerFile(config.output, names, of_video=follows))
            if config.output
            else AnswerScreen(names, of_video=follows)
        )
        overlays = OverlayFolder(config.overlay_dir) if config.overlay_dir else None
        answering = _Answering(predictor, config, file, overlays, outcome)
        if config.overlay_video:
            video = OverlayVideo(config.overlay_video, names)
            answering.views.append(stack.enter_context(video).write)
        if config.summary_dir:
            summary = VideoSummary(config.summary_dir, names, thumbnails=config.thumbnails)
            answering.views.append(stack.enter_context(summary).add)
        try:
            answering.answer(sources, follows=follows)
        except KeyboardInterrupt:
            outcome.is_stopped = True
    return outcome


def _follows(config: PredictionConfig, sources: Sequence[str], outcome: Outcome) -> bool:
    """Whether faces are followed through the videos that there are.

    Raises:
        InvalidInputError: They must be, and cannot.
    """
    videos = [source for source in sources if is_moving(source)]
    if config.overlay_video and (len(videos), len(sources)) != (1, 1):
        raise InvalidInputError(
            f'`overlay_video` takes one video and nothing else. Received: {len(videos)} videos '
            f'of {len(sources)} inputs.'
        )
    if config.summary_dir and not videos:
        raise InvalidInputError('`summary_dir` is about videos. Received: none.')
    if not videos or config.crops or not config.track:
        return False
    if not is_installed():
        if config.overlay_video or config.summary_dir:
            raise InvalidInputError(MISSING)
        # As it was before there were tracks.
        outcome.notes.append(f'faces of videos have no `track`. {MISSING}')
        return False
    return True


class _Answering:
    """Where answers go, and how many there are so far."""

    def __init__(
        self,
        predictor: Predictor,
        config: PredictionConfig,
        file: AnswerFile | AnswerScreen,
        overlays: OverlayFolder | None,
        outcome: Outcome,
    ) -> None:
        self._predictor = predictor
        self._config = config
        self._file = file
        self._overlays = overlays
        self._outcome = outcome
        self._photos = 0
        # What else is shown of videos.
        self.views: list[Callable[[AnsweredFrame], None]] = []

    def answer(self, sources: Sequence[str], *, follows: bool) -> None:
        """Answers for all sources; a video is followed by itself, photos come in batches."""
        limits = {'every': self._config.every, 'max_frames': self._config.max_frames}
        total = count_pictures(sources, **limits)
        with tqdm(total=total, disable=not sys.stderr.isatty()) as progress:
            for is_followed, some in itertools.groupby(
                sources, lambda source: follows and is_moving(source)
            ):
                # A track is of one video.
                for group in [[source] for source in some] if is_followed else [list(some)]:
                    pictures = read_pictures(group, **limits)
                    answer = self._answer_video if is_followed else self._answer_pictures
                    answer(_counted(pictures, progress))

    def _answer_pictures(self, pictures: Iterator[Picture]) -> None:
        for batch in in_batches(pictures, self._config.batch_size, lambda p: p.image):
            table = self._predictor.predict_pictures(
                batch,
                first_photo=self._photos,
                are_crops=self._config.crops,
                small_faces=self._config.small_faces,
            )
            self._keep(batch, table)

    def _answer_video(self, pictures: Iterator[Picture]) -> None:
        answers = answer_video(self._predictor, pictures, self._config, first_photo=self._photos)
        for frames, table in answers:
            self._keep([one.frame.picture for one in frames], table)
            for view in self.views:
                for one in frames:
                    view(one)

    def _keep(self, pictures: list[Picture], table: pd.DataFrame) -> None:
        self._file.write(table)
        self._outcome.rows += len(table)
        self._outcome.problems += [one.problem for one in pictures if one.image is None]
        self._outcome.notes += [one.note for one in pictures if one.note]
        if self._overlays:
            _draw(self._overlays, pictures, table, self._photos)
        self._photos += len(pictures)


def _counted(pictures: Iterator[Picture], progress: tqdm) -> Iterator[Picture]:
    for picture in pictures:
        yield picture
        progress.update()


def _draw(
    overlays: OverlayFolder, batch: list[Picture], table: pd.DataFrame, first_photo: int
) -> None:
    for photo, picture in enumerate(batch, start=first_photo):
        if picture.image is not None:
            rows = table[(table['photo'] == photo) & (table['status'] == OK)].to_dict('records')
            overlays.write(picture.source, picture.frame, draw_faces(picture.image, rows))
