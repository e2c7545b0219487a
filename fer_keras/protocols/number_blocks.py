"""What the report of a protocol says of its numbers: means over seeds, and comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fer_keras import figures
from fer_keras.evaluation.document import Block, Bullets, Paragraph, Table
from fer_keras.evaluation.intervals import shown_interval
from fer_keras.evaluation.measures import MEASURES
from fer_keras.protocols.gallery import Gallery


def summary_blocks(summary: pd.DataFrame) -> list[Block]:
    """Two tables of the measures of `summary.summarize_protocol`, without a matrix of data sets."""
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
        *_warnings(summary),
        Table((*keys, *of_shares, *more), rows_of(shares, more), 'In %.', text_columns=len(keys)),
        Table(
            (*keys, *(MEASURES[name] for name in others)),
            rows_of(others),
            'Times 100.',
            text_columns=len(keys),
        ),
        *_reason_blocks(found, (*shares, *others)),
    ]


def matrix_blocks(summary: pd.DataFrame, draw: Gallery) -> list[Block]:
    """Every source on every data set: a heat map for each variant, and a table of all.

    Args:
        summary: From `summary.cross_matrix`.
        draw: Writes the figures.
    """
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
        figure = figures.draw_cross_matrix(shares, texts, f'{experiment}, {variant}')
        caption = f'{experiment}, {variant}: accuracy among the classes of both, in %.'
        blocks.append(draw(figure, f'matrix {experiment} {variant}', caption))
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
    return [
        *_warnings(summary),
        *blocks,
        Table((*columns, *more), rows, 'Accuracy in %.', text_columns=3),
        *_reason_blocks(summary.to_dict('records'), ('accuracy_among_present', 'accuracy')),
    ]


def number_warnings(table: pd.DataFrame) -> list[str]:
    """A sentence for each test of a summary or of comparisons that asks for one.

    It says who taught, what a split is besides, or that few people stand behind a number.
    """
    found = []
    for column in ('taught', 'split_note', 'few_people'):
        if column not in table:
            continue
        told = table[table[column] != ''].drop_duplicates(['target', column])
        found += [f'{row["target"]}: {row[column]}' for row in told.to_dict('records')]
    return found


def shown_units(table: pd.DataFrame) -> str:
    """What the intervals of a summary, or of comparisons, are over."""
    return ' or '.join(dict.fromkeys(table['interval_over']))


def _warnings(table: pd.DataFrame) -> list[Block]:
    return [Paragraph(text, is_warning=True) for text in number_warnings(table)]


def _reason_blocks(rows: Sequence[Mapping[Any, Any]], measures: Sequence[str]) -> list[Block]:
    """Why some have no interval."""
    reasons = {
        name: '; '.join(dict.fromkeys(filter(None, (row[f'{name}_no_interval'] for row in rows))))
        for name in measures
    }
    shown = tuple(f'{MEASURES[name]}: {reason}.' for name, reason in reasons.items() if reason)
    return [Paragraph('Without interval are:'), Bullets(shown)] if shown else []


def comparison_blocks(comparisons: pd.DataFrame) -> list[Block]:
    """The comparisons of `summary.summarize_protocol`; nothing where there are none."""
    if comparisons.empty:
        return []
    over = f'95 % over {shown_units(comparisons)}'
    columns = ('target', 'classifier', 'against', 'difference', over, 'p', 'p (Holm)')
    rows = tuple(
        (
            row['target'],
            row['second'],
            row['first'],
            f'{100 * row["difference"]:+.1f}',
            shown_interval(
                None if row['no_interval'] else [100 * end for end in row['interval']],
                row['no_interval'],
                '+.1f',
            ),
            f'{row["p_permutation"]:.4f}',
            f'{row["p_holm"]:.4f}',
        )
        for row in comparisons.to_dict('records')
    )
    text = (
        'Differences of accuracy in points, on the same images, seeds averaged; in a matrix of '
        'data sets decided among the classes of both. p: exchanging the two within whole people '
        '(images, where nobody is named), two-sided; Holm corrects it for the comparisons of one '
        'test. The spread over seeds is not in it: it stands above.'
    )
    return [*_warnings(comparisons), Paragraph(text), Table(columns, rows, text_columns=3)]


def _mean(row: Mapping[Any, Any], measure: str) -> str:
    deviation = row[f'{measure}_deviation']
    spread = '' if pd.isna(deviation) else f' ± {100 * deviation:.1f}'
    return f'{100 * row[measure]:.1f}{spread}'


def _mean_and_interval(row: Mapping[Any, Any], measure: str) -> str:
    low, high = (100 * row[f'{measure}_{end}'] for end in ('low', 'high'))
    if pd.isna(low):
        return f'{_mean(row, measure)} (no interval)'
    return f'{_mean(row, measure)} ({low:.1f} to {high:.1f})'


def _cell(row: Mapping[Any, Any]) -> str:
    mark = '*' if row['is_seen'] else ''
    classes = len(row['classes'].split())
    return f'{_mean(row, "accuracy_among_present")}{mark}\n{classes} classes'
