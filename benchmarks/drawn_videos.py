"""Videos of drawn people of whom it is known who is where and shows what."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import cv2
import numpy as np

from tfds_builders.drawing.action_units import activate
from tfds_builders.drawing.anatomy import draw_identity
from tfds_builders.drawing.canvas import Lamps
from tfds_builders.drawing.laboratory import Laboratory, take_photo
from tfds_builders.drawing.person import draw_person

FRAMES_A_SECOND = 25
SIZE = (640, 360)
# Millimetres of a face from the point between the eyes: left, top, right, bottom.
_FACE_MM = (-62, -62, 62, 100)
_EYES, _ZOOM = (170, 200), 1.3
_LAMPS = Lamps((-0.4, -0.5, 0.9), (0.84, 0.8, 0.76), (0.3, 0.3, 0.32), 0.06)
_SHOWN = ('happy', 'surprised', 'neutral', 'sad')


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a face is: the point between the eyes and the face's width, as shares of the picture's
    width and height, how far it has turned aside in degrees, and in which part of the video.

    >>> Place(0.5, 0.4).turn
    0.0
    """

    x: float
    y: float
    width: float = 0.16
    turn: float = 0.0
    # Another part of the video, which should have another track: after a cut, or after more than a
    # second outside of the picture.
    part: int = 0


@dataclasses.dataclass(frozen=True)
class Scene:
    """A video: for each person where they are at a time, those in front last; its cuts, and the
    standard deviation of its noise in grey levels.

    >>> SCENES['cut'].seconds
    6.0
    """

    seconds: float
    people: tuple[Callable[[float], Place | None], ...]
    cuts: tuple[float, ...] = ()
    noise: float = 2.0


@dataclasses.dataclass(frozen=True)
class Truth:
    """Who is in a frame.

    >>> Truth((0, 0), (10.0, 20.0, 50.0, 70.0), 'happy').expression
    'happy'
    """

    who: tuple[int, int]  # The person and the part of the video.
    box: tuple[float, float, float, float]  # Left, top, right and bottom in pixels.
    expression: str


def _going(start: Place, end: Place, first_s: float, last_s: float) -> Callable[[float], Place]:
    """From one place to another, evenly between two times."""

    def at(time_s: float) -> Place:
        share = float(np.clip((time_s - first_s) / (last_s - first_s), 0, 1))
        x, y = (a + share * (b - a) for a, b in ((start.x, end.x), (start.y, end.y)))
        return dataclasses.replace(start, x=x, y=y)

    return at


def _staying(x: float, y: float = 0.42, width: float = 0.16) -> Callable[[float], Place]:
    """Nearly still, as people are who sit."""

    def at(time_s: float) -> Place:
        return Place(x + 0.008 * np.sin(2 * time_s + 9 * x), y + 0.006 * np.sin(3 * time_s), width)

    return at


def _leaving(out_s: float) -> Callable[[float], Place]:
    """Out of the picture to the right after 2 s, and back after so many seconds more."""

    def at(time_s: float) -> Place:
        speed, edge = 0.8, 1.12  # Widths of the picture in a second; where nothing is left to see.
        leaves = _going(Place(0.5, 0.42), Place(edge, 0.42), 2 - (edge - 0.5) / speed, 2)
        back_s = 2 + out_s
        if time_s < back_s:
            return leaves(time_s)
        part = int(out_s > 1)
        back = _going(Place(edge, 0.42), Place(0.6, 0.42), back_s, back_s + 0.65)(time_s)
        return dataclasses.replace(back, part=part)

    return at


def _turning(time_s: float) -> Place:
    """Aside so far that no face can be found for about half a second."""
    turn = 85 * np.exp(-(((time_s - 2.5) / 0.35) ** 2))
    return dataclasses.replace(_staying(0.35)(time_s), turn=float(turn))


def _after_cut(time_s: float) -> Place:
    """On the left; after the cut nearer and in the middle."""
    if time_s < 3:
        return _staying(0.3)(time_s)
    return dataclasses.replace(_staying(0.55, 0.45, 0.24)(time_s), part=1)


SCENES = {
    'crossing': Scene(
        5.0,
        (
            _going(Place(0.85, 0.38, 0.14), Place(0.15, 0.38, 0.14), 0.8, 4.2),
            _going(Place(0.15, 0.44), Place(0.85, 0.44), 0.8, 4.2),
        ),
    ),
    'back within a second': Scene(5.0, (_staying(0.25), _leaving(0.2))),
    'back after two': Scene(6.0, (_staying(0.25), _leaving(2.0))),
    'turn of a head': Scene(5.0, (_turning, _staying(0.7))),
    'cut': Scene(
        6.0,
        (_after_cut, lambda time_s: _staying(0.7)(time_s) if time_s < 3 else None),
        cuts=(3.0,),
    ),
    'small and noisy': Scene(
        6.0, (_staying(0.3, 0.45, 0.08), _staying(0.7, 0.45, 0.08)), noise=24.0
    ),
}


def draw_scene(
    scene: Scene, size: tuple[int, int] = SIZE
) -> Iterator[tuple[float, np.ndarray, list[Truth]]]:
    """Each frame: its time in seconds, uint8 `[height, width, 3]`, RGB, and who is in it.

    Args:
        scene: What to draw.
        size: Width and height in pixels.
    """
    rng = np.random.default_rng(0)
    walls = [_draw_wall(size, number) for number in range(len(scene.cuts) + 1)]
    for number in range(round(scene.seconds * FRAMES_A_SECOND)):
        time_s = number / FRAMES_A_SECOND
        picture = walls[sum(time_s >= cut for cut in scene.cuts)].copy()
        truths = []
        for person, where in enumerate(scene.people):
            place = where(time_s)
            if place is None:
                continue
            expression = _SHOWN[(int(time_s / 1.25) + 2 * person) % len(_SHOWN)]
            scale = place.width * size[0] / (_FACE_MM[2] - _FACE_MM[0])
            _paste(picture, _sprite(person, expression), place, scale)
            middle = np.array([place.x * size[0], place.y * size[1]] * 2)
            left, top, right, bottom = (middle + scale * np.array(_FACE_MM)).tolist()
            is_inside = left > -0.3 * (right - left) and right < size[0] + 0.3 * (right - left)
            if is_inside and place.turn < 45:
                box = left, top, right, bottom
                truths.append(Truth((person, place.part), box, expression))
        noise = rng.normal(0, scene.noise, (size[1], size[0], 1)).astype(np.float32)
        seen = [one for place, one in enumerate(truths) if not _hides(truths[place + 1 :], one)]
        yield time_s, np.clip(picture + noise, 0, 255).astype(np.uint8), seen


def _hides(others: list[Truth], one: Truth) -> bool:
    """Whether somebody of those in front stands before a third of a face."""
    left, top, right, bottom = one.box
    shares = [
        max(0.0, min(right, other.box[2]) - max(left, other.box[0]))
        * max(0.0, min(bottom, other.box[3]) - max(top, other.box[1]))
        / ((right - left) * (bottom - top))
        for other in others
    ]
    return max(shares, default=0) > 1 / 3


def write_scene(scene: Scene, path: str, size: tuple[int, int] = SIZE) -> list[list[Truth]]:
    """Writes a scene as H.264; returns who is in each frame."""
    truths = []
    with av.open(path, 'w') as container:
        stream = container.add_stream('libx264', rate=FRAMES_A_SECOND, options={'crf': '20'})
        stream.width, stream.height = size
        stream.pix_fmt = 'yuv420p'
        for number, (_, image, truth) in enumerate(draw_scene(scene, size)):
            frame = av.VideoFrame.from_ndarray(image, 'rgb24')
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_A_SECOND)
            container.mux(stream.encode(frame))
            truths.append(truth)
        container.mux(stream.encode())
    return truths


def _draw_wall(size: tuple[int, int], number: int) -> np.ndarray:
    """A wall with pictures on it, float32 `[height, width, 3]`."""
    rng = np.random.default_rng([7, number])
    width, height = size
    wall = np.zeros((height, width, 3), np.float32)
    wall[:] = rng.uniform(90, 200, 3)
    wall *= np.linspace(1, 0.75, height, dtype=np.float32)[:, None, None]
    for _ in range(5):
        left, top = rng.uniform(0, 0.9) * width, rng.uniform(0, 0.5) * height
        right, bottom = left + rng.uniform(0.05, 0.2) * width, top + rng.uniform(0.1, 0.3) * height
        colour = tuple(rng.uniform(40, 230, 3))
        cv2.rectangle(wall, (round(left), round(top)), (round(right), round(bottom)), colour, -1)
    return cv2.GaussianBlur(wall, (0, 0), width / 400)


@functools.cache
def _sprite(person: int, expression: str) -> np.ndarray:
    """A person without a wall, float32 `[height, width, 4]`: RGB times cover, and the cover."""
    photos = [_photograph(person, expression, wall) for wall in (0.0, 1.0)]
    # What the wall's colour changes is the wall.
    lit = 1 / max(1e-6, float((photos[1] - photos[0]).max()))
    cover = 1 - lit * (photos[1] - photos[0]).mean(axis=2, keepdims=True)
    return np.dstack([photos[0], np.clip(cover, 0, 1)])


def _photograph(person: int, expression: str, wall: float) -> np.ndarray:
    """float32 `[height, width, 3]`, before a wall of one grey in [0, 1]."""
    who = np.random.default_rng([person, 11])
    identity = draw_identity(who, 'Caucasian', ('female', 'male')[person % 2])
    laboratory = Laboratory(
        size=(340, 520),
        zoom=_ZOOM,
        eyes=_EYES,
        wall=((wall,) * 3, (wall,) * 3),
        lamps=_LAMPS,
        shirts=((0.2, 0.3, 0.5),),
        blur=0.0,
        grain=0.0,
        tilt=0.0,
        strength=(0.9, 1.0),
    )
    # The same numbers for both walls.
    rng = np.random.default_rng([person, 12])
    activation = activate(expression, rng, laboratory.strength)
    shirt = np.array([(0.2, 0.32, 0.5), (0.55, 0.2, 0.2)][person % 2])
    canvas = draw_person(identity, activation, 0.0, shirt, rng)
    return take_photo(canvas, laboratory, rng).astype(np.float32)


def _paste(picture: np.ndarray, sprite: np.ndarray, place: Place, scale: float) -> None:
    """Draws a person into a picture, which is changed."""
    height, width = picture.shape[:2]
    across, down = scale / _ZOOM * np.cos(np.deg2rad(place.turn)), scale / _ZOOM
    warp = np.array(
        [
            [across, 0, place.x * width - across * _EYES[0]],
            [0, down, place.y * height - down * _EYES[1]],
        ]
    )
    drawn = cv2.warpAffine(sprite, warp, (width, height), flags=cv2.INTER_AREA)
    picture *= 1 - drawn[..., 3:]
    picture += drawn[..., :3]
