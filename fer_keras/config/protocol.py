"""What a protocol is made of, and the trainings that it comes to."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
import shlex
from collections.abc import Sequence
from typing import Any

from fer_keras.config.run import set_of


@dataclasses.dataclass(frozen=True)
class ProtocolConfig:
    """What is run.

    Attributes:
        output: Folder of all the runs, and of the tables.
        experiments: Flag files.
        variants: `name: flags`, such as `center: --saliency=center`; empty flags are the experiment
            itself. The first is what the others are compared with.
        seeds: One run each.
        folds: How many of the 10 folds of the data are tested in turn; 0: its own split.
        targets: `name/config split`, tested beside the target of the experiment.
        data_sets: For the cross-data-set matrix, `name/config`: each is a source by itself, then
            all but one are (leave one data set out), then all, and each source is tested on every
            one of them. The experiments give the recipe; their own source and target do not count.
        flags: Given to every run, such as `--data_dir=DATA`.
    """

    output: str = 'runs/protocol'
    experiments: tuple[str, ...] = ()
    variants: tuple[str, ...] = ('as_it_is:',)
    seeds: tuple[int, ...] = (0, 1, 2)
    folds: int = 0
    targets: tuple[str, ...] = ()
    data_sets: tuple[str, ...] = ()
    flags: str = ''

    def __post_init__(self) -> None:
        missing = [name for name in self.experiments if not os.path.isfile(name)]
        if missing or not self.experiments:
            raise ValueError(
                '`experiments` must name flag files, with commas between. '
                f'Received: {list(self.experiments)}, of which {missing} do not exist.'
            )
        wrong = [one for one in self.variants if ':' not in one or not one.partition(':')[0]]
        if wrong:
            raise ValueError(
                '`variants` must be `name: flags`, such as `center: --saliency=center`. '
                f'Received: {wrong}.'
            )
        wrong = [target for target in self.targets if len(target.split()) != 2]
        if wrong:
            raise ValueError(
                '`targets` must be `name/config split`, such as `rafd/frontal_faces all`. '
                f'Received: {wrong}.'
            )
        self._refuse_repetitions()
        if self.folds not in range(11):
            raise ValueError(f'`folds` must be 0 to 10. Received: folds={self.folds}.')
        names = {set_of(name) for name in self.data_sets}
        is_matrix = len(names) == len(self.data_sets) > 1 and not (self.folds or self.targets)
        if self.data_sets and not is_matrix:
            raise ValueError(
                '`data_sets` are at least two, each of other people than the rest (configs of one '
                'data set are not), tested on each other, without `folds` or `targets`. '
                f'Received: data_sets={list(self.data_sets)}, folds={self.folds}, '
                f'targets={list(self.targets)}.'
            )

    def _refuse_repetitions(self) -> None:
        """What has the name of another would share its folders, and count as a further seed."""
        named: dict[str, list[Any]] = {
            'experiments': [plain_name(pathlib.Path(file).stem) for file in self.experiments],
            'variants': [plain_name(variant.partition(':')[0]) for variant in self.variants],
            'seeds': list(self.seeds),
            'targets': list(self.targets),
        }
        for field, names in named.items():
            repeated = sorted({str(name) for name in names if names.count(name) > 1})
            if repeated or not names and field in ('variants', 'seeds'):
                raise ValueError(
                    f'`{field}` must have names of their own, which name the folders of the runs. '
                    f'Received: {list(getattr(self, field))}, where {repeated} come more than once.'
                )


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
        run_dir = os.path.join(config.output, 'runs', '-'.join(parts))
        own = [f'--flagfile={flagfile}', *shlex.split(config.flags), *shlex.split(overrides)]
        own += [f'--seed={seed}', f'--fold={fold}', f'--run_dir={run_dir}']
        targets = config.targets
        if sources:
            own += [f'--source={",".join(sources)}', '--target=', '--target_split=test']
            # Its own target is the first source, as of any run that names none.
            others = [name for name in config.data_sets if name != sources[0]]
            targets = tuple(f'{name} {tested_split(name, sources)}' for name in others)
        jobs.append(Job(experiment, name, seed, fold, sources, targets, run_dir, tuple(own)))
    return jobs


def tested_split(target: str, sources: Sequence[str]) -> str:
    """Everyone, or the test people where the others were trained on."""
    return 'test' if set_of(target) in map(set_of, sources) else 'all'


def report_name(target: str) -> str:
    """The folder that `fer_keras.evaluate` writes for `name/config split`."""
    return '_'.join(target.replace('/', ' ').split())


def plain_name(name: str) -> str:
    """A name as the files of a report have it."""
    return ''.join(letter if letter.isalnum() else '_' for letter in name)


def _pools(data_sets: Sequence[str]) -> list[tuple[str, ...]]:
    """Each data set, all but one, and all; one empty pool where there are no data sets."""
    pools: dict[tuple[str, ...], None] = {}
    for size in (1, len(data_sets) - 1, len(data_sets)):
        if size > 0:
            pools |= dict.fromkeys(itertools.combinations(data_sets, size))
    return list(pools) or [()]
