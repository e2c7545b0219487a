"""Draws the mouth of a person on a `canvas`: lips, teeth and tongue."""

from __future__ import annotations

import numpy as np

from tfds_builders.drawing.anatomy import SIDES, Identity, Points
from tfds_builders.drawing.canvas import Canvas, arch, area, ellipse, paint, shade, smooth


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


def draw_mouth(canvas: Canvas, identity: Identity, points: Points) -> None:
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


def _draw_mouth_inside(
    canvas: Canvas, curves: dict[str, np.ndarray], opening: np.ndarray, gap: float
) -> None:
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
