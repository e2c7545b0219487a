"""What the report of a protocol says."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fer_keras import figures
from fer_keras.config.protocol import ProtocolConfig
from fer_keras.evaluation.document import (
    Block,
    Bullets,
    Document,
    Paragraph,
    ReportFigure,
    Section,
    Table,
)
from fer_keras.evaluation.measures import MEASURES
from fer_keras.evaluation.run_document import environment_blocks
from fer_keras.protocols.details import Gallery, describe_test
from fer_keras.protocols.jobs import Job
from fer_keras.protocols.summary import read_tables
from fer_keras.run_dir import RunDir


def describe_protocol(
    config: ProtocolConfig,
    jobs: Sequence[Job],
    summary: pd.DataFrame,
    comparisons: pd.DataFrame,
) -> Document:
    """Draws the pictures of a finished protocol and writes its report.

    Args:
        config: The protocol.
        jobs: Its runs.
        summary: From `protocol_summary.summarize_protocol`.
        comparisons: From there.
    """
    draw = Gallery(config.output)
    variants = [variant.partition(':')[0] for variant in config.variants]
    lead = (
        f'{len(jobs)} runs: {len(config.experiments)} experiments, {len(variants)} variants, seeds '
        f'{", ".join(map(str, config.seeds))}. Means over seeds, ± their standard deviation; '
        'intervals are 95 % over people, of the mean of these seeds.'
    )
    sections = [
        Section('From data set to data set', tuple(_matrix(summary, draw)))
        if config.data_sets
        else Section('Summary', tuple(_summary(summary))),
        Section('Comparisons', tuple(_comparisons(comparisons))),
        *(
            Section(title, tuple(describe_test(variants, title, draw)))
            for title, variants in _tables_by_test(jobs).items()
        ),
        Section('Learning curves', tuple(_learning(jobs, draw))),
        *(Section(title, blocks) for title, blocks in _from_first_runs(jobs).items()),
        Section('Data and versions', tuple(_environments(jobs))),
        Section('Configuration', tuple(_configuration(config, jobs))),
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


def _summary(summary: pd.DataFrame) -> list[Block]:
    keys = ('experiment', 'target', 'variant')
    found = summary.to_dict('records')
    shares = ('accuracy', 'unweighted_average_recall', 'macro_f1')
    others = tuple(name for name in MEASURES if name not in shares)
    others = tuple(name for name in others if summary[name].notna().any())

    def rows_of(measures: Sequence[str], more: Sequence[str] = ()) -> tuple[tuple[str, ...], ...]:
        return tuple(
            (
                *(str(row[key]) for key in keys),
                *(_mean_and_interval(row, measure) for measure in measures),
                *(str(row[key]) for key in more),
            )
            for row in found
        )

    of_shares, more = [MEASURES[name] for name in shares], ('seeds', 'images')
    return [
        Table((*keys, *of_shares, *more), rows_of(shares, more), 'In %.', text_columns=len(keys)),
        Table(
            (*keys, *(MEASURES[name] for name in others)),
            rows_of(others),
            'Times 100.',
            text_columns=len(keys),
        ),
    ]


def _matrix(summary: pd.DataFrame, draw: Gallery) -> list[Block]:
    blocks: list[Block] = [
        Paragraph(
            'Each cell decides among the classes that source and target both have: answers that '
            'the images of the target lack are masked out, and images of classes that the source '
            'lacks are left out. The accuracy among all answers stands beside it in the table. '
            'Where a source holds the target, only its test people are tested (marked *); '
            'elsewhere everyone is. No epoch was chosen on a target; how the flags were found, '
            'this report cannot know.'
        )
    ]
    for (experiment, variant), part in summary.groupby(['experiment', 'variant'], sort=False):
        part = part.assign(text=[_cell(row) for row in part.to_dict('records')])
        shares, texts = (
            # `pivot` sorts; the order of the protocol is kept.
            part.pivot(index='source', columns='target', values=values).reindex(
                index=part['source'].unique(), columns=part['target'].unique()
            )
            for values in ('accuracy_among_present', 'text')
        )
        picture = figures.draw_cross_matrix(shares, texts, f'{experiment}, {variant}')
        caption = f'{experiment}, {variant}: accuracy among the classes of both, in %.'
        blocks.append(draw(picture, f'matrix {experiment} {variant}', caption))
    columns = ('source', 'target', 'variant', 'among the classes of both', 'among all answers')
    rows = tuple(
        (
            row['source'],
            f'{row["target"]}, {row["split"]}',
            row['variant'],
            _mean_and_interval(row, 'accuracy_among_present'),
            _mean_and_interval(row, 'accuracy'),
            str(len(row['classes'].split())),
            row['masked'].replace(' ', ', ') or 'none',
            str(row['left_out']),
            str(row['images']),
        )
        for row in summary.to_dict('records')
    )
    more = ('classes of both', 'masked out', 'images left out', 'images')
    return [*blocks, Table((*columns, *more), rows, 'Accuracy in %.', text_columns=3)]


def _comparisons(comparisons: pd.DataFrame) -> list[Block]:
    if comparisons.empty:
        return []
    columns = ('target', 'classifier', 'against', 'difference', '95 % over people', 'p', 'p (Holm)')
    rows = tuple(
        (
            row['target'],
            row['second'],
            row['first'],
            f'{100 * row["difference"]:+.1f}',
            f'{100 * row["interval"][0]:+.1f} to {100 * row["interval"][1]:+.1f}',
            f'{row["p_permutation"]:.4f}',
            f'{row["p_holm"]:.4f}',
        )
        for row in comparisons.to_dict('records')
    )
    text = (
        'Differences of accuracy in points, on the same images, seeds averaged; in a matrix of '
        'data sets decided among the classes of both. p: exchanging the two within whole people, '
        'two-sided; Holm corrects it for the comparisons of one test. The spread over seeds is '
        'not in it: it stands above.'
    )
    return [Paragraph(text), Table(columns, rows, text_columns=3)]


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


def _learning(jobs: Sequence[Job], draw: Gallery) -> list[Block]:
    histories = {job.run_dir: RunDir(job.run_dir).history_file for job in jobs}
    variant_of = {job.run_dir: job.variant for job in jobs}
    curves = [
        (variant_of[run], pd.read_csv(file))
        for run, file in histories.items()
        if os.path.isfile(file)
    ]
    if not curves:
        return []
    caption = 'Validation of every run on people of its own source, which chose its epoch.'
    return [draw(figures.draw_histories(curves), 'learning curves', caption, is_wide=True)]


def _from_first_runs(jobs: Sequence[Job]) -> dict[str, tuple[Block, ...]]:
    """Examples, duplicates and model card of the first run of each experiment, from its report."""
    sections: dict[str, tuple[Block, ...]] = {}
    for job in _first_jobs(jobs):
        folder = RunDir(job.run_dir).report_dir()
        path = os.path.join(folder, 'report.json')
        if not os.path.isfile(path):
            continue
        with open(path, encoding='utf-8') as file:
            known = {section['title']: section['blocks'] for section in json.load(file)['sections']}
        for title in ('Examples', 'Duplicates', 'Model card'):
            name = f'{title} of {os.path.basename(job.run_dir)}'
            sections[name] = tuple(_block(one, job.run_dir) for one in known.get(title, ()))
    return sections


def _block(saved: Mapping[str, Any], run_dir: str) -> Block:
    kinds: dict[str, Any] = {
        kind.__name__.lower(): kind for kind in (Paragraph, Bullets, Table, ReportFigure)
    }
    values = {name: value for name, value in saved.items() if name != 'kind'}
    block = kinds[saved['kind']](**values)
    if isinstance(block, ReportFigure):
        runs = os.path.join('runs', os.path.basename(run_dir), 'report')
        return dataclasses.replace(block, file=f'{runs}/{block.file}')
    return block


def _environments(jobs: Sequence[Job]) -> list[Block]:
    found = {}
    for job in jobs:
        path = RunDir(job.run_dir).environment_file
        if os.path.isfile(path):
            with open(path, encoding='utf-8') as file:
                found[job] = json.load(file)
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


def _configuration(config: ProtocolConfig, jobs: Sequence[Job]) -> list[Block]:
    rows = [(f'--{name}', _shown(value)) for name, value in dataclasses.asdict(config).items()]
    blocks: list[Block] = [Table(('flag', 'value'), tuple(rows), text_columns=2)]
    for path in config.experiments:
        with open(path, encoding='utf-8') as file:
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


def _mean(row: Mapping[Any, Any], measure: str) -> str:
    deviation = row[f'{measure}_deviation']
    spread = '' if pd.isna(deviation) else f' ± {100 * deviation:.1f}'
    return f'{100 * row[measure]:.1f}{spread}'


def _mean_and_interval(row: Mapping[Any, Any], measure: str) -> str:
    low, high = (100 * row[f'{measure}_{end}'] for end in ('low', 'high'))
    return f'{_mean(row, measure)} ({low:.1f} to {high:.1f})'


def _cell(row: Mapping[Any, Any]) -> str:
    mark = '*' if row['is_seen'] else ''
    classes = len(row['classes'].split())
    return f'{_mean(row, "accuracy_among_present")}{mark}\n{classes} classes'


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    return json.loads(table.to_json(orient='records'))
