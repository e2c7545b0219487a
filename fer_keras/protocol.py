"""Runs a whole protocol, and goes on where it stopped.

`python -m fer_keras.protocol --flagfile=experiments/saliency_ablation.flags`

A protocol is every experiment with every variant of its flags, for every seed and fold, tested on
every target. Each training is a run folder of its own, by a process of its own; what is finished is
not run again, and what was cut off goes on. Nothing is chosen on a target.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
import shlex
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from fer_keras import flags
from fer_keras.evaluation.comparison import Comparison, compare, read_predictions
from fer_keras.evaluation.metrics import people
from fer_keras.evaluation.statistics import bootstrap_over_subjects
from fer_keras.run_dir import RunDir


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
        flags: Given to every run, such as `--data_dir=DATA`.
    """

    output: str = 'runs/protocol'
    experiments: tuple[str, ...] = ()
    variants: tuple[str, ...] = ('as_it_is:',)
    seeds: tuple[int, ...] = (0, 1, 2)
    folds: int = 0
    targets: tuple[str, ...] = ()
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
        if self.folds not in range(11):
            raise ValueError(f'`folds` must be 0 to 10. Received: folds={self.folds}.')


@dataclasses.dataclass(frozen=True)
class Job:
    """One training."""

    experiment: str
    variant: str
    seed: int
    fold: int
    run_dir: str
    flags: tuple[str, ...]


def list_jobs(config: ProtocolConfig) -> list[Job]:
    """Every training of the protocol, in the order in which they are run."""
    jobs = []
    folds = range(config.folds) if config.folds else (-1,)
    for flagfile, variant, seed, fold in itertools.product(
        config.experiments, config.variants, config.seeds, folds
    ):
        experiment = pathlib.Path(flagfile).stem
        name, _, overrides = variant.partition(':')
        parts = [experiment, name, f'seed{seed}', *([f'fold{fold}'] if fold >= 0 else [])]
        run_dir = os.path.join(config.output, 'runs', '-'.join(parts))
        own = [f'--flagfile={flagfile}', *shlex.split(config.flags), *shlex.split(overrides)]
        own += [f'--seed={seed}', f'--fold={fold}', f'--run_dir={run_dir}']
        jobs.append(Job(experiment, name, seed, fold, run_dir, tuple(own)))
    return jobs


def run_job(job: Job, targets: Sequence[str]) -> None:
    """Trains and tests, as far as that has not been done.

    Raises:
        ValueError: A process failed; its messages were printed.
    """
    if not has_report(job.run_dir, ''):
        _run('train', *job.flags)
    for target in targets:
        name, split = target.split()
        if not has_report(job.run_dir, report_name(target)):
            _run(
                'evaluate',
                f'--run_dir={job.run_dir}',
                f'--target={name}',
                f'--target_split={split}',
            )


def report_name(target: str) -> str:
    """The folder that `fer_keras.evaluate` writes for `name/config split`."""
    return '_'.join(target.replace('/', ' ').split())


def has_report(run_dir: str, name: str) -> bool:
    """Whether a test of the run is finished."""
    return os.path.isfile(os.path.join(RunDir(run_dir).report_dir(name), 'metrics.json'))


def summarize(jobs: Sequence[Job], target: str = '') -> tuple[pd.DataFrame, list[Comparison]]:
    """One row an experiment and variant, and each variant against the first.

    Folds of one seed are joined: together they test everyone once.

    Args:
        jobs: Finished ones.
        target: `name/config split`; empty: the target of the experiment.

    Returns:
        `experiment`, `variant`, `seeds`, `accuracy` (mean over seeds), `deviation` (over seeds),
        `low` and `high` (95 % over people, of the mean over seeds), `images`; and the comparisons.
    """
    rows, comparisons = [], []
    for experiment, group in itertools.groupby(jobs, lambda job: job.experiment):
        tables: dict[str, list[pd.DataFrame]] = {}
        for (variant, _), folds in itertools.groupby(group, lambda job: (job.variant, job.seed)):
            name = report_name(target) if target else ''
            parts = [read_predictions(job.run_dir, name) for job in folds]
            tables.setdefault(variant, []).append(pd.concat(parts, ignore_index=True))
        for variant, seeds in tables.items():
            ordered = [table.sort_values(['subject_id', 'file_name']) for table in seeds]
            right = np.array([table['label'] == table['predicted'] for table in ordered])
            low, high = bootstrap_over_subjects(right.mean(axis=0), people(ordered[0]))
            of_seeds = right.mean(axis=1)
            deviation = of_seeds.std(ddof=1) if len(seeds) > 1 else float('nan')
            rows.append(
                (
                    experiment,
                    variant,
                    len(seeds),
                    right.mean(),
                    deviation,
                    low,
                    high,
                    right.shape[1],
                )
            )
        if len(tables) > 1:
            named = {f'{experiment} {variant}': seeds for variant, seeds in tables.items()}
            comparisons += compare(named)
    columns = ['experiment', 'variant', 'seeds', 'accuracy', 'deviation', 'low', 'high', 'images']
    return pd.DataFrame(rows, columns=columns), comparisons


def main() -> None:
    """Runs what is left of the protocol, and writes `summary.csv` and `comparisons.csv`."""
    config = flags.read_protocol(ProtocolConfig)
    jobs = list_jobs(config)
    for number, job in enumerate(jobs, start=1):
        print(f'{number} of {len(jobs)}: {job.run_dir}', flush=True)
        run_job(job, config.targets)
    summaries, comparisons = [], []
    for target in ('', *config.targets):
        summary, compared = summarize(jobs, target)
        name = target or 'own target'
        summaries.append(summary.assign(target=name))
        comparisons += [dataclasses.asdict(one) | {'target': name} for one in compared]
    table = pd.concat(summaries, ignore_index=True)
    table.to_csv(os.path.join(config.output, 'summary.csv'), index=False)
    pd.DataFrame(comparisons).to_csv(os.path.join(config.output, 'comparisons.csv'), index=False)
    _print(table)
    print(os.path.join(config.output, 'summary.csv'))


def _run(module: str, *arguments: str) -> None:
    command = [sys.executable, '-m', f'fer_keras.{module}', *arguments]
    with subprocess.Popen(command) as process:
        try:
            status = process.wait()
        except KeyboardInterrupt:  # Ctrl-C reaches the process as well, which saves and ends.
            status = process.wait()
    if status == flags.INTERRUPTED:
        raise KeyboardInterrupt('Interrupted. Give the protocol again: it goes on from here.')
    if status:
        raise ValueError(
            f'This failed: {shlex.join(command)}. Mend it and give the protocol again: it goes on '
            'from here.'
        )


def _print(table: pd.DataFrame) -> None:
    shown = Table()
    for heading in ('target', 'experiment', 'variant', 'seeds', 'accuracy', '95 % over people'):
        shown.add_column(heading, justify='left')
    for row in table.to_dict('records'):
        shown.add_row(
            row['target'],
            row['experiment'],
            row['variant'],
            str(row['seeds']),
            f'{100 * row["accuracy"]:.1f} ± {100 * row["deviation"]:.1f}',
            f'{100 * row["low"]:.1f} to {100 * row["high"]:.1f}',
        )
    Console(soft_wrap=True, highlight=False).print(shown)


if __name__ == '__main__':
    flags.define_protocol(ProtocolConfig)
    flags.start(main)
