"""Pictures from anywhere: files, folders, patterns, videos and cameras.

What a readable photo is, stands in `tfds_builders.pictures`.
"""

from __future__ import annotations

import glob
import math
import os
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from fer_keras.errors import InvalidInputError, MissingFileError
from tfds_builders import picture_formats, pictures

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm')
_CAMERA = re.compile(r'camera:(\d+)')


class Picture(NamedTuple):
    """A picture, or why there is none.

    Attributes:
        source: Its file, or `camera:0`.
        frame: Its number in a video, from 0; None for a photo.
        image: uint8 `[height, width, 3]`, RGB; None where the source, or the rest of it, could not
            be read.
        problem: Why not.
        time: When the frame is shown, seconds from the start of its video; None for a photo, for a
            camera, and where the video does not say.

    >>> Picture('clip.mp4', 12, None, 'breaks off').problem
    'breaks off'
    """

    source: str
    frame: int | None
    image: np.ndarray | None
    problem: str = ''
    time: float | None = None


def list_inputs(inputs: Sequence[str]) -> list[pathlib.Path]:
    """Files, in the order given.

    A folder stands for the pictures and videos below it, by name, and a pattern such as
    `trip/**/*.jpg` for what fits it.

    Raises:
        MissingFileError: One does not exist, or a folder holds neither.
    """
    files: list[pathlib.Path] = []
    for given in inputs:
        path = pathlib.Path(given).expanduser()
        # A file may have brackets in its name, so a pattern is what does not exist.
        fitting = [path] if path.exists() else sorted(_fit(str(path)))
        if not fitting:
            raise MissingFileError(
                f'{path} does not exist. Give files, folders, or patterns: --input=PATH'
            )
        for found in fitting:
            files += _pictures_below(found) if found.is_dir() else [found]
    return files


def _fit(pattern: str) -> list[pathlib.Path]:
    return [pathlib.Path(name) for name in glob.glob(pattern, recursive=True)]


def _pictures_below(folder: pathlib.Path) -> list[pathlib.Path]:
    suffixes = picture_formats.IMAGE_SUFFIXES + VIDEO_SUFFIXES
    found = sorted(f for f in folder.rglob('*') if f.suffix.lower() in suffixes)
    if not found:
        raise MissingFileError(f'{folder} holds no picture and no video ({", ".join(suffixes)}).')
    return found


def list_sources(inputs: Sequence[str]) -> list[str]:
    """As `list_inputs`; `camera:0` is the first camera."""
    sources: list[str] = []
    for given in inputs:
        is_camera = _CAMERA.fullmatch(given) is not None
        sources += [given] if is_camera else map(str, list_inputs([given]))
    return sources


def read_pictures(sources: Sequence[str], *, every: int, max_frames: int) -> Iterator[Picture]:
    """The pictures of photos, videos and cameras, one in memory at a time.

    What cannot be read is a `Picture` with its problem, and the next source follows.

    Args:
        sources: From `list_sources`.
        every: Every n-th frame of a video is used.
        max_frames: How many frames of each video or camera are used at most; 0: all.
    """
    for source in sources:
        try:
            if is_video(source):
                frames = read_video(source, every)
                for count, (frame, time, image) in enumerate(frames, start=1):
                    yield Picture(source, frame, image, time=time)
                    if count == max_frames:
                        break
            else:
                yield Picture(source, None, pictures.read_picture(source))
        except (ValueError, OSError) as error:
            yield Picture(source, None, None, str(error))


def is_video(source: str) -> bool:
    """Whether a source is a video or a camera."""
    return source.lower().endswith(VIDEO_SUFFIXES) or bool(_CAMERA.fullmatch(source))


def count_pictures(sources: Sequence[str], *, every: int, max_frames: int) -> int | None:
    """How many pictures to expect, as the videos say; None where a camera never ends."""
    counts = [_count(source, every) for source in sources]
    total = sum(min(count, max_frames or math.inf) for count in counts)
    return None if math.isinf(total) else int(total)


def _count(source: str, every: int) -> float:
    if _CAMERA.fullmatch(source):
        return math.inf
    return -(-_num_frames(cv2.VideoCapture(source)) // every) if is_video(source) else 1


def read_video(
    source: str | os.PathLike[str], every: int
) -> Iterator[tuple[int, float | None, np.ndarray]]:
    """(number, seconds, uint8 RGB `[height, width, 3]`) of every `every`th frame, one by one.

    Args:
        source: A file, or `camera:0`.
        every: Every n-th frame is used.

    Raises:
        InvalidInputError: It cannot be opened as a video, its frames have more pixels than
            are held, or, after those that can be read, it breaks off or has frames
            that cannot be decoded.
    """
    camera = _CAMERA.fullmatch(str(source))
    video = cv2.VideoCapture(int(camera[1]) if camera else str(source))
    try:
        _check_video(video, str(source))
        number = damaged = 0
        while video.grab():
            if number % every == 0:
                is_whole, frame = video.retrieve()
                if is_whole:
                    time = None if camera else _seconds(video, number)
                    yield number, time, frame[:, :, ::-1]
                damaged += not is_whole
            number += 1
        # Some containers only estimate their length.
        if number < max(1, 0.9 * _num_frames(video) - 2):
            raise InvalidInputError(
                f'{source} breaks off after {number} of {_num_frames(video)} frames.'
            )
        if damaged:
            raise InvalidInputError(f'{damaged} frames of {source} are damaged.')
    finally:
        video.release()


def _check_video(video: cv2.VideoCapture, name: str) -> None:
    if not video.isOpened():
        raise InvalidInputError(f'{name} cannot be opened as a video.')
    width = int(video.get(cv2.CAP_PROP_FRAME_WIDTH))
    height = int(video.get(cv2.CAP_PROP_FRAME_HEIGHT))
    limit = picture_formats.LARGEST_PIXELS_UNREDUCED
    if width * height > limit:
        raise InvalidInputError(
            f'{name} must have at most {limit:,} pixels a frame. '
            f'Received: {width}x{height}. Shrink it first.'
        )


def _seconds(video: cv2.VideoCapture, number: int) -> float | None:
    """When the frame that was just grabbed is shown; None where the video does not say."""
    milliseconds = video.get(cv2.CAP_PROP_POS_MSEC)
    # What does not say answers -1 or 0, but the first frame may be at 0.
    return milliseconds / 1000 if milliseconds > 0 or milliseconds == number == 0 else None


def _num_frames(video: cv2.VideoCapture) -> int:
    """What the video says of itself; 0 where it says nothing."""
    return max(0, int(video.get(cv2.CAP_PROP_FRAME_COUNT)))
