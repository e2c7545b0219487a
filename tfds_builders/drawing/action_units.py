"""What the muscles of a synthetic face do.

Expressions are sets of action units after the Facial Action Coding System (Ekman & Friesen 1978;
Ekman, Friesen & Hager 2002): each unit moves points and deepens skin creases in proportion to its
intensity.
"""

from __future__ import annotations

import numpy as np

from tfds_builders.drawing.anatomy import RESTING, Points

Activation = dict[str, np.ndarray]  # Intensity in [0, 1] on each picture side, by action unit.

# Displacement of points, in mm, by an action unit at full intensity on its own side.
ACTION_UNITS: dict[str, dict[str, tuple[float, float]]] = {
    # Inner brow raiser
    'AU1': {'brow_inner': (0, -10), 'brow_peak': (0, -3)},
    # Outer brow raiser
    'AU2': {'brow_inner': (0, -2), 'brow_peak': (0, -9), 'brow_outer': (1, -7)},
    # Brow lowerer
    'AU4': {'brow_inner': (-5, 7), 'brow_peak': (-3, 5), 'brow_outer': (-1, 1)},
    # Upper lid raiser
    'AU5': {'lid_upper': (0, -4.5)},
    # Cheek raiser
    'AU6': {'lid_lower': (0, -3), 'eye_outer': (0, -0.5), 'cheek': (0, -6), 'brow_outer': (0, 1.5)},
    # Lid tightener
    'AU7': {'lid_upper': (0, 2), 'lid_lower': (0, -2)},
    # Nose wrinkler
    'AU9': {
        'nose_wing': (1, -4),
        'lip_peak': (0, -4),
        'lip_dip': (0, -3),
        'lip_upper_edge': (0, -3),
        'brow_inner': (-2, 5),
        'brow_peak': (-1, 4),
        'lid_upper': (0, 1.5),
        'lid_lower': (0, -2),
        'cheek': (-1, -5),
    },
    # Upper lip raiser
    'AU10': {
        'nose_wing': (2, -1.5),
        'lip_peak': (3, -6),
        'lip_dip': (0, -5),
        'lip_upper_edge': (0, -5.5),
        'lip_corner': (0, 1),
        'cheek': (0, -2),
    },
    # Lip corner puller
    'AU12': {
        'lip_corner': (9, -9),
        'lip_peak': (3, -1),
        'lip_bottom': (0, -1),
        'nose_wing': (2, 0),
        'cheek': (1, -5),
    },
    # Dimpler
    'AU14': {'lip_corner': (4, -2.5), 'lip_peak': (1, 0.5)},
    # Lip corner depressor
    'AU15': {'lip_corner': (1, 8), 'lip_bottom': (0, -1)},
    # Chin raiser
    'AU17': {
        'lip_lower_edge': (0, -3),
        'lip_bottom': (0, -5),
        'lip_upper_edge': (0, -2.5),
        'lip_dip': (0, -1.5),
        'lip_peak': (0, -1.5),
        'lip_corner': (0, 2),
        'chin': (0, -2),
    },
    # Lip stretcher
    'AU20': {'lip_corner': (10, 3), 'lip_peak': (2, 1), 'lip_bottom': (0, -1)},
    # Lip tightener
    'AU23': {
        'lip_corner': (-3, 0),
        'lip_peak': (-1, 3.5),
        'lip_dip': (0, 3),
        'lip_bottom': (0, -4),
    },
    # Lips part
    'AU25': {'lip_upper_edge': (0, -2.5), 'lip_lower_edge': (0, 5.5), 'lip_bottom': (0, 4)},
    # Jaw drop
    'AU26': {
        'lip_lower_edge': (0, 25),
        'lip_bottom': (0, 24),
        'lip_corner': (-8, 11),
        'jaw': (-2, 7),
        'chin_side': (-2, 15),
        'chin': (0, 18),
    },
}

# Action units of each expression at full display; R is the subject's right, the picture's left.
# Prototypes after the FACS Investigator's Guide (Ekman, Friesen & Hager 2002).
EXPRESSIONS: dict[str, dict[str, float]] = {
    'neutral': {},
    'happy': {'AU6': 0.9, 'AU12': 1.0, 'AU25': 0.9},
    'sad': {'AU1': 1.0, 'AU4': 0.55, 'AU15': 1.0, 'AU17': 0.4},
    'angry': {'AU4': 1.0, 'AU5': 0.45, 'AU7': 0.8, 'AU23': 1.0, 'AU17': 0.3},
    'surprised': {'AU1': 1.0, 'AU2': 1.0, 'AU5': 0.8, 'AU26': 1.0, 'AU25': 0.3},
    'disgusted': {'AU9': 1.0, 'AU10': 1.0, 'AU17': 0.6, 'AU15': 0.3, 'AU6': 0.4},
    'fearful': {'AU1': 1.0, 'AU2': 0.5, 'AU4': 0.7, 'AU5': 1.0, 'AU20': 1.0, 'AU25': 1.0},
    'contemptuous': {'AU12R': 0.7, 'AU14R': 1.0},
}

# Creases an action unit deepens: the point they follow and a line relative to it, in mm.
CREASES: dict[str, list[tuple[str, list[tuple[float, float]]]]] = {
    'AU1': [
        ('brow_inner', [(-12, -12 - 8 * i), (-2, -13 - 8 * i), (9, -11 - 8 * i)]) for i in (0, 1)
    ],
    'AU2': [
        ('brow_peak', [(-17, -12 - 8 * i), (-3, -13 - 8 * i), (12, -9 - 7 * i)]) for i in (0, 1)
    ],
    'AU4': [('brow_inner', [(-4, -7), (-2.5, 0), (-3, 9)])],
    'AU6': [
        ('eye_outer', [(4, -1), (9, -3), (14, -7)]),
        ('eye_outer', [(4, 2), (9, 3), (14, 3)]),
        ('eye_outer', [(3, 5), (8, 9), (12, 13)]),
        ('lid_lower', [(-12, 3), (0, 6), (13, 3)]),
    ],
    'AU7': [('lid_lower', [(-11, 2.5), (0, 4.5), (12, 2.5)])],
    'AU9': [
        ('nose_wing', [(-15, -39), (-10, -37.5), (-6.5, -35)]),
        ('nose_wing', [(-15, -33), (-9, -31), (-5.5, -28)]),
        ('nose_wing', [(-15, -27), (-8, -25), (-4.5, -21)]),
        ('nose_wing', [(1, -9), (5, -4), (6, 4), (10, 12)]),
    ],
    'AU10': [('nose_wing', [(2, -8), (6, -2), (10, 9), (14, 22), (17, 32)])],
    'AU12': [('nose_wing', [(3, -5), (8, 0), (15, 10), (20, 20)])],
    'AU14': [('lip_corner', [(3.5, -6), (5.5, 0), (4, 6)])],
    'AU15': [('lip_corner', [(2, 1), (6, 7), (8, 15)])],
    'AU17': [('lip_bottom', [(0, 4.5), (8, 5.5), (14, 9)])],
    'AU20': [('lip_corner', [(6, -9), (9, 0), (8, 10)])],
    'AU26': [('lip_corner', [(4, -14), (7, 0), (5, 14)])],
}


def activate(
    expression: str, rng: np.random.Generator, strength: tuple[float, float]
) -> Activation:
    """Intensity in 0..1 of every action unit of `expression`, as float [picture side (2)].

    One draw from `strength` scales the whole display and each unit varies by a tenth around it.
    """
    display = rng.uniform(*strength)
    activation: Activation = {}
    for unit, share in EXPRESSIONS[expression].items():
        sides = np.array([1.0, 0.0]) if unit.endswith('R') else np.ones(2)
        level = np.clip(display * share * rng.uniform(0.9, 1.1), 0, 1)
        activation[unit.rstrip('R')] = sides * level
    return activation


def move_points(points: Points, activation: Activation) -> Points:
    """The same points after every active unit has pulled its own, in mm."""
    moved = {name: place.copy() for name, place in points.items()}
    for unit, level in activation.items():
        for name, (outward, down) in ACTION_UNITS[unit].items():
            moved[name] += level[:, None] * np.array([[-outward, down], [outward, down]])
    for name, (x, _) in RESTING.items():
        if x == 0:  # Both sides pull a midline point, which follows their mean.
            moved[name][:] = moved[name].mean(axis=0)
    # Closed lips touch; they do not cross.
    lowest = moved['lip_upper_edge'][:, 1] + 0.6
    moved['lip_lower_edge'][:, 1] = np.maximum(moved['lip_lower_edge'][:, 1], lowest)
    return moved
