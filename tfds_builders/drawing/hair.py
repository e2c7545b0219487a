"""Draws the hair of a person on a `canvas`, behind and before the head."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from tfds_builders.drawing.anatomy import SIDES, Identity
from tfds_builders.drawing.canvas import (
    LEFT,
    SCALE,
    TOP,
    Canvas,
    ellipse,
    mask_of,
    mirrored,
    shade,
    smooth,
    solid,
)


class Hair(NamedTuple):
    """Shape of a hair style, in mm.

    >>> HAIR_SHAPES['bob'].back
    84
    """

    line: tuple[float, float, float]  # Height of the hairline at midline, corner and temple.
    volume: float  # Above the skull.
    sides: float  # How far it covers the ears.
    back: float | None = None  # Where hair behind the neck ends.
    bun: float | None = None  # Half the width of a bun.


HAIR_SHAPES = {
    'short': Hair((-72, -66, -30), 8, 2),
    'crop': Hair((-74, -70, -34), 3, 0),
    'parted': Hair((-66, -72, -30), 11, 6),
    'curly': Hair((-68, -62, -30), 14, 8),
    'receding': Hair((-78, -92, -34), 4, 4),
    'long': Hair((-78, -62, -28), 10, 10, back=150),
    'bob': Hair((-74, -58, -22), 11, 14, back=84),
    'fringe': Hair((-42, -42, -22), 10, 14, back=110),
    'bun': Hair((-78, -68, -32), 5, 0, bun=26),
    'parted_long': Hair((-82, -56, -20), 9, 12, back=170),
}


def _draw_strands(
    canvas: Canvas, identity: Identity, curve: np.ndarray, level: float, rng: np.random.Generator
) -> None:
    """A body of hair whose strands run away from the crown, or a tangle when it is curly."""
    colour = np.array(identity.hair)
    solid(canvas, curve, colour, level, 8)
    (rows, columns), share = mask_of(curve)
    if identity.hair_style == 'curly':
        noise = cv2.GaussianBlur(rng.standard_normal(share.shape, np.float32), (0, 0), 1.6 * SCALE)
        strands = 2.2 * noise
    else:
        strands = _radial_strands(rows, columns, rng)
    canvas.colour[rows, columns] *= (1 + np.clip(strands, -0.5, 0.6) * share)[..., None]


def _radial_strands(rows: slice, columns: slice, rng: np.random.Generator) -> np.ndarray:
    """Relative brightness around 0 of strands that leave the crown, for a window of pixels."""
    x = np.arange(columns.start, columns.stop) / SCALE + LEFT
    y = np.arange(rows.start, rows.stop) / SCALE + TOP
    turn = np.arctan2(x[None, :], y[:, None] + 118) / (2 * np.pi) + 0.5
    coarse, fine = rng.normal(0, 0.16, 128), rng.normal(0, 0.16, 1024)
    strands: np.ndarray = coarse[(turn * 127).astype(int)] + fine[(turn * 1023).astype(int)]
    return strands


def draw_back_hair(canvas: Canvas, identity: Identity, rng: np.random.Generator) -> None:
    shape = HAIR_SHAPES[identity.hair_style]
    width = identity.face_width
    if shape.back is not None:
        end = shape.back
        half = [(0, -100), (60, -90), (82, -40), (88, 20), (90, end - 30), (74, end), (0, end + 4)]
        curve = smooth(mirrored([(x * width, y) for x, y in half]), closed=True)
        _draw_strands(canvas, identity, curve, -95, rng)
    if shape.bun is not None:
        _draw_strands(canvas, identity, ellipse((0, -126), (shape.bun, 20)), -60, rng)


def draw_front_hair(canvas: Canvas, identity: Identity, rng: np.random.Generator) -> None:
    shape = HAIR_SHAPES[identity.hair_style]
    width, grow, sides = identity.face_width, shape.volume, shape.sides
    middle, corner, temple = shape.line
    outer = [(0, -113 - grow), (36, -107 - grow), (63 + grow * 0.7, -84), (73 + grow * 0.6, -45)]
    outer += [(73 + sides * 0.3, -8), (76, 2 + sides)]
    line = [(67, -1), (66, temple), (50, corner), (26, (middle + corner) / 2 - 3), (0, middle)]
    half = [(x * width, y) for x, y in outer + line]
    under = smooth([(x * width, y + 3) for x, y in line])
    for _, sign in SIDES:
        shade(canvas, under * (sign, 1), 0.4, line=4, soft=2.5)
    full = np.concatenate([half, (np.array(half) * (-1, 1))[::-1][1:]])
    _draw_strands(canvas, identity, smooth(full[:-1], closed=True), 0, rng)
