"""Pictures with boxes and labels, and their files."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pandas as pd

from fer_keras.errors import UnwritableFileError
from fer_keras.files import whole_file
from fer_keras.inference.answers import BOX

_COLOUR = (255, 170, 0)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_faces(image: np.ndarray, rows: Sequence[dict[Any, Any]]) -> np.ndarray:
    """Draws a box and a label for each face.

    Args:
        image: uint8 `[height, width, 3]`, RGB.
        rows: For each face `label`, `score` and the box in pixels: `left`, `top`, `right`,
            `bottom`; no numbers there where the picture is itself a crop.

    Returns:
        A copy of the image, drawn on.
    """
    canvas = np.ascontiguousarray(image.copy())
    for row in rows:
        has_box = not pd.isna(row['left'])
        box = [row[side] for side in BOX] if has_box else None
        draw_box(canvas, box, f'{row["label"]} {row["score"]:.0%}')
    return canvas


def draw_box(
    canvas: np.ndarray,
    box: Sequence[float] | None,
    text: str,
    colour: tuple[int, int, int] = _COLOUR,
    thinnest: int = 1,
) -> None:
    """Draws a box with its label on it.

    Args:
        canvas: uint8 `[height, width, 3]`, RGB, which is drawn on.
        box: Left, top, right and bottom in pixels; None: the label alone, in the corner.
        text: The label.
        colour: Of the box, and behind the label.
        thinnest: Pixels that its lines have at least.
    """
    # Readable on a thumbnail and on a poster.
    scale = max(0.45, max(canvas.shape[:2]) / 1100)
    line = max(1, round(scale * 2))
    (width, height), below = cv2.getTextSize(text, FONT, scale, line)
    left, top = 0, height + below + line
    if box is not None:
        left, top, right, bottom = (round(place) for place in box)
        cv2.rectangle(canvas, (left, top), (right, bottom), colour, max(thinnest, line))
    # Inside the picture, whatever the face.
    left = min(max(left, 0), max(0, canvas.shape[1] - width))
    top = max(top, height + below + line)
    corner = (left, top - height - below - line)
    cv2.rectangle(canvas, corner, (left + width, top), colour, -1)
    place = (left, top - below)
    cv2.putText(canvas, text, place, FONT, scale, ink_on(colour), line, cv2.LINE_AA)


def ink_on(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever is read better on a colour.

    >>> ink_on((255, 170, 0)), ink_on((0, 114, 178))
    ((0, 0, 0), (255, 255, 255))
    """
    # Luma by ITU-R BT.601.
    is_light = np.dot(colour, (0.299, 0.587, 0.114)) > 110
    return (0, 0, 0) if is_light else (255, 255, 255)


class OverlayFolder:
    """Writes pictures into one folder and nowhere else.

    A file is named by its own folder and name, and each source has another name.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     OverlayFolder(folder).write('trip/a.mp4', 7, np.zeros((2, 2, 3), np.uint8)).name
    'trip_a.mp4_000007.png'
    """

    def __init__(self, folder: str) -> None:
        self._folder = pathlib.Path(folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnwritableFileError(f'{folder} cannot be made: {error.strerror}.') from error
        self._names: dict[str, str] = {}

    def write(self, source: str, frame: int | None, image: np.ndarray) -> pathlib.Path:
        """Writes a PNG file, replacing one of an earlier run.

        Args:
            source: The file that the picture comes from, or `camera:0`.
            frame: Its number in a video.
            image: uint8 `[height, width, 3]`, RGB.
        """
        name = self._name_of(source) + ('' if frame is None else f'_{frame:06d}')
        path = self._folder / f'{name}.png'
        with whole_file(path) as unfinished:
            png = cv2.imencode('.png', image[:, :, ::-1])[1]
            pathlib.Path(unfinished).write_bytes(png.tobytes())
        return path

    def _name_of(self, source: str) -> str:
        if source not in self._names:
            flat = '_'.join(pathlib.Path(source).resolve().parts[-2:])
            # No separator, no leading dot, and short enough for every file system.
            flat = re.sub(r'[^\w.-]', '_', flat, flags=re.ASCII).lstrip('.')[-120:]
            taken = set(self._names.values())
            numbered = (f'{flat}_{number}' for number in range(2, len(taken) + 3))
            self._names[source] = next(n for n in (flat, *numbered) if n not in taken)
        return self._names[source]
