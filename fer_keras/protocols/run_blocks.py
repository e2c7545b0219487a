"""What the report of a protocol says of its runs: how they learned, from what, and with what."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from fer_keras import figures, files
from fer_keras.config.flag_files import locate_flag_file
from fer_keras.config.protocol import ProtocolConfig
from fer_keras.evaluation.document import (
    Block,
    Bullets,
    Paragraph,
    ReportFigure,
    Table,
    block_from_json,
)
from fer_keras.evaluation.history import read_history
from fer_keras.evaluation.sections import environment_blocks
from fer_keras.protocols.gallery import Gallery
from fer_keras.protocols.jobs import Job
from fer_keras.protocols.protocol_dir import ProtocolDir
from fer_keras.run_dir import ReportDir, RunDir


def learning_blocks(jobs: Sequence[Job], draw: Gallery) -> list[Block]:
    """The curves of every run whose history is at hand."""
    histories = [(job.variant, RunDir(job.run_dir).history_file) for job in jobs]
    read = [(variant, read_history(file)) for variant, file in histories]
    curves = [(variant, table) for variant, table in read if table is not None]
    if not curves:
        return []
    caption = 'Validation of every run on people of its own source, which chose its epoch.'
    return [draw(figures.draw_histories(curves), 'learning curves', caption, is_wide=True)]


def blocks_of_first_runs(jobs: Sequence[Job], folder: ProtocolDir) -> dict[str, tuple[Block, ...]]:
    """Examples, duplicates and model card of the first run of each experiment, from its report."""
    sections: dict[str, tuple[Block, ...]] = {}
    for job in _first_jobs(jobs):
        report = ReportDir(RunDir(job.run_dir).report_dir())
        if not os.path.isfile(report.json_file):
            continue
        saved = files.read_json(report.json_file)['sections']
        known = {section['title']: section['blocks'] for section in saved}
        for title in ('Examples', 'Duplicates', 'Model card'):
            name = f'{title} of {os.path.basename(job.run_dir)}'
            sections[name] = tuple(
                _moved(block_from_json(one), report, folder) for one in known.get(title, ())
            )
    return sections


def _moved(block: Block, report: ReportDir, folder: ProtocolDir) -> Block:
    """The block as the report of the protocol shows it: where figures lie is seen from there."""
    if not isinstance(block, ReportFigure):
        return block
    path = os.path.join(report.path, block.file)
    return dataclasses.replace(block, file=os.path.relpath(path, folder.report.path))


def version_blocks(jobs: Sequence[Job]) -> list[Block]:
    """Data sets and versions, with a warning where those of the runs differ."""
    found = {}
    for job in jobs:
        path = RunDir(job.run_dir).environment_file
        if os.path.isfile(path):
            found[job] = files.read_json(path)
    if not found:
        return []
    blocks: list[Block] = []
    commits = sorted({environment['commit'] for environment in found.values()})
    if len(commits) > 1:
        text = f'These runs were not made by one version of the code: {", ".join(commits)}.'
        blocks.append(Paragraph(text, is_warning=True))
    sets: dict[str, Any] = {}
    rebuilt = set()
    for environment in found.values():
        for data in environment['data_sets']:
            known = sets.setdefault(data['name'], data)
            if known['split_hash'] != data['split_hash']:
                rebuilt.add(data['name'])
    if rebuilt:
        text = f'Between these runs the splits of {", ".join(sorted(rebuilt))} changed.'
        blocks.append(Paragraph(text, is_warning=True))
    first = next(iter(found.values()))
    return [*blocks, *environment_blocks({'training': first | {'data_sets': [*sets.values()]}})]


def configuration_blocks(config: ProtocolConfig, jobs: Sequence[Job]) -> list[Block]:
    """The settings of the protocol, its flag files, and every flag of the first runs."""
    rows = [(f'--{name}', _shown(value)) for name, value in dataclasses.asdict(config).items()]
    blocks: list[Block] = [Table(('flag', 'value'), tuple(rows), text_columns=2)]
    for path in config.experiments:
        with open(locate_flag_file(path), encoding='utf-8') as file:
            lines = [line for line in file.read().splitlines() if line.strip()]
        blocks += [Paragraph(f'{path}:'), Bullets(tuple(lines))]
    for job in _first_jobs(jobs):
        file_name = RunDir(job.run_dir).flags_file
        if os.path.isfile(file_name):
            with open(file_name, encoding='utf-8') as file:
                pairs = [line.partition('=') for line in file.read().splitlines()]
            blocks += [
                Paragraph(f'Every flag of {os.path.basename(job.run_dir)}:'),
                Table(('flag', 'value'), tuple((n, v) for n, _, v in pairs), text_columns=2),
            ]
    return blocks


def _first_jobs(jobs: Sequence[Job]) -> list[Job]:
    """One for each experiment and pool of sources."""
    firsts: dict[tuple[str, tuple[str, ...]], Job] = {}
    for job in jobs:
        firsts.setdefault((job.experiment, job.sources), job)
    return list(firsts.values())


def _shown(value: Any) -> str:
    return '; '.join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
