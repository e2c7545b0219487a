"""What the report of a protocol says."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import pandas as pd

from fer_keras.config.protocol import ProtocolConfig
from fer_keras.evaluation.document import Document, Section
from fer_keras.protocols.details import describe_test
from fer_keras.protocols.gallery import Gallery
from fer_keras.protocols.jobs import Job
from fer_keras.protocols.number_blocks import (
    comparison_blocks,
    matrix_blocks,
    shown_units,
    summary_blocks,
)
from fer_keras.protocols.protocol_dir import ProtocolDir
from fer_keras.protocols.run_blocks import (
    blocks_of_first_runs,
    configuration_blocks,
    learning_blocks,
    version_blocks,
)
from fer_keras.protocols.summary import read_tables


def describe_protocol(
    config: ProtocolConfig,
    jobs: Sequence[Job],
    summary: pd.DataFrame,
    comparisons: pd.DataFrame,
) -> Document:
    """Draws the figures of a finished protocol into its folder, and writes what its report says.

    Args:
        config: The protocol.
        jobs: Its runs.
        summary: From `summary.summarize_protocol`.
        comparisons: From there.
    """
    folder = ProtocolDir(config.output)
    draw = Gallery(folder)
    variants = [variant.partition(':')[0] for variant in config.variants]
    lead = (
        f'{len(jobs)} runs: {len(config.experiments)} experiments, {len(variants)} variants, seeds '
        f'{", ".join(map(str, config.seeds))}. Means over seeds, ± their standard deviation; '
        f'intervals are 95 % over {shown_units(summary)}, of the mean of these seeds.'
    )
    sections = [
        Section('From data set to data set', tuple(matrix_blocks(summary, draw)))
        if config.data_sets
        else Section('Summary', tuple(summary_blocks(summary))),
        Section('Comparisons', tuple(comparison_blocks(comparisons))),
        *(
            Section(title, tuple(describe_test(variants, title, draw)))
            for title, variants in _tables_by_test(jobs).items()
        ),
        Section('Learning curves', tuple(learning_blocks(jobs, draw))),
        *(Section(title, blocks) for title, blocks in blocks_of_first_runs(jobs, folder).items()),
        Section('Data and versions', tuple(version_blocks(jobs))),
        Section('Configuration', tuple(configuration_blocks(config, jobs))),
    ]
    return Document(
        title=f'Protocol {os.path.basename(os.path.abspath(config.output))}',
        lead=lead,
        sections=tuple(section for section in sections if section.blocks),
        numbers={
            'summary': _plain(summary),
            'comparisons': _plain(comparisons),
        },
    )


def _tables_by_test(jobs: Sequence[Job]) -> dict[str, dict[str, list[pd.DataFrame]]]:
    """Predictions of each experiment on each target, by what its section is called."""
    found = {}
    pools = dict.fromkeys(job.sources for job in jobs)
    for pool in pools:
        of_pool = [job for job in jobs if job.sources == pool]
        own = f'{pool[0]} test' if pool else 'own target'
        for target in ('', *of_pool[0].targets):
            for experiment, variants in read_tables(of_pool, target).items():
                title = f'{experiment}: {" + ".join(pool)}' if pool else experiment
                found[f'{title}, {target or own}'] = variants
    return found


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(table.to_json(orient='records'))
    return records
