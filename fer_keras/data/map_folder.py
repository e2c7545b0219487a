"""Saliency maps that somebody else computed, read from a folder: `saliency=folder:/path`."""

from __future__ import annotations

import pathlib

import cv2
import numpy as np

from fer_keras.errors import InvalidInputError, MissingFileError

SUFFIXES = ('.png', '.jpg', '.jpeg', '.npy')
LARGEST_ASPECT_ERROR = 0.02


def read_precomputed(folder: str, file_name: str, size: tuple[int, int]) -> np.ndarray:
    """The map of `file_name` at the size of its image: float32 `[*size, 1]` in [0, 1].

    Args:
        folder: As for `read_map`.
        file_name: Of the image, relative to its own folder.
        size: (height, width) of the image.

    Raises:
        MissingFileError: There is no map for the image.
        InvalidInputError: The map is no plane, has another aspect, or leaves [0, 1].
    """
    values = read_map(folder, file_name)
    aspect = values.shape[0] / values.shape[1] * size[1] / size[0]
    if abs(aspect - 1) > LARGEST_ASPECT_ERROR:
        raise InvalidInputError(
            f'A map must have the aspect of its image, {size[0]}x{size[1]}. '
            f'Received: {values.shape[0]}x{values.shape[1]} in {find_map(folder, file_name)}.'
        )
    resized = cv2.resize(values, size[::-1], interpolation=cv2.INTER_LINEAR)
    return np.clip(resized, 0, 1)[:, :, None]


def read_map(folder: str, file_name: str) -> np.ndarray:
    """The map of `file_name` at its own size: float32 `[height, width]` in [0, 1].

    Args:
        folder: Holds one grey picture (8 or 16 bits) or `.npy` (in [0, 1]) for each image, of the
            same path and name but for the suffix.
        file_name: Of the image, relative to its own folder.

    Raises:
        MissingFileError: There is no map for the image.
        InvalidInputError: The map is no plane, or leaves [0, 1].
    """
    path = find_map(folder, file_name)
    values = np.squeeze(np.load(path) if path.suffix == '.npy' else _read_picture(path))
    if values.ndim != 2:
        raise InvalidInputError(
            f'A map must be [height, width]. Received: {values.shape} in {path}.'
        )
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise InvalidInputError(
            f'A map must be finite and in [0, 1]. Received: {values.min()} to {values.max()} '
            f'in {path}. Divide it by its maximum.'
        )
    return values.astype(np.float32)


def find_map(folder: str, file_name: str) -> pathlib.Path:
    """The first of `SUFFIXES` that exists."""
    stem = (pathlib.Path(folder).expanduser() / file_name).with_suffix('')
    for suffix in SUFFIXES:
        path = pathlib.Path(f'{stem}{suffix}')
        if path.is_file():
            return path
    raise MissingFileError(
        f'No saliency map for {file_name}: looked for {stem} with {SUFFIXES}. Write maps with: '
        'python -m fer_keras.saliency_maps --input=IMAGES --output=OUTPUT; they lie in OUTPUT/maps.'
    )


def _read_picture(path: pathlib.Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise InvalidInputError(f'{path} cannot be read as an image: write it again.')
    return picture.astype(np.float32) / (65535 if picture.dtype == np.uint16 else 255)
