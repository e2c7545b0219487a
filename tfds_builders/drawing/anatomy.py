"""Who a synthetic face is, and where its points lie at rest.

A face is a set of named points in millimetres. The origin lies midway between the pupils, x points
away from the midline and y points down; adult distances follow common anthropometry (pupils 62 mm
apart, head about 145 mm wide).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

# Resting place of each point on one half of the face, in mm; x = 0 marks a midline point.
RESTING = {
    'brow_inner': (12, -19),
    'brow_peak': (33, -26),
    'brow_outer': (50, -19),
    'eye_inner': (16.5, 2),
    'eye_outer': (46, 0),
    'lid_upper': (31, -6.2),
    'lid_lower': (31, 5.4),
    'pupil': (31, 0),
    'cheek': (42, 38),
    'nose_tip': (0, 36),
    'nose_wing': (15, 37),
    'lip_corner': (25, 70.5),
    'lip_peak': (5.5, 62.5),
    'lip_dip': (0, 64),
    'lip_upper_edge': (0, 70),
    'lip_lower_edge': (0, 70.6),
    'lip_bottom': (0, 79.5),
    'jaw': (55, 76),
    'chin_side': (24, 112),
    'chin': (0, 117),
}
EYE_POINTS = ('eye_inner', 'eye_outer', 'lid_upper', 'lid_lower', 'pupil')
LIP_POINTS = ('lip_corner', 'lip_peak', 'lip_dip', 'lip_upper_edge', 'lip_lower_edge', 'lip_bottom')

Points = dict[str, np.ndarray]  # Float `[picture side (2), xy (2)]` each, in mm.
SIDES = ((0, -1), (1, 1))  # Index of a picture side in `Points` and its sign along x.
T = TypeVar('T')


@dataclasses.dataclass(frozen=True)
class Identity:
    """What stays the same in every photo of a subject; most sizes are factors.

    >>> draw_identity(np.random.default_rng(0), 'Kid', 'female').beard
    0.0
    """

    face_width: float
    jaw_width: float
    jaw_length: float
    eye_spacing: float
    eye_size: float
    brow_height: float
    brow_thickness: float
    nose_width: float
    nose_length: float
    mouth_width: float
    lip_fullness: float
    brow_tilt: float  # How far in mm the brow on the picture's left hangs lower.
    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    iris: tuple[float, float, float]
    hair_style: str
    beard: float
    shirt: int


# Range of each size among adults.
SIZES = {
    'face_width': (0.93, 1.06),
    'jaw_width': (0.88, 1.1),
    'jaw_length': (0.94, 1.06),
    'eye_spacing': (0.94, 1.06),
    'eye_size': (0.92, 1.1),
    'brow_height': (0.9, 1.12),
    'brow_thickness': (0.75, 1.3),
    'nose_width': (0.85, 1.2),
    'nose_length': (0.92, 1.07),
    'mouth_width': (0.9, 1.1),
    'lip_fullness': (0.75, 1.3),
    'brow_tilt': (-0.8, 0.8),
}
# What a group multiplies these sizes by.
GROUP_SIZES = {
    'male': {'jaw_width': 1.05, 'brow_thickness': 1.2, 'brow_height': 0.95, 'lip_fullness': 0.9},
    'female': {'jaw_width': 0.94, 'brow_thickness': 0.75, 'eye_size': 1.06, 'lip_fullness': 1.1},
    'Kid': {
        'jaw_length': 0.87,
        'jaw_width': 0.97,
        'eye_size': 1.2,
        'nose_width': 0.82,
        'nose_length': 0.82,
        'mouth_width': 0.88,
        'brow_thickness': 0.75,
    },
}
# RGB in 0..1 under white light.
SKINS = {
    'Caucasian': [(0.93, 0.76, 0.66), (0.90, 0.71, 0.59), (0.95, 0.80, 0.72), (0.84, 0.64, 0.51)],
    'Moroccan': [(0.76, 0.56, 0.42), (0.70, 0.50, 0.37), (0.81, 0.62, 0.47)],
    'any': [(0.92, 0.75, 0.64), (0.80, 0.60, 0.46), (0.62, 0.43, 0.31), (0.47, 0.31, 0.22)],
}
HAIRS = {
    'light': [(0.72, 0.55, 0.32), (0.45, 0.28, 0.15), (0.56, 0.28, 0.14), (0.24, 0.15, 0.10)],
    'dark': [(0.07, 0.06, 0.06), (0.13, 0.09, 0.07), (0.19, 0.12, 0.08)],
}
IRISES = {
    'light': [(0.33, 0.50, 0.66), (0.36, 0.50, 0.36), (0.45, 0.33, 0.18), (0.40, 0.46, 0.50)],
    'dark': [(0.30, 0.18, 0.09), (0.22, 0.13, 0.07), (0.38, 0.25, 0.12)],
}
# The last style of each list is for adults only.
HAIR_STYLES = {
    'male': ['short', 'crop', 'parted', 'curly', 'receding'],
    'female': ['long', 'bob', 'fringe', 'bun', 'parted_long'],
}


def _pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    return choices[int(rng.integers(len(choices)))]


def draw_identity(rng: np.random.Generator, group: str, gender: str) -> Identity:
    """One person of `group` ('Caucasian', 'Moroccan', 'Kid' or 'any') and `gender`."""
    sizes = {name: float(rng.uniform(*limits)) for name, limits in SIZES.items()}
    for kind in (gender, group):
        for name, factor in GROUP_SIZES.get(kind, {}).items():
            sizes[name] *= factor
    skin = np.array(_pick(rng, SKINS.get(group, SKINS['Caucasian'])))
    tone = 'dark' if skin[0] < 0.83 else 'light'
    bearded = gender == 'male' and group != 'Kid' and rng.random() < 0.5
    styles = HAIR_STYLES[gender][:-1] if group == 'Kid' else HAIR_STYLES[gender]
    return Identity(
        **sizes,
        skin=tuple(np.clip(skin * rng.uniform(0.96, 1.03) + rng.normal(0, 0.008, 3), 0, 1)),
        hair=_pick(rng, HAIRS[tone]),
        iris=_pick(rng, IRISES[tone]),
        hair_style=_pick(rng, styles),
        beard=float(rng.uniform(0.25, 0.9)) if bearded else 0.0,
        shirt=int(rng.integers(1000)),
    )


def resting_points(identity: Identity) -> Points:
    """Points of the relaxed face in mm, each float [picture side (2), xy (2)]."""
    points = {name: np.array(place, float) for name, place in RESTING.items()}
    centre = points['pupil'].copy()
    for name in EYE_POINTS:
        points[name] = (points[name] - centre) * identity.eye_size + centre
    for name in (*EYE_POINTS, 'brow_inner', 'brow_peak', 'brow_outer'):
        points[name][0] *= identity.eye_spacing
    for name in ('brow_inner', 'brow_peak', 'brow_outer'):
        points[name][1] *= identity.brow_height
    for name in ('nose_wing', 'nose_tip'):
        points[name] *= identity.nose_width, identity.nose_length
    _resize_mouth(points, identity)
    for name in ('jaw', 'chin_side', 'chin'):
        points[name] *= identity.face_width * identity.jaw_width, identity.jaw_length
    both = {name: np.array([place * (-1, 1), place]) for name, place in points.items()}
    for name in ('brow_inner', 'brow_peak', 'brow_outer'):
        both[name][:, 1] += identity.brow_tilt, -identity.brow_tilt
    return both


def _resize_mouth(points: Points, identity: Identity) -> None:
    """Lips scale about the line where they meet, which follows nose and jaw halfway."""
    line = RESTING['lip_upper_edge'][1]
    middle = line * (0.5 + 0.25 * identity.nose_length + 0.25 * identity.jaw_length)
    for name in LIP_POINTS:
        x, y = points[name]
        points[name] = np.array(
            [x * identity.mouth_width, middle + (y - line) * identity.lip_fullness]
        )
