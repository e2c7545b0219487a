"""Loads TensorFlow without what it prints about itself.

What a command prints is for its user. TensorFlow writes notes on CUDA, oneDNN and the processor to
file descriptor 2 while it is loaded and when it first looks for devices; some of them come before
it reads the log level, so no variable silences them. The descriptor is therefore held for that
time. `TF_CPP_MIN_LOG_LEVEL=0` (or 1) in the environment brings everything back.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import platform
import sys
import tempfile
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import BinaryIO

LOG_LEVEL = 'TF_CPP_MIN_LOG_LEVEL'
_ASKS_FOR_LOGS = ('0', '1')
_STDERR = 2
# Two threads that each hold the descriptor would give it back in the wrong order.
_lock = threading.RLock()
_is_loaded = False


def wants_logs() -> bool:
    """Whether the user asked for TensorFlow's notes, by `TF_CPP_MIN_LOG_LEVEL` of 0 or 1."""
    return os.environ.get(LOG_LEVEL) in _ASKS_FOR_LOGS


def load_tensorflow(*, onednn: bool = False) -> ModuleType:
    """Imports TensorFlow quietly and looks for its devices; later calls cost nothing.

    Devices are listed and not initialised, so a `tf.distribute` strategy may still be made. Python
    loggers of TensorFlow and absl, through which TensorFlow Datasets warns too, pass only errors
    afterwards.

    Args:
        onednn: Whether to use oneDNN on every x86 processor, unless the environment says no. By
            itself TensorFlow does so only on those with AVX-512, though without it a training step
            of MobileNet takes twice as long on others, too; answers to single faces are not faster.

    Returns:
        The module `tensorflow`.

    Raises:
        ImportError: TensorFlow cannot be loaded; what it printed is written to stderr.
    """
    global _is_loaded
    with _lock:
        if not _is_loaded:
            if onednn and platform.machine() in ('x86_64', 'AMD64'):
                os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '1')
            with hold_notes():
                _import_tensorflow().config.list_physical_devices()
            if not wants_logs():
                for name in ('tensorflow', 'absl'):
                    logging.getLogger(name).setLevel(logging.ERROR)
            _is_loaded = True
        return _import_tensorflow()


@contextlib.contextmanager
def hold_notes() -> Iterator[None]:
    """Holds what TensorFlow's libraries write about themselves, unless the user asked for it."""
    if wants_logs():
        yield
        return
    os.environ[LOG_LEVEL] = '3'
    with hold_stderr():
        yield


@contextlib.contextmanager
def hold_stderr() -> Iterator[None]:
    """Holds what any code, C++ too, writes to file descriptor 2; an exception writes it out.

    Other threads are held as well, so the time should be short. Where the descriptor is closed, or
    no temporary file can be made, nothing is held.
    """
    with _lock:
        held = _hold()
        if held is None:
            yield
            return
        own, file = held
        try:
            yield
        except BaseException:
            _give_back(own)
            _write_out(file)
            raise
        else:
            _give_back(own)
        finally:
            os.close(own)
            file.close()


def _hold() -> tuple[int, BinaryIO] | None:
    """The descriptor as it was, and the file in its place; None where that cannot be."""
    try:
        # In this order: with descriptor 2 closed, the file would take its place.
        own = os.dup(_STDERR)
    except OSError:
        return None
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115  # `hold_stderr` closes it.
    except OSError:
        os.close(own)
        return None
    _flush()
    os.dup2(file.fileno(), _STDERR)
    return own, file


def _import_tensorflow() -> ModuleType:
    return importlib.import_module('tensorflow')


def _give_back(own: int) -> None:
    _flush()
    os.dup2(own, _STDERR)


def _flush() -> None:
    """Empties Python's own buffer, so that its text lands on the right side."""
    with contextlib.suppress(AttributeError, ValueError, OSError):
        sys.stderr.flush()


def _write_out(held: BinaryIO) -> None:
    held.seek(0)
    with contextlib.suppress(OSError):
        os.write(_STDERR, held.read())
