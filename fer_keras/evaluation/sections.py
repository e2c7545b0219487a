"""Sections of a report that can be read alone: slices, environments and the model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fer_keras.evaluation.document import Block, Paragraph, ReportFigure, Table
from fer_keras.evaluation.intervals import FEWEST_PEOPLE, shown_accuracy, shown_interval
from fer_keras.evaluation.metrics import gaps


def slice_blocks(slices: pd.DataFrame, figure: str | None) -> list[Block]:
    """The table of slices, with a warning where some are of few people."""
    if slices.empty:
        text = (
            'The data set says nothing of its images by which to divide them. Of photographs of '
            'your own a table subjects.csv beside the folders can say gender, group and age.'
        )
        return [Paragraph(text)]
    found = slices.to_dict('records')
    over = ' or '.join(dict.fromkeys(row['over'] for row in found))
    small = [f'{row["slice"]} {row["value"]}' for row in found if row['is_small']]
    blocks: list[Block] = []
    if small:
        text = f'Of fewer than {FEWEST_PEOPLE} {over}, little can be concluded: {", ".join(small)}.'
        blocks.append(Paragraph(text, is_warning=True))
    if figure:
        blocks.append(ReportFigure(figure, 'Accuracy of each slice; of few people: hollow.'))
    columns = ('slice', 'accuracy', f'95 % over {over}', 'images', 'people', '')
    rows = tuple(
        (
            f'{row["slice"]}: {row["value"]}',
            f'{row["accuracy"]:.1%}',
            shown_slice_interval(row),
            str(row['images']),
            str(row['people'] or 'unnamed'),
            f'few {row["over"]}' if row['is_small'] else '',
        )
        for row in found
    )
    blocks.append(Table(columns, rows))
    return [*blocks, *_gap_blocks(slices)]


def _gap_blocks(slices: pd.DataFrame) -> list[Block]:
    """How far groups of people are apart, where there are enough people to say."""
    rows = tuple(
        (
            f'{row["slice"]}: {row["most"]} above {row["least"]}',
            f'{row["gap"]:.1%}',
            shown_interval((row['low'], row['high']), ''),
        )
        for row in gaps(slices).to_dict('records')
    )
    return [Table(('largest gap', 'accuracy', '95 %'), rows)] if rows else []


def shown_slice_interval(row: Mapping[Any, Any]) -> str:
    """The interval of a row of `metrics.slices`."""
    ends = None if row['no_interval'] else (row['low'], row['high'])
    return shown_interval(ends, row['no_interval'])


def environment_blocks(environments: Mapping[str, Mapping[str, Any]]) -> list[Block]:
    """Data sets with their split hashes, and what the numbers were made with."""
    sets = [
        (data['name'], role, str(data['examples']).strip('{}').replace("'", ''), data['split_hash'])
        for role, environment in environments.items()
        for data in environment['data_sets']
    ]
    columns = ('data set', 'for', 'examples', 'hash of the splits')
    rows = []
    for key in ('fer_keras', 'commit', 'python', 'platform'):
        rows.append((key, *(str(e.get(key) or '') for e in environments.values())))
    packages = {name for e in environments.values() for name in e['packages']}
    for name in sorted(packages):
        rows.append((name, *(e['packages'].get(name, '') for e in environments.values())))
    rows.append(('devices', *(', '.join(e['devices']) for e in environments.values())))
    return [
        Table(columns, tuple(sets), text_columns=4),
        Table(('made with', *environments), tuple(rows), text_columns=3),
    ]


def model_card_blocks(metrics: Mapping[str, Any], flags: Mapping[str, str]) -> list[Block]:
    """What the model is, what it is meant for and where it fails.

    Args:
        metrics: What `metrics.json` holds.
        flags: As `run_document.Findings.configuration`.
    """
    saliency, also = flags.get('saliency', ''), flags.get('hog_source', '')
    note = metrics.get('split_note', '')
    attention = (
        'no saliency' if saliency in ('', 'none') else f'saliency {saliency}, {flags["fusion"]}'
    )
    is_known = 'backbone' in flags
    model = f'{flags["backbone"]}, {attention}, {flags["image_size_px"]} px' if is_known else ''
    worst = min(metrics['per_class'].items(), key=lambda item: item[1]['recall'])
    rows = (
        ('Model', f'{model}; {metrics["parameters"]} parameters' if is_known else 'unknown'),
        ('Classes', ', '.join(metrics['classes'])),
        ('Trained on', flags['source']),
        *([('Taught as', 'shares of the votes')] if flags.get('label') == 'votes' else []),
        *([('The HOG branch also on', also)] if also else []),
        ('Chosen by', f'{flags["monitor"]} on the validation people' if is_known else 'unknown'),
        ('Tested on', f'{metrics["target"]}, {metrics["target_split"]}'),
        *([('That split', note)] if note else []),
        ('Accuracy', f'{shown_accuracy(metrics)}. {metrics["few_people"]}'.rstrip(' .')),
        ('Weakest class', f'{worst[0]}, recall {worst[1]["recall"]:.1%}'),
        (
            'Meant for',
            'research on how facial expressions of face crops are recognised, and on how this '
            'carries over to other data sets',
        ),
        (
            'Not meant for',
            'inferring what somebody feels, or deciding about anybody: an expression is not an '
            'emotion. The European AI Act (article 5) forbids inferring emotions at work and in '
            'schools, but for medical reasons and safety',
        ),
        (
            'Limits',
            'only what its data sets show: their people, groups, ages and cameras (see the '
            'slices), and posed expressions where theirs are posed; on other pictures expect the '
            'accuracy to fall, as between any two data sets',
        ),
        (
            'Data',
            'the faces belong to people, and may be used only as they agreed to and as the licence '
            'of their data set allows; the weights carry traces of them',
        ),
    )
    return [Table(('', 'model card'), rows, text_columns=2)]
