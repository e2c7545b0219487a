"""Reads many inputs in one process, which may crash.

`python -m tests.fuzz.worker FOLDER pictures:0:300 tables:0:80` reads these inputs, and prints
`start KIND NUMBER PATH` before and `end KIND NUMBER JSON` after each, for `tests.fuzz.runs`.
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


def main(folder: pathlib.Path, *ranges: str) -> None:
    """Reads each range of inputs; a file that shows a fault stays in the folder."""
    faulthandler.enable()
    _warm_up(folder)
    start = _peak_bytes()
    for one in ranges:
        kind, first, last = one.split(':')
        for number in range(int(first), int(last)):
            made = make_input(kind, number)
            stem, _, suffix = made.name.rpartition('.')
            path = folder / f'{stem}-{number}.{suffix}'
            path.write_bytes(made.data)
            print('start', kind, number, path, flush=True)
            outcome = _read(kind, path, made)
            outcome['memory'] = memory = _peak_bytes() - start
            if memory > MOST_MEMORY_BYTES and 'fault' not in outcome:
                outcome['fault'] = f'took {memory / 1e9:.1f} GB'
            print('end', kind, number, json.dumps(outcome), flush=True)
            if 'fault' not in outcome:
                path.unlink()
            if memory > MOST_MEMORY_BYTES:
                # The peak of this process says nothing of the next inputs.
                return


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
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
