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
from collections.abc import Iterator, Mapping
from typing import IO, Any

# Without a sign of life; what computes that long is found by its processor time before.
_SILENT_SECONDS = 120
# On a busy machine, to load TensorFlow.
_START_SECONDS = 600
_WORKER = ['-m', 'tests.fuzz.worker']
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

    def __str__(self) -> str:
        repeat = f'python -m tests.fuzz --first={self.number} --only={self.kind} --count=1'
        return f'{self.path}\n{self.what.strip()}\nagain: {repeat}'


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

    def __str__(self) -> str:
        seconds, number = self.slowest
        return (
            f'{self.read} read, {self.refused} refused for {len(set(self.answers) - {"read"})} '
            f'reasons, {len(self.faults)} faults; at most {seconds:.2f} s (number {number}) and '
            f'{self.memory / 1e6:.0f} MB'
        )


def run(ranges: Mapping[str, range], folder: pathlib.Path) -> dict[str, Outcome]:
    """Reads the inputs of these numbers of each kind; a crash is noted and the rest is read.

    Files that show a fault stay in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = {kind: Outcome() for kind in ranges}
    left = {kind: numbers for kind, numbers in ranges.items() if numbers}
    while left:
        kind, number = _run_worker(left, folder, outcomes)
        done = list(left)[: list(left).index(kind)]
        left[kind] = range(number + 1, left[kind].stop)
        left = {key: numbers for key, numbers in left.items() if numbers and key not in done}
    return outcomes


def _run_worker(
    ranges: Mapping[str, range], folder: pathlib.Path, outcomes: Mapping[str, Outcome]
) -> tuple[str, int]:
    """Reads until all are read or the process ends; returns kind and number of the last input."""
    words = [f'{kind}:{numbers.start}:{numbers.stop}' for kind, numbers in ranges.items()]
    command = [sys.executable, *_WORKER, str(folder), *words]
    log = folder / 'worker.log'
    kind, number, path = '', -1, ''
    with (
        open(log, 'wb') as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=_ROOT
        ) as worker,
    ):
        for line in _lines(worker):
            word, kind, which, rest = line.rstrip('\n').split(' ', 3)
            number = int(which)
            if word == 'start':
                path = rest
            else:
                _note(Fault(kind, number, path, ''), json.loads(rest), outcomes[kind])
                path = ''
    said = log.read_text(errors='replace')[-3000:]
    if path:
        how = f'the process ended by {_describe_exit(worker.returncode)}\n{said}'
        outcomes[kind].faults.append(Fault(kind, number, path, how))
    elif worker.returncode or not kind:
        raise RuntimeError(f'The worker ended by {_describe_exit(worker.returncode)}: {said}')
    return kind, number


def _lines(worker: subprocess.Popen[str]) -> Iterator[str]:
    """What a worker prints; one that is silent for too long is ended, and says where it was."""
    lines: queue.Queue[str | None] = queue.Queue()

    def listen(stream: IO[str]) -> None:
        for line in stream:
            lines.put(line)
        lines.put(None)

    assert worker.stdout
    threading.Thread(target=listen, args=(worker.stdout,), daemon=True).start()
    allowed = _START_SECONDS
    while True:
        try:
            line = lines.get(timeout=allowed)
        except queue.Empty:
            os.kill(worker.pid, signal.SIGABRT)  # `faulthandler` then prints its stack.
            continue
        if line is None:
            return
        allowed = _SILENT_SECONDS
        yield line


def _note(of: Fault, found: dict[str, Any], outcome: Outcome) -> None:
    outcome.slowest = max(outcome.slowest, (found['seconds'], of.number))
    outcome.memory = max(outcome.memory, found['memory'])
    if 'fault' in found:
        outcome.faults.append(dataclasses.replace(of, what=found['fault']))
    else:
        outcome.answers[found['answer'].replace(of.path, 'FILE')] += 1


def _describe_exit(code: int) -> str:
    return f'signal {signal.Signals(-code).name}' if code < 0 else f'exit {code}'
