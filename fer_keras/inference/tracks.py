"""The same person through the frames of a video: ByteTrack, and who was lost for a moment."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np

from fer_keras.errors import InvalidInputError
from tfds_builders.faces import Face

MISSING = 'To follow people through a video: pip install "fer_keras[video]"'
# Who is found again later than this is somebody new.
LOST_S = 1.0
# How far from where a face was lost it is looked for, in sizes of the face, and how much larger or
# smaller it may have become.
_REACH, _LARGEST_CHANGE = 1.5, 2.0
# The unit of time of the Kalman filter's noise.
_FRAMES_A_SECOND = 25.0
# Times of frames are rounded.
_ROUNDING_S = 0.002
# Two frames of one time would stop the filter.
_SHORTEST_S = 1e-3


def is_installed() -> bool:
    """Whether faces can be followed."""
    return importlib.util.find_spec('trackers') is not None


class Tracker:
    """Gives each face of a video a number that stays; two faces of a frame never share one.

    ByteTrack (Zhang et al. 2022, ECCV) as the package `trackers` has it predicts each box by a
    Kalman filter and gives it the found box that overlaps it best. Our detector says only of what
    it is sure of, so that ByteTrack's second search, for unsure boxes, has none. Two things differ:
    a face has its number from its first frame on, and one that is found where another was lost
    within `LOST_S` is that other: the prediction goes on as the face went, and who leaves and comes
    back has turned round.

    >>> if is_installed():  # The extra `video`.
    ...     face = Face((10, 10, 50, 60), np.zeros((5, 2), np.float32), confidence=0.9)
    ...     tracker = Tracker()
    ...     numbers = [tracker.update(0.0, [face]), tracker.update(0.2, [face])]
    ... else:
    ...     numbers = [[0], [0]]
    >>> numbers
    [[0], [0]]
    """

    def __init__(self) -> None:
        """Nobody is followed yet.

        Raises:
            InvalidInputError: The extra `video` is missing.
        """
        try:
            import supervision
            from trackers import BIoU, ByteTrackTracker
        except ImportError as error:
            raise InvalidInputError(MISSING) from error
        self._detections = supervision.Detections
        self._tracker = ByteTrackTracker(
            lost_track_buffer=round(30 * LOST_S),  # As if there were 30 frames a second.
            frame_rate=_FRAMES_A_SECOND,
            track_activation_threshold=0.0,
            high_conf_det_threshold=0.0,
            minimum_consecutive_frames=1,
            minimum_iou_threshold=0.1,
            # Boxes grown by a share of their size: between two searches a face goes some way.
            iou=BIoU(buffer_ratio=0.3),
        )
        self._next = 0
        # When and where each was seen last.
        self._seen: dict[int, tuple[float, np.ndarray]] = {}
        self._time_s = -np.inf

    def update(self, time_s: float, faces: Sequence[Face]) -> list[int]:
        """The numbers of the faces of the next frame.

        Args:
            time_s: Seconds, later than those of the frame before.
            faces: All that were found in it.
        """
        self._time_s = max(time_s, self._time_s + _SHORTEST_S)
        self._seen = {
            number: (when, box)
            for number, (when, box) in self._seen.items()
            if self._time_s - when <= LOST_S + _ROUNDING_S
        }
        boxes = np.array([face.box for face in faces], float).reshape(-1, 4)
        numbers = self._ask(boxes, np.array([face.confidence for face in faces], float))
        begun = self._end_leaps(boxes, numbers)
        new = [place for place, number in enumerate(numbers) if number < 0]
        # Those that ByteTrack began in this frame, in its order, which is that of the faces.
        others = [track for track in self._tracker.tracks if track.tracker_id < 0]
        for place, track in zip(new, others, strict=True):
            numbers[place] = track.tracker_id = self._find_lost(boxes[place], numbers)
        self._forget_doubles([*begun, *others])
        self._seen |= {
            number: (self._time_s, box) for number, box in zip(numbers, boxes, strict=True)
        }
        return numbers

    def cut(self) -> None:
        """Ends all tracks: whoever comes now is somebody new."""
        self._tracker.reset()
        self._seen = {}

    def _ask(self, boxes: np.ndarray, confidences: np.ndarray) -> list[int]:
        """Their numbers by ByteTrack; -1 where it begins a new track."""
        found = self._detections(xyxy=boxes, confidence=confidences)
        found.data['place'] = np.arange(len(boxes))
        known = self._tracker.update(found, timestamp=self._time_s)
        numbers = [-1] * len(boxes)
        if len(boxes) and known.tracker_id is not None:
            for place, number in zip(known.data['place'], known.tracker_id, strict=True):
                numbers[place] = int(number)
        return numbers

    def _end_leaps(self, boxes: np.ndarray, numbers: list[int]) -> list[Any]:
        """Gives another number to who is suddenly of another size; returns the tracks of these.

        The filter believes that a head that turns away shrinks on, until an ear is a face.
        """
        leapt = []
        for place, number in enumerate(numbers):
            _, before = self._seen.get(number, (0.0, boxes[place]))
            if _change(boxes[place], before) <= _LARGEST_CHANGE:
                continue
            (track,) = (one for one in self._tracker.tracks if one.tracker_id == number)
            numbers[place] = track.tracker_id = self._find_lost(boxes[place], numbers)
            leapt.append(track)
        return leapt

    def _find_lost(self, box: np.ndarray, taken: Sequence[int]) -> int:
        """The number of the nearest that was lost about here; else a new one."""
        center, size = _center(box), _size(box)
        near = {}
        for number, (_, other) in self._seen.items():
            distance = float(np.hypot(*(center - _center(other)))) / max(size, _size(other))
            is_like = _change(box, other) <= _LARGEST_CHANGE
            if number not in taken and is_like and distance <= _REACH:
                near[number] = distance
        if near:
            return min(near, key=lambda number: near[number])
        self._next += 1
        return self._next - 1

    def _forget_doubles(self, begun: Sequence[Any]) -> None:
        """Ends the old tracks of whoever was found again, so that a number has one track."""
        again = {track.tracker_id for track in begun}
        fresh = {id(track) for track in begun}
        self._tracker.tracks = [
            track
            for track in self._tracker.tracks
            if track.tracker_id not in again or id(track) in fresh
        ]


def _center(box: np.ndarray) -> np.ndarray:
    return (box[:2] + box[2:]) / 2


def _change(first: np.ndarray, second: np.ndarray) -> float:
    """How many times larger the larger one is."""
    small, large = sorted((_size(first), _size(second)))
    return large / max(1e-6, small)


def _size(box: np.ndarray) -> float:
    """The side of the square of its area."""
    return float(np.sqrt(max(0.0, np.prod(box[2:] - box[:2]))))
