"""Reads many inputs in one process, which may crash: `python -m tests.fuzz.worker KIND A B FOLDER`.

It prints `start NUMBER` before, and `end NUMBER JSON` after each, which `tests.fuzz.runs` reads.
"""

from __future__ import annotations

import faulthandler
import json
import os
import pathlib
import resource
import sys
import time
import traceback

# FFmpeg, libtiff and OpenCV print what they think of damaged files.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')

from tests.fuzz.mutations import Input, make_input
from tests.fuzz.readers import READ, check

MOST_SECONDS = 2.0
MOST_MEMORY_BYTES = 10**9


def main(kind: str, first: int, last: int, folder: pathlib.Path) -> None:
    """Reads the inputs `first` to `last` - 1; a file that shows a fault stays in the folder."""
    faulthandler.enable()
    _warm_up(folder)
    start = _peak_bytes()
    for number in range(first, last):
        made = make_input(kind, number)
        path = folder / f'{made.name.partition(".")[0]}-{number}.{made.name.rpartition(".")[2]}'
        path.write_bytes(made.data)
        print('start', number, path, flush=True)
        outcome = _read(kind, path, made)
        outcome['memory'] = memory = _peak_bytes() - start
        if memory > MOST_MEMORY_BYTES and 'fault' not in outcome:
            outcome['fault'] = f'took {memory / 1e9:.1f} GB'
        print('end', number, json.dumps(outcome), flush=True)
        if 'fault' not in outcome:
            path.unlink()
        if memory > MOST_MEMORY_BYTES:
            # The peak of this process says nothing of the next inputs.
            sys.exit(0)


def _read(kind: str, path: pathlib.Path, made: Input) -> dict[str, object]:
    started = time.process_time()
    outcome: dict[str, object] = {}
    try:
        outcome['answer'] = answer = check(kind, path)
        if made.is_whole and answer != READ:
            outcome['fault'] = f'a whole file is refused: {answer}'
        if '\n' in answer or 'Traceback' in answer or 'Error:' in answer:
            outcome['fault'] = f'a reason that is no sentence: {answer}'
    except Exception:
        outcome['fault'] = traceback.format_exc()
    # Of the processor: another process may slow this one down.
    outcome['seconds'] = seconds = time.process_time() - started
    if seconds > MOST_SECONDS and 'fault' not in outcome:
        outcome['fault'] = f'took {seconds:.1f} seconds'
    return outcome


def _warm_up(folder: pathlib.Path) -> None:
    """Loads and traces what the first input would be charged for."""
    for kind in ('pictures', 'videos', 'tables'):
        made = make_input(kind, 0)
        path = folder / made.name
        path.write_bytes(made.data)
        check(kind, path)
        path.unlink()


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), pathlib.Path(sys.argv[4]))
