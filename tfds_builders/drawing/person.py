"""Draws one person of `anatomy` on a `canvas`: body, head, skin, creases, nose and eyes."""

from __future__ import annotations

import numpy as np

from tfds_builders.drawing.action_units import CREASES, Activation, move_points
from tfds_builders.drawing.anatomy import SIDES, Identity, Points, resting_points
from tfds_builders.drawing.canvas import (
    Canvas,
    arch,
    area,
    blank_canvas,
    bump,
    ellipse,
    mirrored,
    paint,
    shade,
    smooth,
    solid,
)
from tfds_builders.drawing.hair import draw_back_hair, draw_front_hair
from tfds_builders.drawing.mouth import draw_mouth

INK = (0.07, 0.05, 0.05)


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
    draw_back_hair(canvas, identity, rng)
    _draw_body(canvas, identity, shirt)
    _draw_head(canvas, identity, points, activation, head)
    _draw_skin(canvas, identity, points, area(head))
    _draw_creases(canvas, points, activation)
    _draw_nose(canvas, identity, points)
    draw_mouth(canvas, identity, points)
    for side, sign in SIDES:
        _draw_eye(canvas, identity, rest, points, side, gaze)
        _draw_brow(canvas, identity, points, side, sign, rng)
    draw_front_hair(canvas, identity, rng)
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
