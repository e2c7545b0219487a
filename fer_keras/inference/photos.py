"""Pictures from anywhere: files, folders, patterns, videos and cameras.

What a readable photo is, stands in `tfds_builders.pictures`; what folders are, in `folders`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from fer_keras.inference.videos import (
    VIDEO_SUFFIXES,
    camera_of,
    count_frames,
    read_camera,
    read_video,
)
from tfds_builders import picture_formats, pictures
from tfds_builders.picture_files import printable

_T = TypeVar('_T')


class Picture(NamedTuple):
    """A picture, or why there is none.

    Attributes:
        source: Its file, or `camera:0`.
        frame: Its number in a video, from 0; None for a photo.
        image: uint8 `[height, width, 3]`, RGB; None where the source, or the rest of it, could not
            be read.
        problem: Why not.
        time: When the frame is shown, seconds from the start of its video; None for a photo and
            for a camera.
        note: What is to be said of a picture that could be read, such as that it was scaled.

    >>> Picture('clip.mp4', 12, None, 'breaks off').problem
    'breaks off'
    """

    source: str
    frame: int | None
    image: np.ndarray | None
    problem: str = ''
    time: float | None = None
    note: str = ''


def read_pictures(sources: Sequence[str], *, every: int, max_frames: int) -> Iterator[Picture]:
    """The pictures of photos, videos and cameras, one in memory at a time.

    What cannot be read is a `Picture` with its problem, and the next source follows.

    Args:
        sources: From `folders.find_sources`.
        every: Every n-th frame of a video is used.
        max_frames: How many frames of each video or camera are used at most; 0: all.
    """
    for source in sources:
        try:
            camera = camera_of(source)
            if not is_moving(source):
                image, note = read_photo(source)
                yield Picture(source, None, image, note=note)
                continue
            frames = read_video(source, every) if camera is None else read_camera(camera, every)
            for count, frame in enumerate(frames, start=1):
                yield Picture(source, frame.number, frame.image, time=frame.time)
                if count == max_frames:
                    break
        except (ValueError, OSError) as error:
            yield Picture(source, None, None, str(error))


def read_photo(source: str) -> tuple[np.ndarray, str]:
    """A photo, uint8 `[height, width, 3]`, RGB, and what is to be said of how it was read.

    Raises:
        InvalidPictureError: It is no picture that can be read. A `ValueError`.
        MissingPictureError: There is no such file. A `FileNotFoundError`.
    """
    reading = pictures.read(source)
    note = f'{printable(source)}: {"; ".join(reading.notes)}' if reading.notes else ''
    return reading.image, note


def in_batches(
    items: Iterable[_T], size: int, image_of: Callable[[_T], np.ndarray | None]
) -> Iterator[list[_T]]:
    """Lists of `size` items, or of fewer where their images are large.

    >>> list(in_batches('abc', 2, lambda letter: None))
    [['a', 'b'], ['c']]
    """
    batch: list[_T] = []
    values = 0
    for item in items:
        batch.append(item)
        image = image_of(item)
        values += 0 if image is None else image.size
        if len(batch) == size or values >= picture_formats.LARGEST_PIXELS_UNREDUCED:
            yield batch
            batch, values = [], 0
    if batch:
        yield batch


def is_video(source: str) -> bool:
    """Whether a file is a video, by its first bytes; where these do not say, by its name."""
    head = read_head(source)
    if picture_formats.find_format(head) is not None:
        return False
    return picture_formats.is_video(head) or source.lower().endswith(VIDEO_SUFFIXES)


def is_moving(source: str) -> bool:
    """Whether a source is a video or a camera."""
    return camera_of(source) is not None or is_video(source)


def read_head(source: str) -> bytes:
    """The first bytes of a file; none where it cannot be read, or is a pipe."""
    try:
        if not os.path.isfile(source):
            return b''
        with open(source, 'rb') as file:
            return file.read(picture_formats.HEAD_BYTES)
    except OSError:
        return b''


def count_pictures(sources: Sequence[str], *, every: int, max_frames: int) -> int | None:
    """How many pictures to expect, as the videos say; None where a camera never ends."""
    counts = [_count(source, every) for source in sources]
    total = sum(min(count, max_frames or math.inf) for count in counts)
    return None if math.isinf(total) else int(total)


def _count(source: str, every: int) -> float:
    if camera_of(source) is not None:
        return math.inf
    if not is_video(source):
        return 1
    count = count_frames(source)
    return math.inf if count is None else -(-count // every)
