"""Loads SavedModels, to answer by TensorFlow's C library or by its Python code.

The library alone answers sooner, and in half of the memory. The Python code answers where a program
has loaded it anyway, and where there is no such library, as on Windows.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable

import numpy as np

from fer_keras.errors import InvalidInputError
from fer_keras.inference import c_api
from fer_keras.inference.trained_files import Loaded
from fer_keras.provenance.storage import find_record
from tfds_builders.quiet import hold_notes

SIGNATURE, OUTPUTS = 'predict_images', ('probabilities', 'label_names')
# From uint8 `[n, height, width, 3]`, RGB, to `OUTPUTS`, the names as bytes.
Ask = Callable[[np.ndarray], list[np.ndarray]]


def load_saved_model(
    folder: pathlib.Path, open_in_python: Callable[[pathlib.Path], Ask | None]
) -> Loaded:
    """Loads one, to answer for crops of any size.

    Args:
        folder: Of a version.
        open_in_python: Opens it by TensorFlow's Python code; None: it is of somebody else.

    Raises:
        InvalidInputError: It is damaged, or of somebody else, or there is no TensorFlow.
    """
    library = None
    if 'tensorflow' not in sys.modules:
        with hold_notes():
            library = c_api.open_library()
    try:
        ask = open_in_c(library, folder) if library else open_in_python(folder)
    except InvalidInputError:
        raise
    except Exception as error:  # TensorFlow's classes of errors have no common one with Python's.
        raise InvalidInputError(
            f'{folder} must be a whole SavedModel, with no [...] and no \\ in its path. Received: '
            f'{str(error)[:300]}'
        ) from error
    if ask is None:
        raise InvalidInputError(
            f'{folder} must be a SavedModel of `python -m fer_keras.export`, whose signature '
            f'`{SIGNATURE}` names its classes. Received: one of somebody else.'
        )
    # Asked now, so that the first answer takes no longer than the second.
    _, names = ask(np.zeros((1, 32, 32, 3), np.uint8))
    labels = [name.decode() for name in names[0]]
    return Loaded(lambda images: ask(images)[0], labels, record=find_record(folder))


def open_in_c(library: c_api.Library, folder: pathlib.Path) -> Ask | None:
    """Opens one by the C library; None: it is of somebody else.

    Raises:
        RuntimeError: It is damaged; TensorFlow's message.
    """
    with hold_notes():
        session = c_api.Session(library, str(folder))
    signature = session.signatures.get(SIGNATURE)
    if signature is None or not {*OUTPUTS} <= signature.outputs.keys():
        return None
    return lambda images: session.run(SIGNATURE, images, *OUTPUTS)
