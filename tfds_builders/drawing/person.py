"""Draws one person of `anatomy` on a `canvas`: body, head, features, creases and hair."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from tfds_builders.drawing.anatomy import (
    CREASES,
    Activation,
    Identity,
    Points,
    move_points,
    resting_points,
)
from tfds_builders.drawing.canvas import (
    LEFT,
    SCALE,
    TOP,
    Canvas,
    arch,
    area,
    blank_canvas,
    bump,
    ellipse,
    mask_of,
    mirrored,
    paint,
    shade,
    smooth,
    solid,
)

INK = (0.07, 0.05, 0.05)
SIDES = ((0, -1), (1, 1))  # Index of a picture side in `Points` and its sign along x.


class Hair(NamedTuple):
    """Shape of a hair style, in mm."""

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


def draw_person(
    identity: Identity,
    activation: Activation,
    gaze: float,
    shirt: np.ndarray,
    rng: np.random.Generator,
) -> Canvas:
    """The whole person; `gaze` moves both irises by that many mm across the picture."""
    rest = resting_points(identity)
    points = move_points(rest, activation)
    canvas = blank_canvas()
    head = head_outline(identity, points)
    _draw_back_hair(canvas, identity, rng)
    _draw_body(canvas, identity, shirt)
    _draw_head(canvas, identity, points, activation, head)
    _draw_skin(canvas, identity, points, area(head))
    _draw_creases(canvas, points, activation)
    _draw_nose(canvas, identity, points)
    _draw_mouth(canvas, identity, points)
    for side, sign in SIDES:
        _draw_eye(canvas, identity, rest, points, side, gaze)
        _draw_brow(canvas, identity, points, side, sign, rng)
    _draw_front_hair(canvas, identity, rng)
    return canvas


def head_outline(identity: Identity, points: Points) -> np.ndarray:
    """Skull and jaw as a closed curve [n, 2] in mm; the jaw follows its action units."""
    width = identity.face_width
    skull = [(0, -112), (34, -105), (60, -82), (71, -45), (72, -5), (69, 30)]
    half = [(x * width, y) for x, y in skull]
    half += [tuple(points[name][1]) for name in ('jaw', 'chin_side', 'chin')]
    return smooth(mirrored(half), closed=True)


def _draw_body(canvas: Canvas, identity: Identity, shirt: np.ndarray) -> None:
    skin, wide = np.array(identity.skin), 50 * identity.face_width * identity.jaw_width
    neck = [(0, 60), (wide, 60), (wide, 105), (wide + 4, 135), (80, 152), (110, 200), (0, 230)]
    solid(canvas, smooth(mirrored(neck), closed=True), skin * (0.93, 0.88, 0.86), -75, 40)
    collar = [(0, 184), (34, 174), (58, 152), (70, 147)]
    torso = [*collar, (112, 164), (150, 192), (165, 320), (0, 320)]
    solid(canvas, smooth(mirrored(torso), closed=True), shirt, -70, 34)
    shade(canvas, smooth(mirrored(collar)[:4] * (1, 1) + (0, 3)), 0.3, line=1.2, soft=0.5)
    shade(canvas, smooth(mirrored(collar)[:4] * (-1, 1) + (0, 3)), 0.3, line=1.2, soft=0.5)


def _draw_head(
    canvas: Canvas, identity: Identity, points: Points, activation: Activation, head: np.ndarray
) -> None:
    skin = np.array(identity.skin)
    for _, sign in SIDES:
        ear = ellipse((sign * 75 * identity.face_width, 14), (9, 22), sign * 0.15)
        solid(canvas, ear, skin * (0.98, 0.90, 0.88), -8, 9)
        shade(canvas, ellipse((sign * 76 * identity.face_width, 12), (4, 13)), 0.45, soft=2)
    # The chin throws its shadow on the neck.
    shade(canvas, head * (0.9, 1) + (0, 13), 0.75, soft=6)
    solid(canvas, head, skin, 0, 42)
    _raise_upper_face(canvas, identity, points)
    _raise_lower_face(canvas, points, activation)


def _raise_upper_face(canvas: Canvas, identity: Identity, points: Points) -> None:
    bump(canvas, (0, -58), (42, 24), 7)
    tip = points['nose_tip'][1, 1]
    for share, wide, height in ((0.0, 6, 3), (0.3, 6, 5), (0.62, 6.5, 8), (0.95, 8, 13)):
        bump(canvas, (0, share * tip), (wide * identity.nose_width, 8), height)
    for side, sign in SIDES:
        brow, eye = points['brow_peak'][side], points['pupil'][side]
        bump(canvas, (brow[0] * 0.85, brow[1] + 4), (19, 6), 3.0)
        bump(canvas, (eye[0] - sign * 3, eye[1] - 3), (15, 9), -8)
        bump(canvas, eye, (10, 7), 4)
        wing = points['nose_wing'][side]
        bump(canvas, wing - (sign * 4, 0), (5, 5.5), 6)


def _raise_lower_face(canvas: Canvas, points: Points, activation: Activation) -> None:
    mouth, chin = points['lip_upper_edge'][0, 1], points['chin'][0, 1]
    bump(canvas, (0, mouth), (26, 15), 6)
    bump(canvas, (0, points['lip_dip'][0, 1] + 2), (15, 4), 2.5)
    bump(canvas, (0, points['lip_bottom'][0, 1] - 3), (13, 4), 3.5)
    bump(canvas, (0, points['lip_bottom'][0, 1] + 6), (16, 4), -3.5)
    bump(canvas, (0, chin - 13), (15, 9), 7)
    bump(canvas, (0, points['lip_dip'][0, 1] - 8), (2.5, 6), -1.2)
    raised = np.maximum(activation.get('AU6', np.zeros(2)), activation.get('AU12', np.zeros(2)))
    for side, sign in SIDES:
        bump(canvas, points['cheek'][side], (17, 13), 5 + 5 * raised[side])
        corner = points['lip_corner'][side]
        bump(canvas, corner + (sign * 14, 10), (10, 18), -3)


def _draw_skin(canvas: Canvas, identity: Identity, points: Points, inside: np.ndarray) -> None:
    skin = np.array(identity.skin)
    blush = skin * (1.0, 0.72, 0.70)
    paint(canvas, ellipse(points['nose_tip'][0], (9, 8)), blush, 0.35, soft=5, within=inside)
    for side, sign in SIDES:
        cheek = points['cheek'][side] - (0, 4)
        paint(canvas, ellipse(cheek, (17, 11)), blush, 0.5, soft=7, within=inside)
        under = points['lid_lower'][side] + (-sign * 3, 4)
        shade(canvas, ellipse(under, (13, 3)), 0.2, soft=3)
    if identity.beard:
        _draw_beard(canvas, identity, points, inside)


def _draw_beard(canvas: Canvas, identity: Identity, points: Points, inside: np.ndarray) -> None:
    colour = np.array(identity.hair) * 0.6 + np.array(identity.skin) * 0.15
    mouth, chin = points['lip_upper_edge'][0, 1], points['chin'][0, 1]
    half = [(0, mouth - 14), (22, mouth - 13), (38, mouth + 2), (56, mouth - 28), (76, mouth - 60)]
    half += [(80, mouth + 20), (50, chin + 10), (0, chin + 12)]
    opacity = identity.beard * 0.75
    paint(canvas, smooth(mirrored(half), closed=True), colour, opacity, soft=4, within=inside)


def _draw_creases(canvas: Canvas, points: Points, activation: Activation) -> None:
    """A crease is a soft dark furrow with a lit edge below it."""
    for unit, level in activation.items():
        for anchor, line in CREASES.get(unit, []):
            for side, sign in SIDES:
                if level[side] < 0.05:
                    continue
                furrow = smooth(points[anchor][side] + np.array(line) * (sign, 1))
                shade(canvas, furrow, 0.75 * level[side], line=1.6, soft=1.1)
                shade(canvas, furrow + (0, 2.6), -0.25 * level[side], line=2, soft=1.2)


def _draw_nose(canvas: Canvas, identity: Identity, points: Points) -> None:
    wide = identity.nose_width
    base = points['nose_wing'][:, 1].mean() + 5
    shade(canvas, ellipse((0, base + 3), (13 * wide, 3)), 0.45, soft=2)
    for side, sign in SIDES:
        wing = points['nose_wing'][side]
        rim = smooth(wing + np.array([(-2.5, -8), (0.8, -3), (1, 2), (-2.5, 5.5)]) * (sign, 1))
        shade(canvas, rim, 0.55, line=1.4, soft=0.8)
        hole = ellipse((sign * 6.3 * wide, wing[1] + 3.6), (3.7 * wide, 1.7), sign * 0.3)
        paint(canvas, hole, (0.13, 0.05, 0.04), 0.85, soft=0.5)
        flank = smooth([(sign * 7.5 * wide, 2), (sign * 8 * wide, 14), (sign * 10.5 * wide, 28)])
        shade(canvas, flank, 0.14, line=3, soft=2)


def lip_curves(points: Points) -> dict[str, np.ndarray]:
    """Outer and inner edges of both lips, each [n, 2] from picture left to picture right."""
    left, right = points['lip_corner']
    peak_left, peak_right = points['lip_peak']
    dip, upper, lower, bottom = (
        points[name][0] for name in ('lip_dip', 'lip_upper_edge', 'lip_lower_edge', 'lip_bottom')
    )
    # A dropped jaw rounds the mouth.
    roundness = float(np.interp(lower[1] - upper[1], (8, 20), (0.7, 0.5)))
    rise = [
        (corner + peak) / 2 + (0, 0.18 * (peak[1] - corner[1]))
        for corner, peak in ((left, peak_left), (right, peak_right))
    ]
    return {
        'top': smooth([left, rise[0], peak_left, dip, peak_right, rise[1], right]),
        'upper': arch(left, upper, right, roundness + 0.1),
        'lower': arch(left, lower, right, roundness),
        'bottom': arch(left, bottom, right, roundness),
    }


def _draw_mouth(canvas: Canvas, identity: Identity, points: Points) -> None:
    curves = lip_curves(points)
    skin = np.array(identity.skin)
    rouge = skin * (0.86, 0.52, 0.52)
    lips = np.concatenate([curves['top'], curves['bottom'][::-1]])
    paint(canvas, lips, rouge, soft=0.5)
    upper = np.concatenate([curves['top'], curves['upper'][::-1]])
    shade(canvas, upper, 0.28, soft=0.4)
    opening = np.concatenate([curves['upper'], curves['lower'][::-1]])
    gap = points['lip_lower_edge'][0, 1] - points['lip_upper_edge'][0, 1]
    if gap > 2:
        _draw_mouth_inside(canvas, curves, opening, gap)
    else:
        paint(canvas, curves['upper'], rouge * 0.35, 0.9, line=1.3, soft=0.35)
    paint(canvas, curves['upper'], rouge * 0.35, 0.6, line=0.7, soft=0.3)
    shine = curves['lower'][8:-8] * 0.4 + curves['bottom'][8:-8] * 0.6
    shade(canvas, shine, -0.35, line=1.5, soft=1)
    for side, _ in SIDES:
        shade(canvas, ellipse(points['lip_corner'][side], (2.2, 1.8)), 0.6, soft=1)
    below = curves['bottom'][6:-6] + (0, 3)
    shade(canvas, below, 0.3, line=3, soft=2)


def _draw_mouth_inside(canvas: Canvas, curves: dict, opening: np.ndarray, gap: float) -> None:
    inside = area(opening)
    paint(canvas, opening, (0.20, 0.05, 0.05))
    upper, lower = curves['upper'], curves['lower']
    if gap > 12:
        tongue = ellipse(lower[12] - (0, 1), (13, 0.38 * gap))
        paint(canvas, tongue, (0.66, 0.30, 0.30), soft=1.2, within=inside)
    # A smile bares the teeth; a dropped jaw leaves only their edge.
    tall = float(np.interp(gap, (0, 10, 20), (0, 8, 4)))
    teeth = np.concatenate([upper[2:-2], upper[2:-2][::-1] + (0, tall)])
    paint(canvas, teeth, (0.93, 0.90, 0.84), soft=0.3, within=inside)
    for x in np.arange(-22, 23, 6.2) + 0.6:
        row = np.interp(x, upper[:, 0], upper[:, 1])
        paint(canvas, [(x, row), (x, row + tall)], (0.6, 0.5, 0.45), 0.5, line=0.5, within=inside)
    # The lips shade what lies behind them, most towards the corners.
    shade(canvas, upper, 0.5, line=2.4, soft=1, within=inside)
    for corner in (upper[0], upper[-1]):
        shade(canvas, ellipse(corner, (7, 6)), 0.8, soft=3, within=inside)


def eye_curves(points: Points, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower lid lines [n, 2] of one eye, both from its inner to its outer corner."""
    inner, outer = points['eye_inner'][side], points['eye_outer'][side]
    upper = arch(inner, points['lid_upper'][side], outer, 0.7)
    return upper, arch(inner, points['lid_lower'][side], outer, 0.85)


def _draw_eye(
    canvas: Canvas, identity: Identity, rest: Points, points: Points, side: int, gaze: float
) -> None:
    upper, lower = eye_curves(points, side)
    opening = np.concatenate([upper, lower[::-1]])
    inside = area(opening)
    paint(canvas, opening, (0.92, 0.90, 0.88))
    paint(canvas, ellipse(upper[0], (3.5, 3)), (0.80, 0.50, 0.46), 0.8, soft=0.8, within=inside)
    _draw_iris(canvas, identity, points['pupil'][side] + (gaze, -0.4), inside)
    shade(canvas, upper + (0, 0.8), 0.55, line=2.2, soft=0.9, within=inside)
    shade(canvas, lower, 0.5, line=0.9, soft=0.4)
    lashes = 1.9 if identity.hair_style in ('long', 'bob', 'fringe', 'bun', 'parted_long') else 1.4
    paint(canvas, upper, INK, 0.9, line=lashes, soft=0.3)
    _draw_lid_fold(canvas, rest, points, side, upper)


def _draw_iris(canvas: Canvas, identity: Identity, centre: np.ndarray, inside: np.ndarray) -> None:
    radius = 5.9 * identity.eye_size
    iris = np.array(identity.iris)
    for size, colour in ((1, iris * 0.45), (0.86, iris), (0.62, iris * 1.25), (0.42, (0.02,) * 3)):
        ring = ellipse(centre, (radius * size, radius * size))
        paint(canvas, ring, np.clip(colour, 0, 1), soft=0.35, within=inside)
    glint = ellipse(centre + (-1.9, -2.2), (1.3, 1.3))
    paint(canvas, glint, (1.25, 1.25, 1.25), soft=0.25, within=inside)


def _draw_lid_fold(
    canvas: Canvas, rest: Points, points: Points, side: int, upper: np.ndarray
) -> None:
    """The fold above the lid stays where the socket is, so a raised lid slides under it."""
    follow = 0.3 * (points['brow_peak'][side, 1] - rest['brow_peak'][side, 1])
    height = rest['lid_upper'][side, 1] - 4.5 + follow
    apex = points['lid_upper'][side].copy()
    apex[1] = min(height, apex[1] - 2)
    fold = arch(upper[0] - (0, 2), apex, upper[-1] + (0, -2), 0.7)[2:]
    shade(canvas, np.concatenate([fold, upper[::-1]]), 0.22, soft=1)
    shade(canvas, fold, 0.6, line=1.0, soft=0.5)


def _draw_brow(
    canvas: Canvas,
    identity: Identity,
    points: Points,
    side: int,
    sign: int,
    rng: np.random.Generator,
) -> None:
    ends = [points[name][side] for name in ('brow_inner', 'brow_peak', 'brow_outer')]
    spine = smooth(ends, steps=16)
    thick = 3.0 * identity.brow_thickness
    width = thick * np.interp(np.linspace(0, 1, len(spine)), [0, 0.15, 0.6, 1], [0.7, 1, 0.8, 0.2])
    band = np.concatenate(
        [
            spine - np.stack([0 * width, width], 1),
            spine[::-1] + np.stack([0 * width, width[::-1]], 1),
        ]
    )
    colour = np.array(identity.hair) * 0.62
    paint(canvas, band, colour, 0.7, soft=0.7)
    for at in rng.integers(0, len(spine), 34):
        root = spine[at] + (0, rng.uniform(-0.2, 1) * width[at])
        tip = root + (sign * rng.uniform(2.5, 4.5), -rng.uniform(0.6, 1.4) * width[at])
        paint(canvas, [root, tip], colour * rng.uniform(0.5, 1.1), 0.7, line=0.5)


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
    return coarse[(turn * 127).astype(int)] + fine[(turn * 1023).astype(int)]


def _draw_back_hair(canvas: Canvas, identity: Identity, rng: np.random.Generator) -> None:
    shape = HAIR_SHAPES[identity.hair_style]
    width = identity.face_width
    if shape.back is not None:
        end = shape.back
        half = [(0, -100), (60, -90), (82, -40), (88, 20), (90, end - 30), (74, end), (0, end + 4)]
        curve = smooth(mirrored([(x * width, y) for x, y in half]), closed=True)
        _draw_strands(canvas, identity, curve, -95, rng)
    if shape.bun is not None:
        _draw_strands(canvas, identity, ellipse((0, -126), (shape.bun, 20)), -60, rng)


def _draw_front_hair(canvas: Canvas, identity: Identity, rng: np.random.Generator) -> None:
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
