"""Runs workers over a range of inputs, and notes each crash, hang and fault by its number."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
from typing import IO, Any

# Without a sign of life; what computes that long is found by its processor time before.
_SILENT_SECONDS = 60
_ROOT = pathlib.Path(__file__).parents[2]


@dataclasses.dataclass
class Fault:
    """An input that shows a fault.

    Attributes:
        kind: `pictures`, `videos` or `tables`.
        number: Of the input.
        path: Where the file lies.
        what: What went wrong.
    """

    kind: str
    number: int
    path: str
    what: str


@dataclasses.dataclass
class Outcome:
    """What came of a range of inputs of one kind.

    Attributes:
        answers: How often each answer was given; names of files are left out.
        faults: What must be mended.
        slowest: Seconds of processor time, and the number of the input.
        memory: Bytes above the start, at most.
    """

    answers: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    faults: list[Fault] = dataclasses.field(default_factory=list)
    slowest: tuple[float, int] = (0.0, -1)
    memory: int = 0

    @property
    def read(self) -> int:
        """How many were read."""
        return self.answers['read']

    @property
    def refused(self) -> int:
        """How many were refused with a reason."""
        return self.answers.total() - self.read


def run(kind: str, first: int, count: int, folder: pathlib.Path) -> Outcome:
    """Reads the inputs `first` to `first + count - 1`; a crash is noted and the rest is read.

    Files that show a fault stay in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    outcome = Outcome()
    number, last = first, first + count
    while number < last:
        number = _run_worker(kind, number, last, folder, outcome)
    return outcome


def _run_worker(kind: str, first: int, last: int, folder: pathlib.Path, outcome: Outcome) -> int:
    """Reads until all are read or the process ends; returns the number to go on with."""
    command = [sys.executable, '-m', 'tests.fuzz.worker', kind, str(first), str(last), str(folder)]
    log = folder / 'worker.log'
    number, path = first, ''
    with (
        open(log, 'wb') as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=_ROOT
        ) as worker,
    ):
        for line in _lines(worker):
            word, _, rest = line.partition(' ')
            which, _, rest = rest.strip().partition(' ')
            if word == 'start':
                number, path = int(which), rest
            elif word == 'end':
                _note(kind, int(which), path, json.loads(rest), outcome)
                number, path = int(which) + 1, ''
    if path:
        said = log.read_text(errors='replace')[-3000:]
        how = f'the process ended by {_describe_exit(worker.returncode)}\n{said}'
        outcome.faults.append(Fault(kind, number, path, how))
        return number + 1
    if worker.returncode:
        raise RuntimeError(f'The worker does not start: {log.read_text(errors="replace")[-3000:]}')
    return number


def _lines(worker: subprocess.Popen[str]) -> Any:
    """What a worker prints; one that is silent for too long is ended, and says where it was."""
    lines: queue.Queue[str | None] = queue.Queue()

    def listen(stream: IO[str]) -> None:
        for line in stream:
            lines.put(line)
        lines.put(None)

    assert worker.stdout
    threading.Thread(target=listen, args=(worker.stdout,), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=_SILENT_SECONDS)
        except queue.Empty:
            os.kill(worker.pid, signal.SIGABRT)  # `faulthandler` then prints its stack.
            continue
        if line is None:
            return
        yield line


def _note(kind: str, number: int, path: str, found: dict[str, Any], outcome: Outcome) -> None:
    outcome.slowest = max(outcome.slowest, (found['seconds'], number))
    outcome.memory = max(outcome.memory, found['memory'])
    if 'fault' in found:
        outcome.faults.append(Fault(kind, number, path, found['fault']))
    else:
        outcome.answers[found['answer'].replace(path, 'FILE')] += 1


def _describe_exit(code: int) -> str:
    return f'signal {signal.Signals(-code).name}' if code < 0 else f'exit {code}'
