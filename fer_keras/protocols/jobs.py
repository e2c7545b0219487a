"""The trainings that a protocol comes to."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
import shlex
from collections.abc import Sequence

from fer_keras.config.data import set_of
from fer_keras.config.protocol import ProtocolConfig
from fer_keras.protocols.protocol_dir import ProtocolDir
from fer_keras.run_dir import evaluation_name


@dataclasses.dataclass(frozen=True)
class Job:
    """One training, and what it is tested on beside its own target.

    Attributes:
        experiment: Name of the flag file.
        variant: Name of the variant.
        seed: Seed.
        fold: Fold that is tested, or -1.
        sources: What it is trained on in a cross-data-set matrix; empty: what the file says.
        targets: `name/config split`.
        run_dir: Its run folder.
        flags: What `fer_keras.train` is given.

    >>> job = Job('cross', 'center', 0, -1, (), ('rafd/frontal_faces all',), 'runs/a', ())
    >>> [report_name(target) for target in job.targets]
    ['rafd_frontal_faces_all']
    """

    experiment: str
    variant: str
    seed: int
    fold: int
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    run_dir: str
    flags: tuple[str, ...]


def list_jobs(config: ProtocolConfig) -> list[Job]:
    """Every training of the protocol, in the order in which they are run."""
    jobs = []
    folds = range(config.folds) if config.folds else (-1,)
    for flagfile, sources, variant, seed, fold in itertools.product(
        config.experiments, _pools(config.data_sets), config.variants, config.seeds, folds
    ):
        experiment = pathlib.Path(flagfile).stem
        name, _, overrides = variant.partition(':')
        pool = '+'.join(source.replace('/', '_') for source in sources)
        parts = [experiment, *filter(None, [pool]), name, f'seed{seed}']
        parts += [f'fold{fold}'] if fold >= 0 else []
        run_dir = os.path.join(ProtocolDir(config.output).runs_dir, '-'.join(parts))
        own = [f'--flagfile={flagfile}', *shlex.split(config.flags), *shlex.split(overrides)]
        own += [f'--seed={seed}', f'--fold={fold}', f'--run_dir={run_dir}']
        targets = config.targets
        if sources:
            own += [f'--source={",".join(sources)}', '--target=', '--target_split=test']
            # Its own target is the first source, as of any run that names none.
            others = [name for name in config.data_sets if name != sources[0]]
            targets = tuple(f'{name} {split_to_test(name, sources)}' for name in others)
        jobs.append(Job(experiment, name, seed, fold, sources, targets, run_dir, tuple(own)))
    return jobs


def split_to_test(target: str, sources: Sequence[str]) -> str:
    """Everyone, or the test people where the others were trained on."""
    return 'test' if set_of(target) in map(set_of, sources) else 'all'


def report_name(target: str) -> str:
    """The folder that `fer_keras.evaluate` writes for `name/config split`."""
    return evaluation_name(*target.split()) if target else ''


def _pools(data_sets: Sequence[str]) -> list[tuple[str, ...]]:
    """Each data set, all but one, and all; one empty pool where there are no data sets."""
    pools: dict[tuple[str, ...], None] = {}
    for size in (1, len(data_sets) - 1, len(data_sets)):
        if size > 0:
            pools |= dict.fromkeys(itertools.combinations(data_sets, size))
    return list(pools) or [()]
