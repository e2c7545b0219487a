"""What is printed of a set that was built: images by class and split, and what was left out."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import Any

import tensorflow_datasets as tfds
from rich.console import Console
from rich.table import Table

from tfds_builders import expressions, splits
from tfds_builders.detectors import MTCNN, describe, of_metadata

_LISTED = 20


def print_summary(console: Console, builder: tfds.core.DatasetBuilder, seconds: float) -> None:
    """Prints images a class and split, what was not found, and what was left out and why."""
    metadata = dict(builder.info.metadata or {})
    sizes = {name: split.num_examples for name, split in builder.info.splits.items()}
    console.print()
    if 'images' in metadata:
        console.print(_class_table(builder.info.full_name, metadata))
    else:
        console.print(f'{builder.info.full_name}: {sizes}')
    speed = (
        f'built in {seconds:.0f} s, {sum(sizes.values()) / seconds:.1f} images/s'
        if seconds
        else 'was already built; delete the folder to build it again'
    )
    lines = [f'{builder.data_path} ({speed})']
    lines += _notes(metadata)
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _class_table(title: str, metadata: Mapping[str, Any]) -> Table:
    table = Table(title=title, title_justify='left')
    table.add_column('class')
    for split in splits.SPLITS:
        table.add_column(split, justify='right')
    counts = metadata['images']
    present = [
        name for name in expressions.CLASS_NAMES if any(counts[s].get(name) for s in splits.SPLITS)
    ]
    for name in present:
        table.add_row(name, *(str(counts[split].get(name, 0)) for split in splits.SPLITS))
    table.add_section()
    table.add_row('images', *(str(sum(counts[split].values())) for split in splits.SPLITS))
    if 'subjects' in metadata:
        table.add_row('people', *(str(metadata['subjects'][split]) for split in splits.SPLITS))
    if 'crop' in metadata:
        undetected = metadata['undetected']
        table.add_row('no face found', *(str(len(undetected[split])) for split in splits.SPLITS))
    return table


def _notes(metadata: Mapping[str, Any]) -> list[str]:
    lines = _people(metadata)
    lines += [f'warning: {metadata["warning"]}'] if 'warning' in metadata else []
    lines += [f'{key}: {metadata[key]}' for key in ('scheme', 'split_hash') if key in metadata]
    found_by = of_metadata(metadata)
    lines += [f'faces found by: {describe(found_by)}'] if found_by != MTCNN.identity else []
    if 'crop' in metadata:
        names = [name for split in splits.SPLITS for name in metadata['undetected'][split]]
        lines += _listed('no face found, centre crop kept', {name: '' for name in names})
    skipped = metadata.get('skipped', {})
    lines += _listed('left out', skipped)
    lines += _listed('written again for training', metadata.get('re_encoded', {}))
    lines += _listed('read with a loss', metadata.get('reading_notes', {}))
    lines += [f'note: {name}: {what}' for name, what in metadata.get('table_notes', {}).items()]
    reasons = collections.Counter(skipped.values())
    if len(skipped) > _LISTED:
        lines += [f'  {count} of them: {reason}' for reason, count in reasons.most_common()]
    others = metadata.get('other_configs_photos', 0)
    return lines + ([f'left to other configs: {others} photos'] if others else [])


def _people(metadata: Mapping[str, Any]) -> list[str]:
    """Who was found by names, with examples; empty for a set whose names are fixed."""
    source = metadata.get('people_from')
    if source == 'nobody':
        return ['people: nobody is named; images are split by content, intervals are over images']
    if source is None:
        return []
    people = metadata['people']
    examples = [f'  {example}' for example in people['examples']]
    return [f'people: {people["count"]} found by their {source}, for example', *examples]


def _listed(title: str, files: Mapping[str, str]) -> list[str]:
    """The files with their reasons; a long list goes on in `metadata.json`, which has them all."""
    if not files:
        return []
    named = [f'  {name}{f": {reason}" if reason else ""}' for name, reason in files.items()]
    more = len(named) - _LISTED
    tail = [f'  and {more} more, all listed in metadata.json of the data set'] if more > 0 else []
    return [f'{title}: {len(files)}', *named[:_LISTED], *tail]
