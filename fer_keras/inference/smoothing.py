"""Smoothed answers: of a frame and those shortly before and after it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from fer_keras.inference.following import FollowedFrame

# Times of frames are rounded.
_ROUNDING_S = 0.002


class AnsweredFrame(NamedTuple):
    """A frame with what its people show.

    Attributes:
        frame: The frame and who is in it.
        raw: The answer of the classifier for each track, float32 `[classes]`.
        smoothed: As `smooth` makes it.

    >>> from fer_keras.inference.photos import Picture
    >>> AnsweredFrame(FollowedFrame(Picture('a.mp4', 0, None), 0.0, {}), {}, {}).raw
    {}
    """

    frame: FollowedFrame
    raw: dict[int, np.ndarray]
    smoothed: dict[int, np.ndarray]


def smooth(frames: Iterable[AnsweredFrame], smoothing_s: float) -> Iterator[AnsweredFrame]:
    """The frames with `smoothed`, each once those after it are known that it needs.

    The smoothed answer of a face is the mean of all raw answers of the same track from half of
    `smoothing_s` before to half of it after the frame, itself included. So a change is neither
    early nor late, and what lasts less than half of `smoothing_s` is outvoted.

    Args:
        frames: Of one video, in their order.
        smoothing_s: Seconds; 0 leaves the answers as they are.
    """
    half = smoothing_s / 2 + _ROUNDING_S
    waiting: deque[AnsweredFrame] = deque()
    around: deque[tuple[float, dict[int, np.ndarray]]] = deque()
    for answered in frames:
        while waiting and answered.frame.time_s - waiting[0].frame.time_s > half:
            yield _smoothed(waiting.popleft(), around, half)
        waiting.append(answered)
        around.append((answered.frame.time_s, answered.raw))
    while waiting:
        yield _smoothed(waiting.popleft(), around, half)


def _smoothed(
    answered: AnsweredFrame, around: deque[tuple[float, dict[int, np.ndarray]]], half: float
) -> AnsweredFrame:
    """The frame with its means; leaves out of `around` what no later frame needs."""
    now = answered.frame.time_s
    while around and now - around[0][0] > half:
        around.popleft()
    near = [raw for when, raw in around if when - now <= half]
    means = {
        number: np.mean([raw[number] for raw in near if number in raw], axis=0)
        for number in answered.raw
    }
    return answered._replace(smoothed=means)
