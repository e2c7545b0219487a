"""The faces of every frame of a video, searched in some of them and followed between these."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fer_keras.inference.cuts import find_cuts
from fer_keras.inference.photos import Picture
from fer_keras.inference.tracks import Tracker
from tfds_builders.faces import Face
from tfds_builders.picture_formats import LARGEST_PIXELS_UNREDUCED

# From images, uint8 `[height, width, 3]`, to the faces of each.
FindFaces = Callable[[Sequence[np.ndarray]], list[list[Face]]]
# Times of frames are rounded.
_ROUNDING_S = 0.002
# Faces so near to each other, in sizes, are searched for in every frame.
_CROWD = 1.5


class FollowedFrame(NamedTuple):
    """A frame and who is in it.

    Attributes:
        picture: The frame; one without an image says what ended the video.
        time_s: Seconds from the start of the video, or since the first frame of a camera.
        people: The face of each track, the largest first. The confidence is NaN where it was
            followed and not searched for.

    >>> FollowedFrame(Picture('a.mp4', 3, None), 0.12, {}).time_s
    0.12
    """

    picture: Picture
    time_s: float
    people: dict[int, Face]


class _Waiting(NamedTuple):
    """A frame that has not been searched yet."""

    picture: Picture
    image: np.ndarray
    time_s: float


def follow(
    pictures: Iterable[Picture], find_faces: FindFaces, search_s: float
) -> Iterator[list[FollowedFrame]]:
    """The frames of a video in their order, from one search to the next.

    Faces are searched for every `search_s` seconds, in the last frame before a cut and in the first
    one after it. In a frame between two searches each track's box and landmarks lie on the straight
    line from the one to the other. Where the two searches found another number of faces, or faces
    stand close together, the frames between them are searched, too.

    Args:
        pictures: The frames of one video, of which a few are in memory at a time.
        find_faces: Finds every face of images.
        search_s: Seconds between two searches at most; 0: every frame is searched.

    Raises:
        InvalidInputError: The extra `video` is missing.
    """
    follower = _Follower(find_faces, search_s)
    start, now = time.monotonic(), 0.0
    for picture, is_cut in find_cuts(pictures):
        if picture.image is None:
            yield [*follower.settle(), FollowedFrame(picture, now, {})]
            continue
        now = time.monotonic() - start if picture.time is None else picture.time
        if is_cut:
            yield follower.cut()
        if follower.take(_Waiting(picture, picture.image, now)):
            yield follower.settle()
    yield follower.settle()


class _Follower:
    """Frames that wait for the next search, and what the last one found."""

    def __init__(self, find_faces: FindFaces, search_s: float) -> None:
        self._find_faces = find_faces
        self._search_s = search_s
        self._tracker = Tracker()
        self._waiting: list[_Waiting] = []
        # The frame that was searched last, without its image; none at the start and after a cut.
        self._searched: FollowedFrame | None = None
        self._is_crowd = False

    def take(self, one: _Waiting) -> bool:
        """Whether it is time for a search."""
        self._waiting.append(one)
        if self._searched is None or self._is_crowd:
            return True
        is_due = one.time_s - self._searched.time_s >= self._search_s - _ROUNDING_S
        return is_due or sum(w.image.size for w in self._waiting) >= LARGEST_PIXELS_UNREDUCED

    def cut(self) -> list[FollowedFrame]:
        """The frames before the cut; ends all tracks."""
        frames = self.settle()
        self._searched = None
        self._tracker.cut()
        return frames

    def settle(self) -> list[FollowedFrame]:
        """Searches the last frame that waits, and finds the faces of those before it."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return []
        *between, last = waiting
        (found,) = self._find_faces([last.image])
        before = self._searched
        if before is not None and between and len(found) != len(before.people):
            searched = [*self._find_faces([one.image for one in between]), found]
            return [self._track(one, people) for one, people in zip(waiting, searched, strict=True)]
        after = self._track(last, found)
        return [*(_between(before, after, one) for one in between), after]

    def _track(self, one: _Waiting, found: Sequence[Face]) -> FollowedFrame:
        people = dict(zip(self._tracker.update(one.time_s, found), found, strict=True))
        self._is_crowd = _is_crowd(found)
        self._searched = FollowedFrame(one.picture._replace(image=None), one.time_s, people)
        return FollowedFrame(one.picture, one.time_s, people)


def _between(before: FollowedFrame | None, after: FollowedFrame, one: _Waiting) -> FollowedFrame:
    """Who is in two searched frames, in a frame between them."""
    if before is None:
        return FollowedFrame(one.picture, one.time_s, {})
    share = (one.time_s - before.time_s) / max(1e-9, after.time_s - before.time_s)
    people = {
        number: _mix(before.people[number], face, share)
        for number, face in after.people.items()
        if number in before.people
    }
    by_area = sorted(people.items(), key=lambda one: -one[1].area)
    return FollowedFrame(one.picture, one.time_s, dict(by_area))


def _mix(first: Face, second: Face, share: float) -> Face:
    box = (1 - share) * np.array(first.box) + share * np.array(second.box)
    left, top, right, bottom = box.tolist()
    landmarks = (1 - share) * first.landmarks + share * second.landmarks
    return dataclasses.replace(
        first,
        box=(left, top, right, bottom),
        landmarks=landmarks.astype(np.float32),
        confidence=float('nan'),
    )


def _is_crowd(faces: Sequence[Face]) -> bool:
    """Whether two faces are so close that they may soon cross."""
    boxes = np.array([face.box for face in faces]).reshape(-1, 2, 2)
    centers, sizes = boxes.mean(axis=1), np.sqrt(np.prod(boxes[:, 1] - boxes[:, 0], axis=1))
    distances = np.linalg.norm(centers[:, None] - centers[None], axis=-1)
    near = distances < _CROWD * np.maximum(sizes[:, None], sizes[None])
    return bool(near.sum() > len(faces))
