"""Runs a whole protocol, and goes on where it stopped."""

from __future__ import annotations

import dataclasses
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from types import FrameType

import pandas as pd

from fer_keras import files
from fer_keras.config.choices import SAVED_MODEL
from fer_keras.config.data import DataConfig
from fer_keras.config.fields import as_flags
from fer_keras.config.protocol import ProtocolConfig
from fer_keras.config.run import RunConfig
from fer_keras.errors import ExistingFileError, InvalidInputError
from fer_keras.evaluation.document import write_document
from fer_keras.evaluation.intervals import shown_interval
from fer_keras.evaluation.target import require_testable
from fer_keras.models.classifier import require_known
from fer_keras.models.external_saliency import TRUSTED, find_saved_model
from fer_keras.protocols.document import describe_protocol
from fer_keras.protocols.jobs import Job, list_jobs, report_name
from fer_keras.protocols.number_blocks import number_warnings, shown_units
from fer_keras.protocols.summary import summarize_protocol
from fer_keras.run_dir import ProtocolDir, ReportDir, RunDir
from fer_keras.tables import print_table

# What a shell says of a process that Ctrl-C ended, and so do the commands.
_INTERRUPTED = 128 + signal.SIGINT

# From the arguments of `fer_keras.train` to a configuration.
ParseRun = Callable[[Sequence[str]], RunConfig]


def run_protocol(config: ProtocolConfig, parse_run: ParseRun) -> None:
    """Runs what is left of a protocol, writes its tables and its report, and prints a summary.

    Args:
        config: The protocol.
        parse_run: Reads the arguments of `fer_keras.train`.

    Raises:
        UserError: As `check_jobs` and `run_job`.
    """
    jobs = list_jobs(config)
    check_jobs(jobs, parse_run)
    for number, job in enumerate(jobs, start=1):
        print(f'{number} of {len(jobs)}: {job.run_dir}', flush=True)
        run_job(job)
    summary, comparisons = summarize_protocol(config, jobs)
    folder = ProtocolDir(config.output)
    files.write_text(folder.summary_file, summary.to_csv(index=False))
    files.write_text(folder.comparisons_file, comparisons.to_csv(index=False))
    write_document(describe_protocol(config, jobs, summary, comparisons), folder.report.path)
    _print(summary)
    print(folder.report.html_file)


def check_jobs(jobs: Sequence[Job], parse_run: ParseRun) -> None:
    """Looks for what would end the protocol late: before the first hour of training.

    What the flags, the descriptions of the data sets and the folders say is looked at; no picture
    is read, and no op of TensorFlow runs, which would take the GPUs from the runs.

    Raises:
        MissingFileError: A data set, or a SavedModel for saliency, is missing.
        ExistingFileError: A folder holds a run of other flags, whose numbers would be taken for
            this one's.
        InvalidInputError: Flags are wrong, two runs have one folder, or a target cannot test what
            its source teaches.
    """
    folders = [job.run_dir for job in jobs]
    repeated = sorted({folder for folder in folders if folders.count(folder) > 1})
    if repeated:
        raise InvalidInputError(
            'Each run must have a folder of its own, named by experiment, variant and seed. '
            f'Received: {repeated} more than once. Rename a flag file or a variant.'
        )
    tests: set[DataConfig] = set()
    for job in jobs:
        run = parse_run(job.flags)
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
            kept = ('data_dir', 'source', 'hog_source', 'target', 'target_split', 'fold')
            tests.add(DataConfig(**{field: getattr(data, field) for field in kept}))
    for data in tests:
        require_testable(data)


def run_job(job: Job) -> None:
    """Trains and tests, as far as that has not been done.

    Raises:
        InvalidInputError: A process failed; its messages were printed.
    """
    if not _has_report_on(job):
        _run('train', *job.flags)
    for target in job.targets:
        name, split = target.split()
        if not _has_report_on(job, target):
            which = (f'--run_dir={job.run_dir}', f'--target={name}', f'--target_split={split}')
            _run('evaluate', *which)


def _has_report_on(job: Job, target: str = '') -> bool:
    """Whether a test of the run is finished: on `name/config split`, or on its own target."""
    return ReportDir(RunDir(job.run_dir).report_dir(report_name(target))).is_finished


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
        raise ExistingFileError(
            f'{job.run_dir} holds a run of other flags: {differing[:6]}. Choose another '
            f'--output, or delete it: rm -r {job.run_dir}'
        )


def _run(module: str, *arguments: str) -> None:
    command = [sys.executable, '-m', f'fer_keras.{module}', *arguments]
    with subprocess.Popen(command) as process:
        is_interrupted = False

        def pass_on(number: int, frame: FrameType | None) -> None:
            nonlocal is_interrupted
            is_interrupted = True
            process.send_signal(number)

        # Ctrl-C reaches the process as well, which saves and ends; SIGTERM has to be passed on.
        before = signal.signal(signal.SIGTERM, pass_on)
        try:
            status = process.wait()
        except KeyboardInterrupt:
            is_interrupted = True
            status = process.wait()
        finally:
            signal.signal(signal.SIGTERM, before)
    # Also where the process was about to end anyway, and did: nobody wants the next one then.
    if is_interrupted or status in (_INTERRUPTED, -signal.SIGTERM):
        raise KeyboardInterrupt('Interrupted. Give the protocol again: it goes on from here.')
    if status:
        raise InvalidInputError(
            f'This failed: {shlex.join(command)}. Mend it and give the protocol again: it goes on '
            'from here.'
        )


def _print(summary: pd.DataFrame) -> None:
    keys = ('target', 'source', 'experiment', 'variant', 'seeds')
    rows = []
    for row in summary.to_dict('records'):
        is_one_seed = pd.isna(row['accuracy_deviation'])
        spread = '' if is_one_seed else f' ± {100 * row["accuracy_deviation"]:.1f}'
        reason = row['accuracy_no_interval']
        ends = None if reason else [100 * row[f'accuracy_{end}'] for end in ('low', 'high')]
        cells = (f'{100 * row["accuracy"]:.1f}{spread}', shown_interval(ends, reason, '.1f'))
        rows.append((*(str(row[key]) for key in keys), *cells))
    over = f'95 % over {shown_units(summary)}'
    print_table((*keys, 'accuracy', over), rows, text_columns=4)
    for warning in number_warnings(summary):
        print(warning)
