"""What makes examples of what a builder has listed: pure, pickled to whoever does it.

A builder lists its archive in the process that was started, and gives a few listed items at a time
as a `Task`. A task is done there, in another process (`workers`) or on another machine
(`beam_pipeline`), and gives the same: examples, and what is to be written down, as data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from tfds_builders.errors import BuilderError, InvalidPictureError


@dataclasses.dataclass(frozen=True)
class Finding:
    """What became of a listed item, for the metadata.

    Attributes:
        file_name: By which the metadata name it.
        label: Canonical name of the expression.
        subject_id: The person; empty where nobody is named.
        pixel_hash: `pictures.pixel_hash` of the picture.
        left_out: Why it is no example, or empty.
        detected: Whether a face was found, or none was looked for.
        re_encoded: How it was written again for training, or empty.
        note: What is to be said of how it was read, or empty.
        error: What ends the build, or None.

    >>> Finding('happy/017.jpg', left_out='cannot be opened').detected
    True
    """

    file_name: str
    label: str = ''
    subject_id: str = ''
    pixel_hash: str = ''
    left_out: str = ''
    detected: bool = True
    re_encoded: str = ''
    note: str = ''
    error: BuilderError | None = None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A listed item that was read.

    Attributes:
        finding: What is to be written down.
        example: The key and the features, as TFDS takes them; None for what is left out.

    >>> Outcome(Finding('happy/017.jpg', left_out='cannot be opened')).example is None
    True
    """

    finding: Finding
    example: tuple[str, dict[str, Any]] | None = None


class Task(Protocol):
    """A few listed items, and how they are read. Can be pickled, and gives the same each time.

    >>> task: Task | None = None
    """

    def outcomes(self) -> Iterable[Outcome]:
        """One outcome for each item, in their order."""

    def __len__(self) -> int:
        """How many items there are."""


def do(task: Task) -> list[Outcome]:
    """Does a task; what the user can mend is given as the last finding, in place of raising it."""
    done: list[Outcome] = []
    try:
        for outcome in task.outcomes():
            done.append(outcome)
    except BuilderError as error:
        done.append(Outcome(Finding('', error=error)))
    return done


def do_all(tasks: Iterable[tuple[str, Task]]) -> Iterator[tuple[str, list[Outcome]]]:
    """Does tasks one after the other, each with the split that it belongs to."""
    return ((split, do(task)) for split, task in tasks)


def describe_problem(error: Exception) -> str:
    """Why a file was left out, as the metadata say it."""
    if isinstance(error, InvalidPictureError):
        return f'cannot be read: it {str(error).removeprefix("the picture ")}'
    if isinstance(error, OSError):
        return f'cannot be opened: {error.strerror or error}'
    return f'cannot be prepared: {type(error).__name__}: {" ".join(str(error).split())[:200]}'
