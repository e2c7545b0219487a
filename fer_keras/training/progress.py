"""The line that tells how far a run is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

import keras

# Seconds between two lines: on a terminal one writes over the other, in a file they add up.
_ON_TERMINAL, _IN_FILE = 0.2, 30.0


class ProgressLine(keras.callbacks.Callback):
    """Prints the measures, images/s and the time left.

    Images/s are those of the steps of this epoch but the first call, which also builds the graph;
    what that took beyond its steps is not expected of the epochs that are left.

    Args:
        batch_size: Images a step, of all replicas.
        epochs: Epochs of the whole run.
        stream: Where the line goes.
        clock: Seconds.

    >>> line = ProgressLine(batch_size=8, epochs=1, clock=lambda: 0.0)
    >>> line.set_params({'steps': 10})
    >>> line.on_epoch_begin(0)
    >>> line.on_epoch_end(0, {'accuracy': 0.5, 'loss': 1.25, 'val_loss': 1.5})
    epoch 1/1  loss 1.2500  accuracy 0.5000  val_loss 1.5000
    """

    def __init__(
        self,
        batch_size: int,
        epochs: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._batch_size = batch_size
        self._epochs = epochs
        self._stream = stream or sys.stdout
        self._clock = clock
        self._is_terminal = self._stream.isatty()
        self._epoch_seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._epoch = epoch
        self._begun = self._last_shown = self._clock()
        self._first: tuple[int, float] | None = None
        self._speed = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        now, step = self._clock(), batch + 1
        if self._first is None:
            self._first = (step, now)
        elif now > self._first[1]:
            self._speed = (step - self._first[0]) * self._batch_size / (now - self._first[1])
        if now - self._last_shown >= (_ON_TERMINAL if self._is_terminal else _IN_FILE):
            self._last_shown = now
            steps = self.params['steps']
            self._show(f'step {step}/{steps}', logs, self._left(step / steps), end='\r')

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._epoch_seconds = self._clock() - self._begun - self._building()
        self._show('', logs, self._left(1.0), end='\n')

    def _building(self) -> float:
        """Seconds that the first call of the epoch took beyond its steps."""
        if self._first is None or not self._speed:
            return 0.0
        steps, ended = self._first
        return max(0.0, ended - self._begun - steps * self._batch_size / self._speed)

    def _left(self, done: float) -> float:
        """Seconds for the rest of this epoch and the others, or 0 where nothing is known yet."""
        epochs = self._epochs - self._epoch - done
        images = self.params['steps'] * self._batch_size
        an_epoch = self._epoch_seconds or (images / self._speed if self._speed else 0.0)
        return epochs * an_epoch

    def _show(self, where: str, logs: dict[str, float] | None, left: float, end: str) -> None:
        # The loss before the other measures, training before validation.
        logs = logs or {}
        names = sorted(logs, key=lambda name: (name.startswith('val_'), 'loss' not in name, name))
        numbers = [f'{name} {logs[name]:.4f}' for name in names]
        speed = [f'{self._speed:.0f} images/s'] if self._speed else []
        rest = [f'{describe_seconds(left)} left'] if left else []
        parts = [f'epoch {self._epoch + 1}/{self._epochs}', where, *numbers, *speed, *rest]
        line = '  '.join(filter(None, parts))
        if self._is_terminal:
            print(f'\r{line:<100}', end='' if end == '\r' else end, file=self._stream, flush=True)
        else:
            print(line, file=self._stream, flush=True)


def describe_seconds(seconds: float) -> str:
    """`40 s`, `12 min` or `3 h 5 min`."""
    if seconds < 100:
        return f'{seconds:.0f} s'
    minutes = round(seconds / 60)
    return f'{minutes} min' if minutes < 100 else f'{minutes // 60} h {minutes % 60} min'
