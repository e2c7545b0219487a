"""Drawn people who each sit in a laboratory of their own: other lamps, wall, camera and display.

The two demo laboratories (see `demo`) differ as two archives do. Here everything that may differ
between archives is drawn at random for each person, so that what also learns from these photos
cannot rely on any of it (domain randomisation, Tobin et al. 2017, IROS).
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from tfds_builders.drawing import action_units
from tfds_builders.drawing.action_units import activate
from tfds_builders.drawing.anatomy import SIZES, Identity, draw_identity
from tfds_builders.drawing.canvas import Lamps
from tfds_builders.drawing.laboratory import Laboratory, take_photo
from tfds_builders.drawing.person import draw_person

EXPRESSIONS = tuple(name for name in action_units.EXPRESSIONS if name != 'contemptuous')
_GROUPS = ('Caucasian', 'Moroccan', 'Kid', 'any')
_STREAM = 77  # Apart from the random numbers of the demo archives.
# Most that a size of a face leaves the demo's range by, as a share of that range.
_EXOTIC = 0.5
_THIN_BROWS = 0.4  # Share of people; many real and rendered faces hardly have any.
_WIDEST_GAZE_MM = 6.0


def draw_photo(person: int, expression: str) -> np.ndarray:
    """One photo of a person, uint8 `[height, width, 3]`, RGB; the same every time.

    Args:
        person: From 0.
        expression: One of `EXPRESSIONS`.
    """
    who = np.random.default_rng([_STREAM, person])
    laboratory, identity = _draw_laboratory(who), _draw_identity(who)
    rng = np.random.default_rng([_STREAM, person, 1 + EXPRESSIONS.index(expression)])
    activation = {
        unit: np.clip(level * rng.uniform(0.6, 1.15), 0, 1)
        for unit, level in activate(expression, rng, laboratory.strength).items()
    }
    gaze_mm = rng.choice([-1, 0, 0, 0, 1]) * rng.uniform(0, _WIDEST_GAZE_MM)
    shirt = np.array(laboratory.shirts[0])
    canvas = draw_person(identity, activation, gaze_mm, shirt, rng)
    return take_photo(canvas, laboratory, rng)


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A photo that is drawn when it is read, in place of a file.

    >>> Drawing(person=0, expression='happy').read_bytes()[:4]
    b'\\x89PNG'
    """

    person: int
    expression: str

    def read_bytes(self) -> bytes:
        """The photo as a PNG file."""
        photo = draw_photo(self.person, self.expression)
        return cv2.imencode('.png', photo[..., ::-1])[1].tobytes()


def _draw_laboratory(rng: np.random.Generator) -> Laboratory:
    wall = rng.uniform(0, 0.25, 3) + rng.uniform(0, 0.75)
    lamps = Lamps(
        (rng.uniform(-1.1, 1.1), rng.uniform(-0.9, 0.2), rng.uniform(0.6, 1.2)),
        _tinted(rng, rng.uniform(0.45, 1.0)),
        _tinted(rng, rng.uniform(0.12, 0.5)),
        rng.uniform(0, 0.3),
    )
    return Laboratory(
        size=(320, 420),
        zoom=rng.uniform(1.0, 1.45),
        eyes=(160, 190),
        wall=(tuple(wall), tuple(wall * rng.uniform(0.6, 1.0))),
        lamps=lamps,
        shirts=(tuple(rng.uniform(0, 0.9, 3)),),
        blur=rng.choice([0, 0, 0.7, 1.2, 2.0]),
        grain=rng.uniform(0, 0.03),
        tilt=3.0,
        strength=(0.45, 1.0),
    )


def _tinted(rng: np.random.Generator, level: float) -> tuple[float, float, float]:
    red, green, blue = level * rng.normal(1, 0.06, 3)
    return red, green, blue


def _draw_identity(rng: np.random.Generator) -> Identity:
    """Anyone of the demo's people, with sizes that may leave the range of adults."""
    group, gender = _GROUPS[rng.integers(len(_GROUPS))], ('female', 'male')[rng.integers(2)]
    identity = draw_identity(rng, group, gender)
    sizes = {
        name: getattr(identity, name) + _EXOTIC * rng.uniform(-1, 1) * (high - low)
        for name, (low, high) in SIZES.items()
    }
    if rng.random() < _THIN_BROWS:
        sizes['brow_thickness'] *= rng.uniform(0.25, 0.6)
    return dataclasses.replace(identity, **sizes)
