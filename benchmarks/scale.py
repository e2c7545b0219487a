"""What building a larger archive costs: `python -m benchmarks.scale --workers=2`.

Draws a small archive, and builds it once, ten and a hundred times as large, from links to the same
files under other names: in one process with one thread, in one with all of them, in several
(`--workers`), and on the direct runner of Beam (`--beam`). Each build is a command of its own. Its
seconds count from its start to its end; the memory is the peak of the command, and of the largest
of the processes that it started.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

ONE_THREAD = dict.fromkeys(
    ('TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'OMP_NUM_THREADS'), '1'
)
PEOPLE = 20
MIB = 1 << 20


def main() -> None:
    """Prints a row for each size and way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--times', type=int, nargs='+', default=[1, 10, 100])
    parser.add_argument('--workers', type=int, default=os.cpu_count())
    parser.add_argument('--beam', action='store_true', help='on Apache Beam, too')
    parser.add_argument('--config', default='faces', help='of expression_folders')
    parser.add_argument('--build', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        build_once(json.loads(options.build))
        return
    workers = options.workers
    processes = f'direct_num_workers={workers},direct_running_mode=multi_processing'
    ways = {
        'one thread': ([], ONE_THREAD),
        'one process': ([], {}),
        f'{workers} workers': ([f'--workers={workers}'], {}),
    }
    if options.beam:
        flag = f'--beam_pipeline_options=runner=DirectRunner,{processes}'
        ways[f'Beam, {workers} processes'] = ([flag], {})
    with tempfile.TemporaryDirectory() as folder:
        originals = draw(Path(folder) / 'drawn')
        rows = []
        for times in options.times:
            archive = multiply(originals, Path(folder) / f'x{times}', times)
            for way, (flags, environment) in ways.items():
                target = Path(folder) / f'data {times} {way}'
                arguments = [f'expression_folders={archive}', f'--config={options.config}']
                arguments += [f'--data_dir={target}', '--accept_subjects', *flags]
                measured = in_a_process(arguments, environment)
                rows.append({'way': way, **describe(target, len(originals) * times, measured)})
                print(rows[-1], flush=True)
    print(pd.DataFrame(rows).to_string(index=False))


def draw(folder: Path) -> list[Path]:
    """The small archive: files `<class>/<person>.png`."""
    from tfds_builders.drawing.people import Drawing
    from tfds_builders.expressions import BASIC

    paths = []
    for label in BASIC:
        for person in range(PEOPLE):
            paths.append(folder / label / f'{person:03d}.png')
            paths[-1].parent.mkdir(parents=True, exist_ok=True)
            paths[-1].write_bytes(Drawing(person, label).read_bytes())
    return paths


def multiply(originals: list[Path], folder: Path, times: int) -> Path:
    """An archive of links to each file, each copy of a person under a name of its own."""
    for path in originals:
        (folder / path.parent.name).mkdir(parents=True, exist_ok=True)
        for copy in range(times):
            name = f'{copy * PEOPLE + int(path.stem):06d}_1.png'
            (folder / path.parent.name / name).symlink_to(path)
    return folder


def in_a_process(arguments: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Builds in a command of its own; what that measured, and the seconds that it took."""
    start = time.monotonic()
    command = [sys.executable, '-m', 'benchmarks.scale', f'--build={json.dumps(arguments)}']
    completed = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    )
    measured: dict[str, float] = json.loads(completed.stdout.splitlines()[-1])
    return {**measured, 's': time.monotonic() - start}


def build_once(arguments: list[str]) -> None:
    """Builds, and prints processor time and peak memory."""
    from tfds_builders import build

    status = build.main(arguments)
    own, others = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    seconds = sum(one.ru_utime + one.ru_stime for one in (own, others))
    peaks = {'command MiB': own.ru_maxrss / 1024, 'process MiB': others.ru_maxrss / 1024}
    print(json.dumps({'CPU s': seconds, **peaks}))
    sys.exit(status)


def describe(target: Path, images: int, measured: dict[str, float]) -> dict[str, object]:
    """A row of the table."""
    sizes = [path.stat().st_size for path in target.glob('**/*.tfrecord-*')]
    return {
        'images': images,
        'images/s': round(images / measured['s'], 1),
        **{name: round(value) for name, value in measured.items()},
        'shards': len(sizes),
        'largest shard MiB': round(max(sizes) / MIB, 1),
    }


if __name__ == '__main__':
    main()
