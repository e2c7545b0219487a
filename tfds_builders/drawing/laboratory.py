"""A laboratory for drawn people: its wall, its lamps and its camera."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from tfds_builders.drawing.canvas import LEFT, RIGHT, TOP, Canvas, Colour, Lamps, shading


@dataclasses.dataclass(frozen=True)
class Laboratory:
    """How one archive's photos are taken.

    >>> from tfds_builders.demo import LABORATORIES
    >>> LABORATORIES['cfee'].size
    (300, 400)
    """

    size: tuple[int, int]  # Width and height in pixels.
    zoom: float  # Pixels per mm of face.
    eyes: tuple[float, float]  # Where the midpoint between the pupils lies, in pixels.
    wall: tuple[Colour, Colour]  # RGB at the top and the bottom.
    lamps: Lamps
    shirts: tuple[Colour, ...]
    blur: float  # Standard deviation in pixels.
    grain: float  # Standard deviation of the noise, of a full scale of 1.
    tilt: float  # Standard deviation of the head's roll in degrees.
    strength: tuple[float, float]  # Range of the display's intensity.


def take_photo(canvas: Canvas, laboratory: Laboratory, rng: np.random.Generator) -> np.ndarray:
    """The photo of a drawn person, uint8 [height, width, RGB]."""
    width, height = laboratory.size
    turn = np.deg2rad(rng.normal(0, laboratory.tilt))
    zoom = laboratory.zoom * rng.uniform(0.97, 1.03)
    eyes = np.array(laboratory.eyes) + rng.normal(0, 3, 2)
    spin = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    paint = _frame(np.dstack([canvas.colour, canvas.cover]), spin, eyes, laboratory)
    light = _frame(shading(canvas, laboratory.lamps), spin, eyes, laboratory)
    photo = _wall(laboratory)
    photo = photo + paint[..., 3:] * (_expose(paint[..., :3], light, laboratory.lamps) - photo)
    if laboratory.blur:
        photo = cv2.GaussianBlur(photo, (0, 0), laboratory.blur)
    grain = rng.standard_normal((height, width, 1), np.float32)
    photo = photo * np.float32(rng.uniform(0.94, 1.05)) + np.float32(laboratory.grain) * grain
    rounded: np.ndarray = np.round(np.clip(photo, 0, 1) * 255).astype(np.uint8)
    return rounded


def _frame(
    layer: np.ndarray, spin: np.ndarray, eyes: np.ndarray, laboratory: Laboratory
) -> np.ndarray:
    """A canvas layer [any resolution] as the camera sees it, [height, width, channels].

    `spin` [2, 2] takes mm of face to pixels; `eyes` [2] is where the face's origin lands.
    """
    per_mm = layer.shape[1] / (RIGHT - LEFT)
    corner = np.array([LEFT, TOP]) + 0.5 / per_mm
    warp = np.column_stack([spin / per_mm, spin @ corner + eyes])
    return cv2.warpAffine(layer, warp, laboratory.size, borderMode=cv2.BORDER_REPLICATE)


def _expose(paint: np.ndarray, light: np.ndarray, lamps: Lamps) -> np.ndarray:
    """Painted colours [height, width, RGB] under the lamps, in the same shape."""
    key, fill, gloss = (light[..., i : i + 1] for i in range(3))
    sum_of_lamps = key * np.array(lamps.key, np.float32) + fill * np.array(lamps.fill, np.float32)
    lit: np.ndarray = paint * sum_of_lamps + gloss * np.float32(lamps.gloss)
    return lit


def _wall(laboratory: Laboratory) -> np.ndarray:
    """The empty background, float32 [height, width, RGB]."""
    width, height = laboratory.size
    top, bottom = np.array(laboratory.wall, np.float32)
    fall = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    return np.broadcast_to(top + (bottom - top) * fall, (height, width, 3))
