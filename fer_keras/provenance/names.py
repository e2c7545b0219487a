"""Where the record of who taught a model lies."""

from __future__ import annotations

import os
import pathlib

# In a run, and inside TFLite and ONNX files (beside those of earlier versions); in a SavedModel
# below `assets.extra`, which servers pass over.
FILE = 'training_record.npz'
IN_SAVED_MODEL = os.path.join('assets.extra', FILE)
MODEL_IN_RUN = os.path.join('checkpoints', 'best.keras')
PORTABLE_SUFFIXES = ('.onnx', '.tflite')


def is_portable(model: str | os.PathLike[str]) -> bool:
    """Whether it is called as an ONNX or TFLite file, which answers without TensorFlow.

    >>> is_portable('portable/classifier.ONNX'), is_portable('runs/cross')
    (True, False)
    """
    return pathlib.Path(model).suffix.lower() in PORTABLE_SUFFIXES
