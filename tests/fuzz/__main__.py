"""Reads thousands of damaged files: `python -m tests.fuzz`, or `make fuzz`.

Each input has a number, which makes it: the same one each time. A file that shows a fault is kept,
and the command that reads it again is printed.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

from tests.fuzz.runs import run

_COUNTS = {'pictures': 4000, 'videos': 1000, 'tables': 2000}


def main() -> int:
    """Returns 1 where an input shows a fault."""
    parser = argparse.ArgumentParser(prog='python -m tests.fuzz', description=__doc__)
    parser.add_argument('--only', choices=_COUNTS, help='this kind alone')
    parser.add_argument('--count', type=int, help=f'how many of each; by default {_COUNTS}')
    parser.add_argument('--first', type=int, default=0, help='number of the first input')
    parser.add_argument('--failures', type=pathlib.Path, default=pathlib.Path('fuzz_failures'))
    given = parser.parse_args()
    faults = 0
    for kind in [given.only] if given.only else _COUNTS:
        count = _COUNTS[kind] if given.count is None else given.count
        ranges = {kind: range(given.first, given.first + count)}
        outcome = run(ranges, given.failures / kind)[kind]
        print(f'{count} {kind}: {outcome}.', *outcome.faults, sep='\n\n', flush=True)
        faults += len(outcome.faults)
    print(f'{faults} faults.' if faults else 'Each input was read, or refused with a reason.')
    return min(1, faults)


if __name__ == '__main__':
    sys.exit(main())
