"""How classifiers are called: those that come with the package have a name in place of a path.

The folder of one is laid out as that of a run, and its README.md is its model card.
"""

from __future__ import annotations

import os
import pathlib

DEFAULT = 'wild'
NAMES = (DEFAULT,)


def locate(model: str | os.PathLike[str]) -> str:
    """The folder of a classifier of the package, or the path that was given.

    A name of the package goes first: `./wild` is a folder of that name.

    >>> locate('runs/cross')
    'runs/cross'
    >>> pathlib.Path(locate('wild')).name
    'wild'
    """
    name = os.fspath(model)
    return str(pathlib.Path(__file__).with_name(name)) if name in NAMES else name


def answers_alone(model: str | os.PathLike[str]) -> bool:
    """Whether it answers without TensorFlow's Python code: a name, a portable file, a SavedModel.

    >>> answers_alone('wild'), answers_alone('classifier.tflite'), answers_alone('runs/cross')
    (True, True, False)
    """
    folder = pathlib.Path(model)
    is_exported = any(any(folder.glob(f'{version}saved_model.pb')) for version in ('', '*/'))
    return os.fspath(model) in NAMES or is_portable(model) or is_exported


def is_portable(model: str | os.PathLike[str]) -> bool:
    """Whether it is called as an ONNX or TFLite file, which answers without TensorFlow.

    >>> is_portable('portable/classifier.ONNX'), is_portable('runs/cross')
    (True, False)
    """
    return pathlib.Path(model).suffix.lower() in ('.onnx', '.tflite')
