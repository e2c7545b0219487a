"""Everything that decides the next step, in one file that is either whole or not there."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import warnings
import zipfile
from typing import Any

import keras
import numpy as np

_NAME = re.compile(r'state-(\d{6})-(\d{8})\.npz')


@dataclasses.dataclass
class TrainingState:
    """Where a run is.

    Attributes:
        epoch: The epoch of the next step, from 0.
        step: The next step within it.
        stage: Index of the stage that the optimizer belongs to.
        sums: Sums of the epoch so far, from which its mean loss and accuracy are made.
        callbacks: What each callback remembers, by the name of its class.
        is_finished: Training has ended, early or not.
        model: Every variable of the model, the dropout generators' among them.
        optimizer: Every variable of the optimizer, averages and schedule position among them.
    """

    epoch: int = 0
    step: int = 0
    stage: int = 0
    sums: dict[str, float] = dataclasses.field(default_factory=dict)
    callbacks: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    is_finished: bool = False
    model: list[np.ndarray] = dataclasses.field(default_factory=list)
    optimizer: list[np.ndarray] = dataclasses.field(default_factory=list)


class Checkpoints:
    """The last `keep` states of a run, in `folder`."""

    def __init__(self, folder: str, *, keep: int = 2) -> None:
        self._folder = folder
        self._keep = keep

    def save(self, state: TrainingState) -> str:
        """Writes under a temporary name, then renames: a killed run leaves no half state."""
        os.makedirs(self._folder, exist_ok=True)
        path = os.path.join(self._folder, f'state-{state.epoch:06d}-{state.step:08d}.npz')
        unfinished = f'{path}.unfinished'
        try:
            with open(unfinished, 'wb') as file:
                file.write(_to_bytes(state))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            os.remove(unfinished)  # Of a full disk it would be the last of the room.
            raise
        os.replace(unfinished, path)
        for old in self._paths()[: -self._keep] + self._unfinished():
            os.remove(old)
        return path

    def latest(self) -> TrainingState | None:
        """Reads the newest whole state, or None; a damaged one is skipped with a warning."""
        for path in reversed(self._paths()):
            try:
                return _from_file(path)
            except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
                warnings.warn(
                    f'{path} is damaged ({error}) and is skipped; training goes on from an '
                    'earlier state.',
                    stacklevel=2,
                )
        return None

    def _unfinished(self) -> list[str]:
        """What runs that were killed as they wrote have left."""
        names = [name for name in os.listdir(self._folder) if name.endswith('.npz.unfinished')]
        return [os.path.join(self._folder, name) for name in names]

    def _paths(self) -> list[str]:
        names = os.listdir(self._folder) if os.path.isdir(self._folder) else []
        return [os.path.join(self._folder, name) for name in sorted(filter(_NAME.fullmatch, names))]


def values_of(variables: list[keras.Variable]) -> list[np.ndarray]:
    """The values of the variables, copied."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assign(variables: list[keras.Variable], values: list[np.ndarray], what: str) -> None:
    """Gives the variables their saved values.

    Raises:
        ValueError: They are others than those that were saved.
    """
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise ValueError(
            f'The saved state must have the variables of the {what}: {len(shapes)} of them. '
            f'Received: {len(values)} of other shapes. It belongs to other flags or another '
            'version: choose another --run_dir.'
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def plain_values(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """What a callback remembers, as far as it is a number, a truth value or nothing.

    Texts are left out: they are paths, and a run's folder may have moved.
    """
    plain = (bool, int, float, type(None), np.bool_, np.number)
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in vars(callback).items()
        if isinstance(value, plain)
    }


def _to_bytes(state: TrainingState) -> bytes:
    about = {
        field.name: getattr(state, field.name)
        for field in dataclasses.fields(state)
        if field.name not in ('model', 'optimizer')
    }
    arrays: dict[str, Any] = {'about': np.array(json.dumps(about))}
    arrays |= {f'model_{i}': value for i, value in enumerate(state.model)}
    arrays |= {f'optimizer_{i}': value for i, value in enumerate(state.optimizer)}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _from_file(path: str) -> TrainingState:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}  # reads, and so checks, everything
    state = TrainingState(**json.loads(str(arrays.pop('about'))))
    for part in ('model', 'optimizer'):
        count = sum(name.startswith(f'{part}_') for name in arrays)
        setattr(state, part, [arrays[f'{part}_{i}'] for i in range(count)])
    return state
