"""What the people of a video showed and when, in a memory that does not grow with the video."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

_SHORTEST_STEP_S, _MOST_STEPS = 0.1, 300


class Timeline:
    """Means over equal steps of time, which double in length when there are too many.

    Attributes:
        step_s: Length of a step in seconds; steps start at 0, 1, 2 ... times it.

    >>> timeline = Timeline()
    >>> for time_s in (0.0, 0.04, 0.5):
    ...     timeline.add(time_s, np.array([time_s, 1.0]))
    >>> [(start, mean.tolist()) for start, mean in timeline.means()]
    [(0.0, [0.02, 1.0]), (0.5, [0.5, 1.0])]
    """

    def __init__(self) -> None:
        self.step_s = _SHORTEST_STEP_S
        # For each step the sum of what was added, and how often.
        self._sums: dict[int, tuple[np.ndarray, int]] = {}

    def add(self, time_s: float, values: np.ndarray, lasts_s: float = 0.0) -> None:
        """Adds what was from a time on.

        Args:
            time_s: Seconds.
            values: float `[n]`.
            lasts_s: For how long, in seconds: where frames are further apart than steps, those
                steps between two frames are of the first one.
        """
        while lasts_s > _MOST_STEPS * self.step_s:
            self._double()
        first, after = self._step_of(time_s), self._step_of(time_s + lasts_s)
        for step in range(first, max(first + 1, after)):
            total, count = self._sums.get(step, (0.0, 0))
            self._sums[step] = (total + values, count + 1)
        while len(self._sums) > _MOST_STEPS:
            self._double()

    def means(self) -> Iterator[tuple[float, np.ndarray]]:
        """Where each step with anything in it starts, and its mean, in the order of time."""
        for step in sorted(self._sums):
            total, count = self._sums[step]
            yield step * self.step_s, total / count

    def runs(self) -> Iterator[list[tuple[float, np.ndarray]]]:
        """`means`, as lists of steps without a gap."""
        run: list[tuple[float, np.ndarray]] = []
        for start, mean in self.means():
            if run and start - run[-1][0] > 1.5 * self.step_s:
                yield run
                run = []
            run.append((start, mean))
        if run:
            yield run

    def _step_of(self, time_s: float) -> int:
        return int((time_s + 1e-6) / self.step_s)

    def _double(self) -> None:
        self.step_s *= 2
        merged: dict[int, tuple[np.ndarray, int]] = {}
        for step, (total, count) in self._sums.items():
            other, more = merged.get(step // 2, (0.0, 0))
            merged[step // 2] = (other + total, more + count)
        self._sums = merged


@dataclasses.dataclass
class Person:
    """What is known of one track.

    Attributes:
        track: Its number in its video.
        first_s: When it was seen first, seconds from the start of the video.
        last_s: And last.
        seconds: For how long each class was the likeliest after smoothing, float64 `[classes]`.
        timeline: The means of the smoothed probabilities.
        thumbnail: The largest face that nobody hides, JPEG; empty where thumbnails are off.
        thumbnail_area: Its area, pixels.

    >>> Person(0, 1.0, 2.5, np.array([1.0, 0.5])).seen_s
    1.5
    """

    track: int
    first_s: float
    last_s: float
    seconds: np.ndarray
    timeline: Timeline = dataclasses.field(default_factory=Timeline)
    thumbnail: bytes = b''
    thumbnail_area: float = 0.0

    @property
    def seen_s(self) -> float:
        """For how long the face was found."""
        return float(self.seconds.sum())


@dataclasses.dataclass
class Video:
    """What is known of one video.

    Attributes:
        source: Its file, or `camera:0`.
        people: By their tracks.
        length_s: When its last frame ends, in seconds.

    >>> Video('a.mp4').people
    {}
    """

    source: str
    people: dict[int, Person] = dataclasses.field(default_factory=dict)
    length_s: float = 0.0
