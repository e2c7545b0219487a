"""Train, compare and serve facial-expression classifiers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fer_keras.inference.predictor import Predictor

__version__ = '0.1.0'

# Here, because it must be set before whatever module of the package loads TensorFlow first: what a
# command prints is for the user, and not TensorFlow's notes on its own optimisations. Setting it to
# 0 brings them back.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')


def load(path: str | os.PathLike[str]) -> Predictor:
    """Loads a trained classifier: see `fer_keras.inference.predictor.load`."""
    # TensorFlow takes seconds to load: only whoever asks for a model pays for it.
    from fer_keras.inference import predictor

    return predictor.load(path)
