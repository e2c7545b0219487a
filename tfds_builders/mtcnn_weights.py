"""The weights of the package `mtcnn`, from nowhere but the package.

Its own reader would first unpickle a file of that name in the current folder, whoever put it there,
and leaves its files open, of which Python 3.13 complains on the screen. The package itself, which
loads TensorFlow, is not imported.
"""

from __future__ import annotations

import importlib.util
import io
import pathlib

import joblib
import lz4.frame
import numpy as np


def read_weights(name: str) -> list[np.ndarray]:
    """The arrays of a network: `pnet`, `rnet` or `onet`.

    Raises:
        ImportError: The package is not installed.
    """
    weights: list[np.ndarray] = joblib.load(io.BytesIO(unpack_weights(name)))
    return weights


def unpack_weights(name: str) -> bytes:
    """The content of a file as the package reads it from a path.

    Raises:
        ImportError: The package is not installed.
    """
    found = importlib.util.find_spec('mtcnn')
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'mtcnn'", name='mtcnn')
    packed = pathlib.Path(found.origin).parent / 'assets' / 'weights' / f'{name}.lz4'
    unpacked: bytes = lz4.frame.decompress(packed.read_bytes())
    return unpacked
