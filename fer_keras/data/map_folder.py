"""Saliency maps that somebody else computed, read from a folder: `saliency=folder:/path`.

The map of an image lies in `FOLDER/SET/CONFIG/FILE`, such as `maps/cfee/basic_faces/1/a.png`, or in
`FOLDER/FILE`, which serves where one set alone has such a file.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

import cv2
import numpy as np

from fer_keras.errors import InvalidInputError, MissingFileError
from tfds_builders import picture_files
from tfds_builders.errors import InvalidPictureError

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


def read_map(folder: str, file_name: str, set_name: str = '') -> np.ndarray:
    """The map of `file_name` at its own size: float32 `[height, width]` in [0, 1].

    Args:
        folder: Holds one grey picture (8 or 16 bits) or `.npy` (in [0, 1]) for each image, of the
            same path and name but for the suffix.
        file_name: Of the image, relative to its own folder.
        set_name: `set/config` that the image is of, or empty.

    Raises:
        MissingFileError: There is no map for the image.
        InvalidInputError: The map is no plane, or leaves [0, 1].
    """
    path = find_map(folder, file_name, set_name)
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


def find_map(folder: str, file_name: str, set_name: str = '') -> pathlib.Path:
    """The first of `SUFFIXES` that exists, in the folder of the set before all others.

    Raises:
        MissingFileError: There is none.
    """
    root = pathlib.Path(folder).expanduser()
    places = [root / set_name, root] if set_name else [root]
    for place in places:
        stem = (place / file_name).with_suffix('')
        for suffix in SUFFIXES:
            path = pathlib.Path(f'{stem}{suffix}')
            if path.is_file():
                return path
    looked = ' and '.join(str((place / file_name).with_suffix('')) for place in places)
    raise MissingFileError(
        f'No saliency map for {file_name}: looked for {looked} with {SUFFIXES}. Write maps with: '
        'python -m fer_keras.saliency_maps --input=IMAGES --output=OUTPUT; they lie in OUTPUT/maps.'
    )


def require_maps(folder: str, images: Iterable[tuple[str, str]]) -> None:
    """Reads every map once: a bad one in the midst of an epoch would cost the run.

    Args:
        folder: As for `read_map`.
        images: The set and the file name of each image.

    Raises:
        MissingFileError: An image has no map.
        InvalidInputError: A map is none; or it would be that of images of two sets.
    """
    owners: dict[pathlib.Path, str] = {}
    for set_name, file_name in images:
        read_map(folder, file_name, set_name)
        path = find_map(folder, file_name, set_name)
        owner = owners.setdefault(path, set_name)
        if owner != set_name:
            raise InvalidInputError(
                f'Each data set must have maps of its own where file names are equal. Received: '
                f'{path}, for an image of {owner} and one of {set_name}. Put the maps of each into '
                f'{folder}/{owner}/ and {folder}/{set_name}/.'
            )


def _read_picture(path: pathlib.Path) -> np.ndarray:
    try:
        file = picture_files.load(path)
    except InvalidPictureError as error:
        raise InvalidInputError(f'A map must be a picture: {error}') from error
    how = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE
    picture: np.ndarray | None = cv2.imdecode(np.frombuffer(file.data, np.uint8), how)
    if picture is None:
        raise InvalidInputError(f'{file.name} cannot be read as an image: write it again.')
    return picture.astype(np.float32) / (65535 if picture.dtype == np.uint16 else 255)
