"""The weights of the package `mtcnn`, from nowhere but the package.

Its own reader would first unpickle a file of that name in the current folder, whoever put it there,
and leaves its files open, of which Python 3.13 complains on the screen.
"""

from __future__ import annotations

import importlib.resources
import io
import os

import joblib
import lz4.frame
import numpy as np

NAMES = ('pnet', 'rnet', 'onet')


def read_weights(name: str) -> list[np.ndarray]:
    """The arrays of a network, one of `NAMES`."""
    weights: list[np.ndarray] = joblib.load(io.BytesIO(_unpack(name)))
    return weights


def write_weights(name: str, folder: str) -> str:
    """Writes them as the package reads them from a path, which is returned."""
    path = os.path.join(folder, name)
    with open(path, 'wb') as file:
        file.write(_unpack(name))
    return path


def _unpack(name: str) -> bytes:
    packed = importlib.resources.files('mtcnn') / 'assets' / 'weights' / f'{name}.lz4'
    unpacked: bytes = lz4.frame.decompress(packed.read_bytes())
    return unpacked
