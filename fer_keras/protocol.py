"""Runs a whole protocol, and goes on where it stopped.

`python -m fer_keras.protocol --flagfile=experiments/saliency_ablation.flags`

A protocol is every experiment with every variant of its flags, for every seed and fold, tested on
every target. Each training is a run folder of its own, by a process of its own; what is finished is
not run again, and what was cut off goes on. Nothing is chosen on a target.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence

import pandas as pd
from rich.console import Console
from rich.table import Table

from fer_keras import flags
from fer_keras.config.choices import SAVED_MODEL
from fer_keras.config.protocol import Job, ProtocolConfig, list_jobs, report_name
from fer_keras.config.run import DataConfig, as_flags
from fer_keras.evaluation.document import write_document
from fer_keras.evaluation.report import require_testable
from fer_keras.models.classifier import require_known
from fer_keras.models.external_saliency import TRUSTED, find_saved_model
from fer_keras.protocols.document import describe_protocol
from fer_keras.protocols.summary import summarize_protocol
from fer_keras.run_dir import RunDir


def check_jobs(jobs: Sequence[Job]) -> None:
    """Looks for what would end the protocol late: before the first hour of training.

    What the flags, the descriptions of the data sets and the folders say is looked at; no picture
    is read, and no op of TensorFlow runs, which would take the GPUs from the runs.

    Raises:
        FileNotFoundError: A data set, or a SavedModel for saliency, is missing.
        FileExistsError: A folder holds a run of other flags, whose numbers would be taken for this.
        ValueError: Flags are wrong, two runs have one folder, or a target cannot test what its
            source teaches.
    """
    folders = [job.run_dir for job in jobs]
    repeated = sorted({folder for folder in folders if folders.count(folder) > 1})
    if repeated:
        raise ValueError(
            'Each run must have a folder of its own, named by experiment, variant and seed. '
            f'Received: {repeated} more than once. Rename a flag file or a variant.'
        )
    tests: set[DataConfig] = set()
    for job in jobs:
        run = flags.parse_run(job.flags)
        require_known(run.model)
        _refuse_others(job, as_flags(run))
        # What is finished may be tabled where its data are not.
        left = [target for target in ('', *job.targets) if not _has_report_on(job, target)]
        if left and run.model.saliency.startswith(SAVED_MODEL):
            _trust(find_saved_model(run.model.saliency.removeprefix(SAVED_MODEL)))
        for target in left:
            name, split = target.split() or (run.data.target, run.data.target_split)
            data = dataclasses.replace(run.data, target=name, target_split=split)
            # Of its fields only these count; many jobs share them.
            kept = ('data_dir', 'source', 'shallow_source', 'target', 'target_split', 'fold')
            tests.add(DataConfig(**{field: getattr(data, field) for field in kept}))
    for data in tests:
        require_testable(data)


def _trust(folder: str) -> None:
    """Who names a SavedModel in a protocol trusts it in every process of it."""
    trusted = os.environ.get(TRUSTED, '').split(os.pathsep)
    if folder not in trusted:
        os.environ[TRUSTED] = os.pathsep.join([folder, *filter(None, trusted)])


def _refuse_others(job: Job, expected: str) -> None:
    differing = RunDir(job.run_dir).flags_that_differ(expected)
    if _has_report_on(job):
        differing = [line for line in differing if not line.startswith('--data_dir=')]
    if differing:
        raise FileExistsError(
            f'{job.run_dir} holds a run of other flags: {differing[:6]}. Choose another '
            f'--output, or delete it: rm -r {job.run_dir}'
        )


def run_job(job: Job) -> None:
    """Trains and tests, as far as that has not been done.

    Raises:
        ValueError: A process failed; its messages were printed.
    """
    if not _has_report_on(job):
        _run('train', *job.flags)
    for target in job.targets:
        name, split = target.split()
        if not _has_report_on(job, target):
            _run(
                'evaluate',
                f'--run_dir={job.run_dir}',
                f'--target={name}',
                f'--target_split={split}',
            )


def _has_report_on(job: Job, target: str = '') -> bool:
    """Whether a test of the run is finished: on `name/config split`, or on its own target."""
    folder = RunDir(job.run_dir).report_dir(report_name(target))
    return os.path.isfile(os.path.join(folder, 'metrics.json'))


def main() -> None:
    """Runs what is left of the protocol, and writes its tables and its report."""
    config = flags.read_protocol(ProtocolConfig)
    jobs = list_jobs(config)
    check_jobs(jobs)
    for number, job in enumerate(jobs, start=1):
        print(f'{number} of {len(jobs)}: {job.run_dir}', flush=True)
        run_job(job)
    summary, comparisons = summarize_protocol(config, jobs)
    summary.to_csv(os.path.join(config.output, 'summary.csv'), index=False)
    comparisons.to_csv(os.path.join(config.output, 'comparisons.csv'), index=False)
    write_document(describe_protocol(config, jobs, summary, comparisons), config.output)
    _print(summary)
    print(os.path.join(config.output, 'report.html'))


def _run(module: str, *arguments: str) -> None:
    command = [sys.executable, '-m', f'fer_keras.{module}', *arguments]
    with subprocess.Popen(command) as process:
        # Ctrl-C reaches the process as well, which saves and ends; SIGTERM has to be passed on.
        before = signal.signal(signal.SIGTERM, lambda number, frame: process.send_signal(number))
        try:
            status = process.wait()
        except KeyboardInterrupt:
            status = process.wait()
        finally:
            signal.signal(signal.SIGTERM, before)
    if status in (flags.INTERRUPTED, -signal.SIGTERM):
        raise KeyboardInterrupt('Interrupted. Give the protocol again: it goes on from here.')
    if status:
        raise ValueError(
            f'This failed: {shlex.join(command)}. Mend it and give the protocol again: it goes on '
            'from here.'
        )


def _print(summary: pd.DataFrame) -> None:
    shown = Table()
    for heading in ('target', 'source', 'experiment', 'variant', 'seeds', 'accuracy', '95 %'):
        shown.add_column(heading, justify='left')
    for row in summary.to_dict('records'):
        is_one_seed = pd.isna(row['accuracy_deviation'])
        spread = '' if is_one_seed else f' ± {100 * row["accuracy_deviation"]:.1f}'
        shown.add_row(
            row['target'],
            row['source'],
            row['experiment'],
            row['variant'],
            str(row['seeds']),
            f'{100 * row["accuracy"]:.1f}{spread}',
            f'{100 * row["accuracy_low"]:.1f} to {100 * row["accuracy_high"]:.1f}',
        )
    Console(soft_wrap=True, highlight=False).print(shown)


if __name__ == '__main__':
    flags.define_protocol(ProtocolConfig)
    flags.start(main)
