"""A page and a table about the people of videos: when each showed what, and for how long."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from types import TracebackType

import cv2
import numpy as np

from fer_keras.files import write_text
from fer_keras.inference.smoothing import AnsweredFrame
from fer_keras.inference.video_people import Person, Video
from fer_keras.inference.video_summary_page import PAGE, TABLE, make_page
from tfds_builders.faces import Face, crop_face
from tfds_builders.mtcnn import overlaps
from tfds_builders.picture_files import printable

_THUMBNAIL_PX, _JPEG_QUALITY = 112, 85
# A thumbnail is replaced by that of a face so much larger.
_LARGER = 1.2


class VideoSummary:
    """Collects the answers of videos, and writes `summary.html` and `people.csv` in the end.

    Of each person it keeps some kilobytes, however long the video is.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with VideoSummary(folder, ['sad', 'happy'], thumbnails=False):
    ...         pass
    ...     print(sorted(os.listdir(folder)))
    ['people.csv', 'summary.html']
    """

    def __init__(self, folder: str, names: Sequence[str], *, thumbnails: bool) -> None:
        """Nothing is known yet.

        Args:
            folder: Where to write.
            names: Of the classes.
            thumbnails: Whether the page shows faces.

        Raises:
            UnwritableFileError: The folder cannot be written to.
        """
        self._folder = folder
        self._names = names
        self._thumbnails = thumbnails
        self._videos: list[Video] = []
        # What each track showed in the last frame, which lasts until the next one.
        self._before: tuple[float, dict[int, np.ndarray]] | None = None
        self._step_s = 0.0
        # Not after an hour of work.
        write_text(os.path.join(folder, TABLE), self._make_table())

    def __enter__(self) -> VideoSummary:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._end_frame(None)
            write_text(os.path.join(self._folder, TABLE), self._make_table())
            write_text(os.path.join(self._folder, PAGE), make_page(self._videos, self._names))

    def add(self, answered: AnsweredFrame) -> None:
        """Adds a frame of the last video, or the first one of the next."""
        frame = answered.frame
        if not self._videos or self._videos[-1].source != frame.picture.source:
            self._end_frame(None)
            self._videos.append(Video(frame.picture.source))
        if frame.picture.image is None:
            return
        self._end_frame(frame.time_s)
        video = self._videos[-1]
        clear_areas = _clear_areas(list(frame.people.values()))
        for (track, face), area in zip(frame.people.items(), clear_areas, strict=True):
            nothing = np.zeros(len(self._names))
            person = video.people.setdefault(
                track, Person(track, frame.time_s, frame.time_s, nothing)
            )
            person.last_s = frame.time_s
            if self._thumbnails and area > _LARGER * person.thumbnail_area:
                person.thumbnail_area = area
                crop = crop_face(frame.picture.image, face, _THUMBNAIL_PX)
                quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
                person.thumbnail = cv2.imencode('.jpg', crop[..., ::-1], quality)[1].tobytes()
        self._before = (frame.time_s, answered.smoothed)

    def _end_frame(self, now: float | None) -> None:
        """Adds how long the last frame was shown: the last of a video as long as that before it."""
        if self._before is None:
            return
        time_s, smoothed = self._before
        if now is not None:
            self._step_s = max(0.0, now - time_s)
        video = self._videos[-1]
        video.length_s = time_s + self._step_s
        for track, probabilities in smoothed.items():
            person = video.people[track]
            person.seconds[probabilities.argmax()] += self._step_s
            person.timeline.add(time_s, probabilities, self._step_s)
        self._before = None
        if now is None:
            self._step_s = 0.0

    def _make_table(self) -> str:
        """A row a person, as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator='\n')
        seconds = [f'{name}_s' for name in self._names]
        writer.writerow(['file', 'track', 'first_s', 'last_s', 'seen_s', *seconds])
        for video in self._videos:
            for person in video.people.values():
                numbers = [person.first_s, person.last_s, person.seen_s, *person.seconds]
                rounded = [f'{number:.3f}' for number in numbers]
                writer.writerow([printable(video.source), person.track, *rounded])
        return text.getvalue()


def _clear_areas(people: Sequence[Face]) -> np.ndarray:
    """The area of each box that no other one shares, float `[n]`: one of the two is behind."""
    boxes = np.array([face.box for face in people], float).reshape(-1, 4)
    shared = overlaps(boxes, of_smaller=True)
    np.fill_diagonal(shared, 0)
    return np.array([face.area for face in people]) * (1 - shared.max(axis=1, initial=0))
