"""Answers for files and cameras, one after the other, whatever becomes of the rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd

from fer_keras.config.inference import PredictionConfig
from fer_keras.errors import InvalidInputError
from fer_keras.inference.outcome import Outcome
from fer_keras.inference.photos import Picture, in_batches, is_moving, read_pictures
from fer_keras.inference.predictor import Predictor
from fer_keras.inference.smoothing import AnsweredFrame
from fer_keras.inference.tracks import MISSING, is_installed
from fer_keras.inference.video_answers import answer_video


class AnsweredPictures(NamedTuple):
    """A few pictures and their rows.

    Attributes:
        pictures: In the order of the rows.
        table: From `fer_keras.inference.answers.make_table`.
        first_photo: Number of the first picture.
        frames: The pictures again, with their people, where they are of a video that is followed.

    >>> import numpy as np
    >>> from fer_keras.inference.answers import NO_FACE, Row, make_table
    >>> table = make_table([Row(7, status=NO_FACE)], np.zeros((0, 1)), ['sad'])
    >>> AnsweredPictures([Picture('a.png', None, None)], table, 7).next_photo
    8
    """

    pictures: list[Picture]
    table: pd.DataFrame
    first_photo: int
    frames: Sequence[AnsweredFrame] = ()

    @property
    def next_photo(self) -> int:
        """Number of the picture that follows."""
        return self.first_photo + len(self.pictures)


def answer_sources(
    predictor: Predictor,
    sources: Sequence[str],
    config: PredictionConfig,
    *,
    follows: bool,
    first_photo: int = 0,
    seen: Callable[[], Any] = lambda: None,
) -> Iterator[AnsweredPictures]:
    """Answers for all sources; a video is followed by itself, photos come in batches.

    Args:
        predictor: Answers.
        sources: From `fer_keras.inference.folders.find_sources`.
        config: How they are read and searched.
        follows: Whether faces are followed through videos.
        first_photo: Number of the first picture.
        seen: Called after each picture.
    """
    for is_followed, some in itertools.groupby(
        sources, lambda source: follows and is_moving(source)
    ):
        # A track is of one video.
        for group in [[source] for source in some] if is_followed else [list(some)]:
            pictures = _counted(
                read_pictures(group, every=config.every, max_frames=config.max_frames), seen
            )
            answer = _answer_frames if is_followed else _answer_photos
            for answered in answer(predictor, pictures, config, first_photo):
                first_photo = answered.next_photo
                yield answered


def decide_following(config: PredictionConfig, outcome: Outcome, *, has_videos: bool) -> bool:
    """Whether faces are followed through videos; notes it where they would be, and cannot.

    Raises:
        InvalidInputError: They must be, and cannot.
    """
    if not has_videos or config.crops or not config.track:
        return False
    if not is_installed():
        if config.overlay_video or config.summary_dir:
            raise InvalidInputError(MISSING)
        # As it was before there were tracks.
        outcome.notes.append(f'faces of videos have no `track`. {MISSING}')
        return False
    return True


def _answer_photos(
    predictor: Predictor, pictures: Iterator[Picture], config: PredictionConfig, first_photo: int
) -> Iterator[AnsweredPictures]:
    for batch in in_batches(pictures, config.batch_size, lambda picture: picture.image):
        table = predictor.predict_pictures(
            batch,
            first_photo=first_photo,
            are_crops=config.crops,
            small_faces=config.small_faces,
        )
        yield AnsweredPictures(batch, table, first_photo)
        first_photo += len(batch)


def _answer_frames(
    predictor: Predictor, pictures: Iterator[Picture], config: PredictionConfig, first_photo: int
) -> Iterator[AnsweredPictures]:
    for frames, table in answer_video(predictor, pictures, config, first_photo=first_photo):
        batch = [one.frame.picture for one in frames]
        yield AnsweredPictures(batch, table, first_photo, frames)
        first_photo += len(batch)


def _counted(pictures: Iterator[Picture], seen: Callable[[], Any]) -> Iterator[Picture]:
    for picture in pictures:
        yield picture
        seen()
