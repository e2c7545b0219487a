"""Answers for files, folders, videos and cameras, written as they come."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence

import pandas as pd
from tqdm import tqdm

from fer_keras.config.inference import PredictionConfig
from fer_keras.errors import InvalidInputError
from fer_keras.inference.answer_screen import AnswerScreen
from fer_keras.inference.answers import OK, AnswerFile
from fer_keras.inference.drawing import OverlayFolder, draw_faces
from fer_keras.inference.folders import find_sources
from fer_keras.inference.outcome import Outcome
from fer_keras.inference.overlay_video import OverlayVideo
from fer_keras.inference.photos import Picture, count_pictures, is_moving
from fer_keras.inference.predictor import Predictor, load, note_detector
from fer_keras.inference.smoothing import AnsweredFrame
from fer_keras.inference.source_answers import (
    AnsweredPictures,
    answer_sources,
    decide_following,
)
from fer_keras.inference.video_summary import VideoSummary


def answer_files(config: PredictionConfig, inputs: Sequence[str]) -> Outcome:
    """Writes one table for all the inputs, as it goes, into a file, on the screen, or on Beam.

    Args:
        config: The model, where to write, and how.
        inputs: Pictures, videos, folders, patterns, or `camera:0`.

    Raises:
        InvalidInputError: There is no input.
        MissingFileError: The model or an input is not there.
        UnwritableFileError: The output cannot be opened.
    """
    if config.beam_pipeline_options:
        # Here: it is another command in all but its flags.
        from fer_keras.inference.sharded_answers import answer_in_shards

        return answer_in_shards(config, inputs)
    sources, left_out = found = find_sources(inputs, config.input_list)
    if not sources:
        raise InvalidInputError('Nothing to look at: give pictures, videos or folders.')
    outcome = Outcome(len(sources), left_out=found.describe_left_out() if left_out else '')
    follows = _follows(config, sources, outcome)
    predictor = load(config.model, detector=config.detector)
    names = predictor.names
    if not config.crops:
        # Before any output is opened.
        outcome.notes += note_detector(predictor)
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
    return decide_following(config, outcome, has_videos=bool(videos))


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
        # What else is shown of videos.
        self.views: list[Callable[[AnsweredFrame], None]] = []

    def answer(self, sources: Sequence[str], *, follows: bool) -> None:
        """Answers for all sources."""
        limits = {'every': self._config.every, 'max_frames': self._config.max_frames}
        total = count_pictures(sources, **limits)
        with tqdm(total=total, disable=not sys.stderr.isatty()) as progress:
            for answered in answer_sources(
                self._predictor, sources, self._config, follows=follows, seen=progress.update
            ):
                self._keep(answered)

    def _keep(self, answered: AnsweredPictures) -> None:
        pictures, table = answered.pictures, answered.table
        self._file.write(table)
        self._outcome.rows += len(table)
        self._outcome.problems += [one.problem for one in pictures if one.image is None]
        self._outcome.notes += [one.note for one in pictures if one.note]
        if self._overlays:
            _draw(self._overlays, pictures, table, answered.first_photo)
        for view in self.views:
            for frame in answered.frames:
                view(frame)


def _draw(
    overlays: OverlayFolder, batch: list[Picture], table: pd.DataFrame, first_photo: int
) -> None:
    for photo, picture in enumerate(batch, start=first_photo):
        if picture.image is not None:
            rows = table[(table['photo'] == photo) & (table['status'] == OK)].to_dict('records')
            overlays.write(picture.source, picture.frame, draw_faces(picture.image, rows))
