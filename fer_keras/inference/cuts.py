"""Where a video cuts to another picture."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from fer_keras.inference.photos import Picture

_SMALL = (64, 36)  # Width and height, whatever the picture's.
# Mean change of the small picture from one frame to the next, in grey levels. Between photographs
# of two people before one wall it is 12 to 24, between photographs of two places 46 to 83. Above
# this, a change is a cut where it is so many times all those of the frames around, as in the
# `AdaptiveDetector` of PySceneDetect: a moving camera changes every frame as much.
_SMALLEST_CHANGE, _TIMES = 8.0, 3.0
# Frames on either side. Those of a slow camera may each stand there three times.
_AROUND = 3


def find_cuts(pictures: Iterable[Picture]) -> Iterator[tuple[Picture, bool]]:
    """Each frame of a video, and whether it is the first one after a cut.

    A picture comes out three later than it goes in. A flash of light is no cut, nor is a shot of
    fewer than four frames.

    Args:
        pictures: The frames of one video; one without an image says what ended it.

    >>> dark, light = (np.full((36, 64, 3), value, np.uint8) for value in (20, 200))
    >>> frames = [Picture('a.mp4', i, [dark, light][i >= 5]) for i in range(10)]
    >>> [frame.frame for frame, is_cut in find_cuts(frames) if is_cut]
    [5]
    """
    waiting: deque[tuple[Picture, float]] = deque()
    # Of the frames before and after the one that is asked about, itself in the middle.
    changes: deque[float] = deque([0.0] * (2 * _AROUND + 1), maxlen=2 * _AROUND + 1)
    before: np.ndarray | None = None
    for picture in pictures:
        change = 0.0
        if picture.image is not None:
            small = cv2.resize(picture.image, _SMALL, interpolation=cv2.INTER_AREA)
            change = 0.0 if before is None else float(cv2.absdiff(small, before).mean())
            before = small
        waiting.append((picture, change))
        changes.append(change)
        if len(waiting) > _AROUND:
            yield waiting.popleft()[0], _is_cut(changes)
    for left in reversed(range(_AROUND)):
        changes.append(0.0)
        if len(waiting) > left:
            yield waiting.popleft()[0], _is_cut(changes)


def _is_cut(changes: deque[float]) -> bool:
    around = [*changes]
    change = around.pop(_AROUND)
    return change >= _SMALLEST_CHANGE and change >= _TIMES * max(around)
