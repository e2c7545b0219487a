"""What a command says at its end of what it read."""

from __future__ import annotations

import dataclasses
import sys

# Lines of a kind; the others are counted.
_TOLD = 5


@dataclasses.dataclass
class Outcome:
    """What came of a table.

    Attributes:
        sources: Files and cameras that were asked for.
        rows: Rows that were written.
        problems: Why sources, or the rest of them, could not be read.
        notes: What is to be said of pictures that were read.
        left_out: Which other files lie in the folders, as a phrase.
        is_stopped: Whether Ctrl-C ended it.
        faces: How many there are; None where they were not counted.

    >>> Outcome(sources=2, rows=3, problems=['a.jpg is damaged']).exit_status
    1
    """

    sources: int
    rows: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    left_out: str = ''
    is_stopped: bool = False
    faces: int | None = None

    @property
    def exit_status(self) -> int:
        """Of the command: 0 where everything was read, 1 where not, 130 after Ctrl-C."""
        return 130 if self.is_stopped else min(1, len(self.problems))

    def describe(self) -> str:
        """The counts, as a phrase.

        >>> Outcome(sources=2, rows=3, faces=1).describe()
        '3 rows of 2 files, 0 unreadable, 1 face'
        """
        faces = '' if self.faces is None else f', {_count(self.faces, "face")}'
        read = f'{_count(self.rows, "row")} of {_count(self.sources, "file")}'
        return f'{read}, {len(self.problems)} unreadable{faces}'

    def print_notes(self) -> None:
        """Prints what could not be read and what else is to be said, to the standard error."""
        for kind, lines in (('unreadable', self.problems), ('note', self.notes)):
            for line in lines[:_TOLD]:
                print(f'{kind}: {line}', file=sys.stderr)
            if len(lines) > _TOLD:
                print(f'{kind}: and {len(lines) - _TOLD} more', file=sys.stderr)
        if self.left_out:
            print(self.left_out, file=sys.stderr)


def _count(number: int, what: str) -> str:
    return f'{number} {what}' if number == 1 else f'{number} {what}s'
