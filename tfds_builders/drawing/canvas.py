"""A canvas in millimetres: painted surface colours over a relief that lamps can shade.

The canvas has `SCALE` pixels per mm and is later warped to a photo about 1.6 times smaller, which
smooths every edge. Colours are RGB floats in 0..1 as they look under white light; the relief holds
the surface's height on a grid of 1 mm, from which `shading` computes what the lamps reach.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

SCALE = 2
LEFT, TOP, RIGHT, BOTTOM = -136, -160, 136, 248  # Edges of the canvas in mm.
GRID_X = np.arange(LEFT, RIGHT, dtype=np.float32) + 0.5  # Columns of the relief.
GRID_Y = np.arange(TOP, BOTTOM, dtype=np.float32) + 0.5
WALL = -110.0  # Height of the wall behind the person, in mm; the rim of the head is at 0.
SHADOW = np.array([0.50, 0.30, 0.25], np.float32)  # What a full skin shadow leaves of R, G and B.

Colour = tuple[float, float, float] | np.ndarray
Point = Sequence[float] | np.ndarray  # x and y, in mm.
Curve = npt.ArrayLike  # Points in a row, [n, 2].
Window = tuple[slice, slice]


@dataclasses.dataclass(frozen=True)
class Canvas:
    """Three layers drawn together; the functions below change them in place.

    >>> blank_canvas().cover.max()
    np.float32(0.0)
    """

    colour: np.ndarray  # float32 [pixel rows, pixel columns, RGB].
    cover: np.ndarray  # float32 [pixel rows, pixel columns], 1 where the person hides the wall.
    relief: np.ndarray  # float32 [mm down, mm across], height towards the camera in mm.


@dataclasses.dataclass(frozen=True)
class Lamps:
    """`key` comes from `direction` (x right, y down, z to the camera); `fill` from everywhere.

    >>> Lamps((0, -1, 1), key=(0.9, 0.9, 0.9), fill=(0.3, 0.3, 0.3), gloss=0.1).gloss
    0.1
    """

    direction: tuple[float, float, float]
    key: tuple[float, float, float]
    fill: tuple[float, float, float]
    gloss: float


def blank_canvas() -> Canvas:
    """Nothing but the wall."""
    rows, columns = (BOTTOM - TOP) * SCALE, (RIGHT - LEFT) * SCALE
    return Canvas(
        np.zeros((rows, columns, 3), np.float32),
        np.zeros((rows, columns), np.float32),
        np.full((BOTTOM - TOP, RIGHT - LEFT), WALL, np.float32),
    )


def smooth(points: Curve, closed: bool = False, steps: int = 8) -> np.ndarray:
    """A Catmull-Rom curve through `points` [n, 2], as float [about n * steps, 2]."""
    knots = np.asarray(points, float)
    before, after = (knots[-1:], knots[:2]) if closed else (knots[:1], knots[-1:])
    padded = np.concatenate([before, knots, after])
    a, b, c, d = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.concatenate([curve.reshape(-1, 2), knots[:1] if closed else knots[-1:]])


def arch(
    start: Point, apex: Point, end: Point, roundness: float = 0.8, steps: int = 25
) -> np.ndarray:
    """A lid or lip line [steps, 2] from `start` over `apex` to `end`; a low roundness is boxy."""
    (x0, y0), (x1, y1), (x2, y2) = start, apex, end
    u = np.linspace(-1, 1, steps)
    x = x1 + np.where(u < 0, u * (x1 - x0), u * (x2 - x1))
    base = y0 + (y2 - y0) * (x - x0) / (x2 - x0)
    rise = y1 - (y0 + (y2 - y0) * (x1 - x0) / (x2 - x0))
    return np.stack([x, base + rise * (1 - u**2) ** roundness], axis=1)


def mirrored(half: Curve) -> np.ndarray:
    """The closed outline whose right half, from its top to its bottom midline point, is `half`."""
    right = np.asarray(half, float)
    aside = right[np.abs(right[:, 0]) > 1e-6]
    return np.concatenate([right, aside[::-1] * (-1, 1)])


def ellipse(centre: Point, radii: Point, turn: float = 0.0) -> np.ndarray:
    """Outline [32, 2] of an ellipse; `turn` in radians, clockwise on the picture."""
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    flat = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radii
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    outline: np.ndarray = np.asarray(centre) + flat @ spin
    return outline


def mask_of(
    curve: Curve, soft: float = 0.0, line: float | None = None, within: np.ndarray | None = None
) -> tuple[Window, np.ndarray]:
    """Window around `curve` [n, 2] and the share (0..1) of each pixel there that it encloses.

    Args:
        soft: Standard deviation of the edge's blur, in mm.
        line: Draw an open line of this width in mm instead of filling the outline.
        within: Full-size mask that limits the share.
    """
    place = (np.asarray(curve, float) - (LEFT, TOP)) * SCALE
    size = np.array([RIGHT - LEFT, BOTTOM - TOP]) * SCALE
    margin = 2 + SCALE * (3 * soft + (line or 0))
    x0, y0 = np.clip(place.min(axis=0) - margin, 0, size - 1).astype(int)
    x1, y1 = np.clip(place.max(axis=0) + margin, (x0 + 1, y0 + 1), size).astype(int)
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    # OpenCV takes positions with four fractional bits (shift=4), counted from pixel centres.
    fixed = [np.round((place - (x0, y0) - 0.5) * 16).astype(np.int32)]
    if line is None:
        cv2.fillPoly(mask, fixed, 255, cv2.LINE_AA, 4)
    else:
        cv2.polylines(mask, fixed, False, 255, max(1, round(line * SCALE)), cv2.LINE_AA, 4)
    share: np.ndarray = mask.astype(np.float32) / 255
    if soft:
        share = cv2.GaussianBlur(share, (0, 0), soft * SCALE)
    window = (slice(y0, y1), slice(x0, x1))
    return window, share if within is None else share * within[window]


def area(curve: Curve) -> np.ndarray:
    """Full-size mask of `curve` [n, 2], for `within`."""
    full = np.zeros(((BOTTOM - TOP) * SCALE, (RIGHT - LEFT) * SCALE), np.float32)
    window, share = mask_of(curve)
    full[window] = share
    return full


def paint(
    canvas: Canvas,
    curve: Curve,
    colour: Colour,
    opacity: float = 1.0,
    *,
    soft: float = 0.0,
    line: float | None = None,
    within: np.ndarray | None = None,
) -> None:
    """Covers an area or line with `colour`; the keywords are those of `mask_of`."""
    window, share = mask_of(curve, soft, line, within)
    spot = canvas.colour[window]
    spot += (share * opacity)[..., None] * (np.asarray(colour, np.float32) - spot)


def shade(
    canvas: Canvas,
    curve: Curve,
    depth: float,
    *,
    soft: float = 0.0,
    line: float | None = None,
    within: np.ndarray | None = None,
) -> None:
    """Multiplies an area or line towards skin shadow; a negative `depth` lightens it.

    The keywords are those of `mask_of`.
    """
    window, share = mask_of(curve, soft, line, within)
    canvas.colour[window] *= 1 - (share * depth)[..., None] * (1 - SHADOW)


def solid(canvas: Canvas, curve: Curve, colour: Colour, level: float, radius: float) -> None:
    """Lays an opaque, pillow-shaped body on what is there.

    Its rim lies at `level` mm, or on anything higher; its middle is `radius` mm above that.
    """
    window, share = mask_of(curve)
    canvas.cover[window] = np.maximum(canvas.cover[window], share)
    paint(canvas, curve, colour)
    outline = np.round(np.asarray(curve) - (LEFT, TOP)).astype(np.int32)
    inside = cv2.fillPoly(np.zeros(canvas.relief.shape, np.uint8), [outline], 1)
    rim = np.minimum(cv2.distanceTransform(inside, cv2.DIST_L2, 5), radius)
    pillow = np.sqrt(2 * radius * rim - rim**2)
    pillow = cv2.GaussianBlur(pillow, (0, 0), radius / 6)  # Rounds the ridges of the distance.
    height = np.maximum(canvas.relief, np.float32(level)) + pillow
    # A mm wider than the paint, whose edge would else be speckled with the ground below.
    wider = cv2.dilate(inside, np.ones((3, 3), np.uint8)).astype(bool)
    np.copyto(canvas.relief, height, where=wider)


def bump(canvas: Canvas, centre: Point, spread: Point, height: float) -> None:
    """Adds a Gaussian hill (or a hole) of `height` mm with standard deviations `spread` mm."""
    (x, y), (wide, tall) = centre, spread
    across = np.exp(-0.5 * ((GRID_X - x) / wide) ** 2)
    down = np.exp(-0.5 * ((GRID_Y - y) / tall) ** 2)
    canvas.relief[:] += np.float32(height) * np.outer(down, across)


def shading(canvas: Canvas, lamps: Lamps) -> np.ndarray:
    """Shares (0..1) of key light, fill light and gloss, as float32 [mm down, mm across, 3]."""
    relief = cv2.GaussianBlur(canvas.relief, (0, 0), 1.2)
    # Slopes are limited, or every rim would end in a black outline.
    slope_x = np.clip(cv2.Sobel(relief, cv2.CV_32F, 1, 0, scale=1 / 8), -1.6, 1.6)
    slope_y = np.clip(cv2.Sobel(relief, cv2.CV_32F, 0, 1, scale=1 / 8), -1.6, 1.6)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    x, y, z = (np.array(lamps.direction) / np.linalg.norm(lamps.direction)).tolist()
    facing = (z - x * slope_x - y * slope_y) / length
    # Light wraps a little around edges, as it does from a studio's soft box.
    key = np.clip((facing + 0.25) / 1.25, 0, 1)
    hollow = np.clip(cv2.GaussianBlur(relief, (0, 0), 7) - relief, 0, 12) / 12
    halfway = float(np.linalg.norm([x, y, z + 1]))
    gloss = np.clip((z + 1 - x * slope_x - y * slope_y) / (halfway * length), 0, 1) ** 24
    shares: np.ndarray = cv2.merge([key * (1 - 0.4 * hollow), 1 - 0.7 * hollow, gloss])
    return shares
