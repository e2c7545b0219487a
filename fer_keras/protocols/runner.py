"""Runs a whole protocol, and goes on where it stopped."""

from __future__ import annotations

import dataclasses
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

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
from fer_keras.protocols.protocol_dir import ProtocolDir
from fer_keras.protocols.summary import summarize_protocol
from fer_keras.run_dir import ReportDir, RunDir
from fer_keras.tables import print_table

# What a shell says of a process that Ctrl-C ended, and so do the commands.
_INTERRUPTED = 128 + signal.SIGINT
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

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
            kept = ('data_dir', 'source', 'hog_source', 'target', 'target_split', 'fold', 'label')
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
    run_dir = RunDir(job.run_dir)
    differing = run_dir.flags_that_differ(expected)
    if differing and run_dir.has_begun:
        raise ExistingFileError(
            f'{job.run_dir} holds a run of other flags: {differing[:6]}. Choose another '
            f'--output, or delete it: rm -r {shlex.quote(job.run_dir)}'
        )


def _run(module: str, *arguments: str) -> None:
    command = [sys.executable, '-m', f'fer_keras.{module}', *arguments]
    # In a session of its own: Ctrl-C reaches it from here alone, once. A second one means that it
    # should end at once, without saving.
    with _PassedOn() as passed_on, subprocess.Popen(command, start_new_session=True) as process:
        passed_on.to(process)
        status = process.wait()
    # Also where the process was about to end anyway, and did: nobody wants the next one then.
    if passed_on.is_any or status in (_INTERRUPTED, -signal.SIGTERM, -signal.SIGINT):
        raise KeyboardInterrupt('Interrupted. Give the protocol again: it goes on from here.')
    if status:
        raise InvalidInputError(
            f'This failed: {shlex.join(command)}. Mend it and give the protocol again: it goes on '
            'from here.'
        )


class _PassedOn:
    """Passes on, while it is entered, what asks this process to end: the run then saves and ends.

    A closed terminal asks for it too.
    """

    def __init__(self) -> None:
        self.is_any = False
        self._process: subprocess.Popen[bytes] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _PassedOn:
        if threading.current_thread() is threading.main_thread():  # Python allows no other.
            self._before = {one: signal.signal(one, self._pass_on) for one in _ENDING}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def to(self, process: subprocess.Popen[bytes]) -> None:
        """Names the process; it is told what came before it was there."""
        self._process = process
        if self.is_any:
            process.send_signal(signal.SIGTERM)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self.is_any = True
        if self._process is not None:
            is_known = number in (signal.SIGINT, signal.SIGTERM)
            self._process.send_signal(number if is_known else signal.SIGTERM)


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
