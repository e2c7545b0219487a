"""Train, compare and serve facial-expression classifiers.

What is public is named in `__all__`. It is loaded when it is first asked for, so that `import
fer_keras` takes no time.
"""

from __future__ import annotations

import importlib
import os
import warnings
from typing import TYPE_CHECKING, Any

from fer_keras.pretrained.names import DEFAULT
from fer_keras.version import __version__

if TYPE_CHECKING:
    from fer_keras.config.data import DataConfig
    from fer_keras.config.model import ModelConfig
    from fer_keras.config.run import RunConfig
    from fer_keras.config.training import TrainingConfig
    from fer_keras.errors import (
        ExistingFileError,
        InvalidInputError,
        LostWorkerError,
        MissingFileError,
        UnwritableFileError,
        UserError,
    )
    from fer_keras.inference.predictor import Predictor

__all__ = [
    'DataConfig',
    'ExistingFileError',
    'InvalidInputError',
    'LostWorkerError',
    'MissingFileError',
    'ModelConfig',
    'Predictor',
    'RunConfig',
    'TrainingConfig',
    'UnwritableFileError',
    'UserError',
    '__version__',
    'load',
]

_MODULES = {
    'fer_keras.config.data': ('DataConfig',),
    'fer_keras.config.model': ('ModelConfig',),
    'fer_keras.config.run': ('RunConfig',),
    'fer_keras.config.training': ('TrainingConfig',),
    'fer_keras.errors': (
        'ExistingFileError',
        'InvalidInputError',
        'LostWorkerError',
        'MissingFileError',
        'UnwritableFileError',
        'UserError',
    ),
    'fer_keras.inference.predictor': ('Predictor',),
}

# Here, because it must be set before whatever module of the package loads TensorFlow first: what a
# command prints is for the user, and not TensorFlow's notes on its own optimisations. Setting it to
# 0 brings them back.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')


def load(path: str | os.PathLike[str] = DEFAULT, *, detector: str | None = None) -> Predictor:
    """Loads a trained classifier, that of the package by default.

    See `fer_keras.inference.predictor.load`: a run, or what was exported, of which `.onnx` and
    `.tflite` files need no TensorFlow. Warns where the detector is not that of the faces which
    taught the model.
    """
    module = importlib.import_module('fer_keras.inference.predictor')
    predictor: Predictor = module.load(path, detector=detector)
    if predictor.detector_note:
        warnings.warn(predictor.detector_note, stacklevel=2)
    return predictor


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
