"""Reads thousands of damaged files: `python -m tests.fuzz`, or `make fuzz`.

Each input has a number, which makes it: the same one each time. A file that shows a fault is kept,
and the command that reads it again is printed.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

from tests.fuzz.runs import Outcome, run

_COUNTS = {'pictures': 4000, 'videos': 1000, 'tables': 2000}


def main() -> int:
    """Returns 1 where an input shows a fault."""
    parser = argparse.ArgumentParser(prog='python -m tests.fuzz', description=__doc__)
    for kind, count in _COUNTS.items():
        parser.add_argument(f'--{kind}', type=int, default=count, help=f'how many {kind}')
    parser.add_argument('--first', type=int, default=0, help='number of the first input')
    parser.add_argument('--failures', type=pathlib.Path, default=pathlib.Path('fuzz_failures'))
    given = parser.parse_args()
    faults = 0
    for kind in _COUNTS:
        if count := getattr(given, kind):
            outcome = run(kind, given.first, count, given.failures / kind)
            _print(kind, count, outcome)
            faults += len(outcome.faults)
    print(f'{faults} faults.' if faults else 'Each input was read, or refused with a reason.')
    return min(1, faults)


def _print(kind: str, count: int, outcome: Outcome) -> None:
    seconds, number = outcome.slowest
    print(
        f'{count} {kind}: {outcome.read} read, {outcome.refused} refused for '
        f'{len(outcome.answers) - 1} reasons, {len(outcome.faults)} faults; '
        f'at most {seconds:.2f} s (number {number}) and {outcome.memory / 1e6:.0f} MB.'
    )
    for fault in outcome.faults:
        others = ' '.join(f'--{other}=0' for other in _COUNTS if other != kind)
        print(f'\n{fault.path}\n{fault.what.strip()}')
        print(f'again: python -m tests.fuzz --first={fault.number} --{kind}=1 {others}')


if __name__ == '__main__':
    sys.exit(main())
