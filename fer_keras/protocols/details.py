"""What the report of a protocol says of one test: its variants with all seeds together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from fer_keras import figures
from fer_keras.evaluation.document import Block, Bullets, Paragraph, Table
from fer_keras.evaluation.intervals import FEWEST_PEOPLE, sampled_unit
from fer_keras.evaluation.measure_intervals import measure_intervals
from fer_keras.evaluation.measures import measure
from fer_keras.evaluation.metrics import (
    confusion_matrix,
    reliability,
    slices,
    top_confusions,
)
from fer_keras.evaluation.predictions import label_names_of, people, present_labels
from fer_keras.evaluation.sections import shown_slice_interval
from fer_keras.protocols.gallery import Gallery

_HARDEST_SHOWN = 12


def describe_test(
    variants: Mapping[str, Sequence[pd.DataFrame]], title: str, draw: Gallery
) -> list[Block]:
    """Confusions, classes, calibration, slices and the hardest images, all seeds together."""
    blocks: list[Block] = []
    for variant, seeds in variants.items():
        rows = pd.concat(seeds, ignore_index=True)
        names = label_names_of(rows)
        counts = confusion_matrix(rows, names)
        values, found = measure(rows, names), measure_intervals(seeds, names).ends
        present = present_labels(rows, names)
        recall = {name: values[f'recall {name}'] for name in present}
        ends = {name: found.get(f'recall {name}') for name in present}
        label = f'{title} {variant}'
        blocks += [
            Paragraph(f'{variant}, all {len(seeds)} seeds together:'),
            Bullets(tuple(top_confusions(counts, 3))),
            draw(
                figures.draw_confusion_matrix(counts, variant),
                f'confusions {label}',
                f'{variant}: images of each true class by the class decided.',
            ),
            draw(
                figures.draw_recall(recall, variant, ends, sampled_unit(rows)),
                f'recall {label}',
                f'{variant}: recall of each class.',
            ),
            draw(
                figures.draw_reliability(reliability(rows), variant),
                f'reliability {label}',
                f'{variant}: accuracy against confidence.',
            ),
        ]
    return [*blocks, *_slices(variants), *_hardest(variants)]


def _slices(variants: Mapping[str, Sequence[pd.DataFrame]]) -> list[Block]:
    found = {variant: slices(pd.concat(seeds)) for variant, seeds in variants.items()}
    first = next(iter(found.values()))
    if first.empty:
        return []
    cells = {
        variant: [f'{row["accuracy"]:.1%} ({shown_slice_interval(row)})' for row in rows]
        for variant, rows in ((name, table.to_dict('records')) for name, table in found.items())
    }
    known = first.to_dict('records')
    rows = tuple(
        (
            f'{row["slice"]}: {row["value"]}',
            str(row['people'] or 'unnamed') + (' (few)' if row['is_small'] else ''),
            *(of_variant[number] for of_variant in cells.values()),
        )
        for number, row in enumerate(known)
    )
    over = ' or '.join(dict.fromkeys(row['over'] for row in known))
    table = Table(('slice', 'people', *found), rows, f'Accuracy by slice, 95 % over {over}.')
    small = [f'{row["slice"]} {row["value"]}' for row in known if row['is_small']]
    if not small:
        return [table]
    text = f'Of fewer than {FEWEST_PEOPLE} {over}, little can be concluded: {", ".join(small)}.'
    return [Paragraph(text, is_warning=True), table]


def _hardest(variants: Mapping[str, Sequence[pd.DataFrame]]) -> list[Block]:
    """The images that most runs get wrong."""
    rows = pd.concat([rows for seeds in variants.values() for rows in seeds])
    rows = rows.assign(person=people(rows), is_wrong=rows['label'] != rows['predicted'])
    keys = ['file_name', 'person', 'label']
    wrong = rows[rows['is_wrong']].groupby(keys)['predicted']
    answers = wrong.agg(lambda answers: answers.mode().iloc[0])
    found = rows.groupby(keys)['is_wrong'].mean().to_frame('share').join(answers, how='inner')
    found = found.sort_values('share', ascending=False, kind='stable').head(_HARDEST_SHOWN)
    if found.empty:
        return []
    cells = tuple(
        (*(str(row[key]) for key in (*keys, 'predicted')), f'{row["share"]:.0%}')
        for row in found.reset_index().to_dict('records')
    )
    columns = ('file', 'person', 'true', 'mostly taken for', 'wrong in')
    caption = 'The images that most of these runs get wrong.'
    return [Table(columns, cells, caption, text_columns=4)]
