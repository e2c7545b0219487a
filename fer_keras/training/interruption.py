"""Ctrl-C, and the SIGTERM of a scheduler: asked for once, a run saves and ends; twice, it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STDOUT = 1


class StopRequest:
    """Notes, while it is entered, that somebody wants the run to end.

    The steps look at `is_made` between themselves: in the midst of one a state would be half old
    and half new.

    >>> with StopRequest() as stop:
    ...     stop.is_made
    False
    """

    def __init__(self) -> None:
        self.is_made = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # Python allows no other.
            self._previous = {one: signal.signal(one, self._note) for one in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for one, handler in self._previous.items():
            signal.signal(one, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.is_made:
            raise KeyboardInterrupt(
                'Ended at once. The same command goes on from the last saved state.'
            )
        self.is_made = True
        # Not `print`: the signal may come in the midst of one, which a second would break.
        with contextlib.suppress(OSError):
            os.write(_STDOUT, b'\nSaving after this step; once more ends at once.\n')
