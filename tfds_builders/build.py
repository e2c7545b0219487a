"""Builds data sets from the archives that you have.

    python -m tfds_builders.build cfee rafd --manual_dir=ARCHIVES --data_dir=DATA

`ARCHIVES` holds a folder for each set, or is the folder of the one set that is built; a set may
also be given with a folder of its own, `cfee=/photos/CFEE`. Ends with 0 where every set is built,
with 1 where one could not be, and with 2 on a wrong command line.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds
from etils import epath
from rich.console import Console
from rich.table import Table

import tfds_builders
from tfds_builders import command, expressions, splits
from tfds_builders.archives import listing_hash
from tfds_builders.errors import BuilderError, InvalidArchiveError, MissingArchiveError
from tfds_builders.listing import print_sets
from tfds_builders.prepared import (
    HERE,
    LISTING,
    archive_of,
    hold_build,
    is_prepared,
    require_same_archive,
    require_same_people,
)
from tfds_builders.quiet import load_tensorflow

_LISTED = 20
_PEOPLE_FLAGS = ('no_subjects', 'accept_subjects')


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds what the command line names, and gives the exit status."""
    return command.call(lambda: _build(parse(arguments)))


def _build(options: argparse.Namespace) -> int:
    # Before anything is built: a wrong name should not be told after an hour.
    configs = {name: configs_of(name, options.config) for name in options.sets}
    console = Console()
    if options.list:
        print_sets()
    failed = False
    for name, folder in options.sets.items():
        for config in configs[name]:
            try:
                builder, seconds = prepare(
                    name,
                    config,
                    folder,
                    options.data_dir,
                    options.subject_pattern,
                    **{flag: True for flag in _PEOPLE_FLAGS if getattr(options, flag)},
                )
            except BuilderError as error:
                print(f'error: {name}: {error}', file=sys.stderr)
                failed = True
                break
            print_summary(console, builder, seconds)
    return int(failed)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line; `sets` becomes names and the folders of their archives."""
    parser = command.Parser(
        prog='python -m tfds_builders.build',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = ', '.join(tfds_builders.BUILDERS)
    parser.add_argument('--list', action='store_true', help='print what is known of each set')
    parser.add_argument('sets', nargs='*', metavar='SET[=FOLDER]', help=f'any of {known}')
    parser.add_argument('--manual_dir', default=HERE, help='folder of the archives')
    parser.add_argument('--data_dir', default='~/tensorflow_datasets', help='folder to write to')
    parser.add_argument(
        '--config', action='append', help='config to build, repeatable, or `all`; default the first'
    )
    parser.add_argument(
        '--subject_pattern',
        help='expression_folders: regular expression with a group `subject`, of the name of a file',
    )
    parser.add_argument(
        '--no_subjects',
        action='store_true',
        help='expression_folders: no name says who is shown; images are split by their content',
    )
    parser.add_argument(
        '--accept_subjects',
        action='store_true',
        help='expression_folders: people are as their names are read, however unlikely it looks',
    )
    options = parser.parse_args(arguments)
    if not options.sets and not options.list:
        parser.error('the following arguments are required: SET[=FOLDER]')
    named = [given.partition('=') for given in options.sets]
    unknown = sorted({name for name, _, _ in named} - set(tfds_builders.BUILDERS))
    if unknown:
        raise InvalidArchiveError(f'A set must be one of {known}. Received: {", ".join(unknown)}.')
    options.sets = {
        name: epath.Path(command.expand_home(folder or options.manual_dir))
        for name, _, folder in named
    }
    options.data_dir = epath.Path(command.expand_home(options.data_dir))
    return options


def configs_of(name: str, chosen: Sequence[str] | None) -> list[Any]:
    """The configs to build; None where a set has no configs.

    Raises:
        InvalidArchiveError: An unknown config; lists the known ones.
    """
    known = {config.name: config for config in tfds_builders.BUILDERS[name].BUILDER_CONFIGS}
    if not known:
        return [None]
    wanted = list(known) if chosen == ['all'] else list(chosen or [next(iter(known))])
    unknown = [config for config in wanted if config not in known]
    if unknown:
        raise InvalidArchiveError(
            f'A config of {name} must be one of {", ".join(known)}. Received: {", ".join(unknown)}.'
        )
    return [known[config] for config in wanted]


def prepare(
    name: str,
    config: Any,
    folder: epath.Path,
    data_dir: epath.Path,
    subject_pattern: str | None = None,
    *,
    no_subjects: bool = False,
    accept_subjects: bool = False,
) -> tuple[tfds.core.DatasetBuilder, float]:
    """Builds a set unless it is there, and gives it with the seconds that it took (0: was there).

    The last three are those of the builder of `expression_folders`, and of no other.

    Raises:
        MissingArchiveError: The archive is missing or empty.
        InvalidArchiveError: The archive is another one, or holds a mixture.
        UnwritableFolderError: The folder of the set cannot be written to.
    """
    load_tensorflow()
    given: dict[str, Any] = {}
    if name == 'expression_folders':
        given = {
            'subject_pattern': subject_pattern,
            'no_subjects': no_subjects,
            'accept_subjects': accept_subjects,
        }

    def make() -> tfds.core.DatasetBuilder:
        return tfds_builders.BUILDERS[name](data_dir=data_dir, config=config, **given)

    builder = make()
    if not is_prepared(builder):
        if not folder.is_dir():
            raise MissingArchiveError(
                f'{folder} does not exist. Give the folder that holds {name}/: --manual_dir=FOLDER'
            )
        with hold_build(builder):
            if not is_prepared(builder):
                return builder, _prepare(builder, folder)
        builder = make()  # Another process has built it meanwhile.
    if given:
        require_same_people(builder, subject_pattern, no_subjects=no_subjects)
    require_same_archive(builder, folder)
    return builder, 0.0


def _prepare(builder: tfds.core.DatasetBuilder, folder: epath.Path) -> float:
    """Builds a set; returns the seconds that it took."""
    archive = archive_of(builder, folder)
    if archive and builder.info.metadata is not None:
        builder.info.metadata[LISTING] = listing_hash(archive)
    start = time.monotonic()
    # The builder shows a bar of its own, which knows how many photos there are.
    tfds.disable_progress_bar()
    # TFDS prints that it downloads, which it does not.
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=folder),
        )
    return time.monotonic() - start


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


if __name__ == '__main__':
    sys.exit(main())
