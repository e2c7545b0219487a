"""Everything that decides the next step, in one file that is either whole or not there."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import struct
import sys
import zipfile
import zlib
from typing import Any

import keras
import numpy as np

from fer_keras.errors import InvalidInputError
from fer_keras.files import UNFINISHED, write_bytes

# What damaged bytes come to while an archive of arrays is read.
_DAMAGED = (
    *(OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, MemoryError),
    *(NotImplementedError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile),
)
_NAME = re.compile(r'state-(\d{6})-(\d{8})\.npz')


@dataclasses.dataclass
class TrainingState:
    """Where a run is.

    Attributes:
        epoch: The epoch of the next step, from 0.
        step: The next step within it.
        stage: Index of the stage that the optimizer belongs to.
        sums: Sums of the epoch so far, from which its mean loss and accuracy are made.
        callbacks: What each callback remembers, as `callback_memory` names them.
        is_finished: Training has ended, early or not.
        model: Every variable of the model, the dropout generators' among them.
        optimizer: Every variable of the optimizer, averages and schedule position among them.

    >>> TrainingState(epoch=2, step=5).is_finished
    False
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
    """The last `keep` states of a run, in `folder`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoints = Checkpoints(folder)
    ...     path = checkpoints.save(TrainingState(epoch=3, model=[np.zeros(2)]))
    ...     os.path.basename(path), checkpoints.latest().epoch
    ('state-000003-00000000.npz', 3)
    """

    def __init__(self, folder: str, *, keep: int = 2) -> None:
        self._folder = folder
        self._keep = keep

    def save(self, state: TrainingState) -> str:
        """Writes it whole or not at all, and removes what is older; returns its path.

        Raises:
            UnwritableFileError: The disk is full, or the folder cannot be written to.
        """
        self._remove_unfinished()  # First: of a full disk it may be the last of the room.
        path = os.path.join(self._folder, f'state-{state.epoch:06d}-{state.step:08d}.npz')
        write_bytes(path, _to_bytes(state))
        for old in self._paths()[: -self._keep]:
            os.remove(old)
        return path

    def latest(self) -> TrainingState | None:
        """Reads the newest whole state, or None; a damaged one is skipped with a note.

        Raises:
            InvalidInputError: There are states, and all are damaged.
        """
        damaged = []
        for path in reversed(self._paths()):
            try:
                state = _from_file(path)
            except _DAMAGED as error:
                damaged.append(f'{path} ({type(error).__name__}: {error})')
                continue
            if damaged:
                print(
                    f'note: {", ".join(damaged)} cannot be read; training goes on from the state '
                    f'before, {path}.',
                    file=sys.stderr,
                )
            return state
        if damaged:
            raise InvalidInputError(
                'The run cannot go on: none of its saved states can be read: '
                f'{", ".join(damaged)}. Copy them again from where they were whole, or delete '
                f'{self._folder}: the same command then begins the run anew.'
            )
        return None

    def _remove_unfinished(self) -> None:
        """Removes what runs that were killed as they wrote have left."""
        names = os.listdir(self._folder) if os.path.isdir(self._folder) else []
        for name in names:
            if UNFINISHED.rstrip('-') in name:  # Without the dash: of earlier versions.
                os.remove(os.path.join(self._folder, name))

    def _paths(self) -> list[str]:
        names = os.listdir(self._folder) if os.path.isdir(self._folder) else []
        return [os.path.join(self._folder, name) for name in sorted(filter(_NAME.fullmatch, names))]


def values_of(variables: list[keras.Variable]) -> list[np.ndarray]:
    """The values of the variables, copied."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assign(variables: list[keras.Variable], values: list[np.ndarray], what: str) -> None:
    """Gives the variables their saved values.

    Raises:
        InvalidInputError: They are others than those that were saved.
    """
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise InvalidInputError(
            f'The saved state must have the variables of the {what}: {len(shapes)} of them. '
            f'Received: {len(values)} of other shapes. It belongs to other flags or another '
            'version: choose another --run_dir.'
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


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
