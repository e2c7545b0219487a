"""Answers for the frames of one video, with who is who and smoothed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from fer_keras.config.inference import PredictionConfig
from fer_keras.inference.answers import NO_FACE, OK, UNREADABLE, Row, make_table
from fer_keras.inference.following import FindFaces, FollowedFrame, follow
from fer_keras.inference.photos import Picture, in_batches
from fer_keras.inference.predictor import Predictor
from fer_keras.inference.smoothing import AnsweredFrame, smooth
from tfds_builders import faces


def answer_video(
    predictor: Predictor,
    pictures: Iterable[Picture],
    config: PredictionConfig,
    *,
    first_photo: int = 0,
    find_faces: FindFaces | None = None,
) -> Iterator[tuple[list[AnsweredFrame], pd.DataFrame]]:
    """Follows the faces of one video and recognises their expressions.

    Args:
        predictor: Answers for face crops.
        pictures: The frames, of which a few are in memory at a time.
        config: `search_s`, `smoothing_s`, `small_faces` and `batch_size`.
        first_photo: Number of the first frame.
        find_faces: Finds the faces of images in place of the predictor's detector.

    Yields:
        `batch_size` frames, and their table with the columns of videos: a row a face, and a row for
        each frame without a face and for what ended the video.

    Raises:
        InvalidInputError: The extra `video` is missing.
    """

    def find(images: Sequence[np.ndarray]) -> list[list[faces.Face]]:
        return predictor.detector.find_all_faces(images, small_faces=config.small_faces)

    followed = follow(pictures, find_faces or find, config.search_s)
    answered = (one for some in followed for one in _ask(predictor, some))
    smoothed = smooth(answered, config.smoothing_s)
    for batch in in_batches(smoothed, config.batch_size, lambda one: one.frame.picture.image):
        yield batch, _make_table(batch, first_photo, predictor.names)
        first_photo += len(batch)


def _ask(predictor: Predictor, frames: Sequence[FollowedFrame]) -> Iterator[AnsweredFrame]:
    """Asks for the faces of several frames at once."""
    crops = [
        faces.crop_face(frame.picture.image, face)
        for frame in frames
        if frame.picture.image is not None
        for face in frame.people.values()
    ]
    answers = iter(predictor.probabilities(crops))
    for frame in frames:
        yield AnsweredFrame(frame, {track: next(answers) for track in frame.people}, {})


def _make_table(
    batch: Sequence[AnsweredFrame], first_photo: int, names: Sequence[str]
) -> pd.DataFrame:
    rows = [
        row for photo, one in enumerate(batch, start=first_photo) for row in _rows(one.frame, photo)
    ]
    raw, smoothed = (
        np.array([row for one in batch for row in answers_of(one).values()], np.float32)
        for answers_of in (lambda one: one.raw, lambda one: one.smoothed)
    )
    shape = (-1, len(names))
    return make_table(rows, raw.reshape(shape), names, smoothed.reshape(shape))


def _rows(frame: FollowedFrame, photo: int) -> list[Row]:
    picture = frame.picture
    if picture.image is None:
        return [Row(photo, file=picture.source, status=UNREADABLE.format(picture.problem))]
    row = Row(
        photo,
        file=picture.source,
        frame=picture.frame,
        time=picture.time,
        time_s=frame.time_s,
        status=OK if frame.people else NO_FACE,
    )
    people = [
        dataclasses.replace(
            row,
            face=number,
            box=face.box,
            # Nothing where the detector was not asked.
            confidence=None if np.isnan(face.confidence) else face.confidence,
            track=track,
        )
        for number, (track, face) in enumerate(frame.people.items())
    ]
    return people or [row]
