"""What the callbacks of a run remember from one process to the next."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from fer_keras.training.progress import ProgressLine

Memory = dict[str, Any]
# The one looks into its file, the other at its clock.
_WITHOUT_MEMORY = (keras.callbacks.CSVLogger, ProgressLine)


class RememberedCallback:
    """A callback, and what of it is saved with the state of a run.

    Saved are the numbers, truth values and nothings that change as it runs. What its constructor
    was told stays as it is told, also where a run goes on. Texts are left out: they are paths, and
    a run's folder may have moved.

    Args:
        callback: A new one.
        key: Whose it is, its place, and its class, with a stroke between.

    >>> first = RememberedCallback(keras.callbacks.EarlyStopping(patience=3), 'run/EarlyStopping')
    >>> first.callback.on_train_begin()
    >>> first.note_beginning()
    >>> first.callback.wait = 2
    >>> second = RememberedCallback(keras.callbacks.EarlyStopping(patience=9), first.key)
    >>> second.restore(first.memory())
    >>> second.callback.wait, second.callback.patience
    (2, 9)
    """

    def __init__(self, callback: keras.callbacks.Callback, key: str) -> None:
        self.callback = callback
        self.key = key
        self._constructed = _plain_values(callback)
        self._unchanged = dict(self._constructed)

    def note_beginning(self) -> None:
        """Is called after `on_train_begin`: what that has changed too is no setting."""
        now = _plain_values(self.callback)
        same = [name for name, value in self._constructed.items() if now.get(name) == value]
        self._unchanged = {name: self._constructed[name] for name in same}

    def memory(self) -> Memory:
        """What differs from what the constructor and the beginning of the training gave it."""
        if isinstance(self.callback, _WITHOUT_MEMORY):
            return {}
        return {
            name: value
            for name, value in _plain_values(self.callback).items()
            if name not in self._unchanged or self._unchanged[name] != value
            if name not in _settings(self.callback)
        }

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Gives it what `memory` gave, of this version or an earlier one."""
        if isinstance(self.callback, _WITHOUT_MEMORY):
            return
        settings = _settings(self.callback)
        vars(self.callback).update({n: v for n, v in memory.items() if n not in settings})


def memories_for(
    saved: Mapping[str, Memory], callbacks: Sequence[RememberedCallback]
) -> dict[str, Memory]:
    """What is saved for each of the callbacks, by its key.

    Earlier versions saved by the class alone, and of several of a class the last one.
    """
    if all('/' in key for key in saved):
        return {one.key: dict(saved.get(one.key, {})) for one in callbacks}
    last = {type(one.callback).__name__: one.key for one in callbacks}
    found = {last[name]: dict(memory) for name, memory in saved.items() if name in last}
    return {one.key: found.get(one.key, {}) for one in callbacks}


def _plain_values(callback: keras.callbacks.Callback) -> Memory:
    plain = (bool, int, float, type(None), np.bool_, np.number)
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in vars(callback).items()
        if isinstance(value, plain)
    }


def _settings(callback: keras.callbacks.Callback) -> set[str]:
    """The arguments of the constructors that are Keras' own: it keeps them under their names.

    Some change as it runs, such as the sign of `min_delta`, and would change once more.
    """
    classes = [one for one in type(callback).__mro__ if one.__module__.startswith('keras.')]
    return {name for one in classes for name in inspect.signature(one).parameters}
