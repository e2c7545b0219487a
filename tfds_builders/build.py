"""Builds data sets from the archives that you have.

    python -m tfds_builders.build cfee rafd --manual_dir=ARCHIVES --data_dir=DATA

`ARCHIVES` holds a folder for each set, or is the folder of the one set that is built; a set may
also be given with a folder of its own, `cfee=/photos/CFEE`. Ends with 0 where every set is built,
with 1 where one could not be, and with 2 on a wrong command line.

`--workers=4` makes the examples in four processes, `--beam_pipeline_options=runner=...,...` on
Apache Beam, with options as `tfds build` takes them; what is built is the same.

`--detector=yunet:FILE` finds the faces with YuNet, of the OpenCV zoo, whose file you have. Its
crops are another config, such as `cfee/basic_faces_yunet`, beside those of `mtcnn`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
from collections.abc import Sequence
from typing import Any

import tensorflow_datasets as tfds
from etils import epath
from rich.console import Console

import tfds_builders
from tfds_builders import command, detectors
from tfds_builders.archives import listing_hash
from tfds_builders.detectors import MTCNN, Detector
from tfds_builders.errors import BuilderError, InvalidArchiveError, MissingArchiveError
from tfds_builders.how import How
from tfds_builders.listing import print_sets
from tfds_builders.prepared import (
    HERE,
    LISTING,
    archive_of,
    hold_build,
    is_prepared,
    require_same_archive,
    require_same_detector,
    require_same_people,
)
from tfds_builders.quiet import load_tensorflow
from tfds_builders.summary import print_summary

_PEOPLE_FLAGS = ('no_subjects', 'accept_subjects')


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds what the command line names, and gives the exit status."""
    return command.call(lambda: _build(parse(arguments)))


def _build(options: argparse.Namespace) -> int:
    # Before anything is built: a wrong name should not be told after an hour.
    detector = detectors.choose(options.detector)
    configs = {name: configs_of(name, options.config, detector) for name in options.sets}
    options.how.pipeline_options()
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
                    how=options.how,
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
        '--detector',
        default=detectors.DEFAULT,
        help=f'what finds the faces: {detectors.ALLOWED}; default %(default)s',
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
    parser.add_argument(
        '--workers', type=int, default=1, help='processes that make the examples, of a thread each'
    )
    parser.add_argument(
        '--beam_pipeline_options',
        help='options of Apache Beam, with commas between them: make the examples there',
    )
    options = parser.parse_args(arguments)
    options.how = How(options.workers, options.beam_pipeline_options)
    if not options.sets and not options.list:
        parser.error('the following arguments are required: SET[=FOLDER]')
    named = [given.partition('=') for given in options.sets]
    unknown = sorted({name for name, _, _ in named} - set(tfds_builders.BUILDERS))
    if unknown:
        raise InvalidArchiveError(f'A set must be one of {known}. Received: {", ".join(unknown)}.')
    options.sets = {
        name: options.how.place(command.expand_home(folder or options.manual_dir))
        for name, _, folder in named
    }
    options.data_dir = options.how.place(command.expand_home(options.data_dir))
    return options


def configs_of(name: str, chosen: Sequence[str] | None, detector: Detector = MTCNN) -> list[Any]:
    """The configs to build; None where a set has no configs.

    Raises:
        InvalidArchiveError: An unknown config, whose message lists the known ones, or one without
            crops for a detector of one's own.
    """
    known = {config.name: config for config in tfds_builders.BUILDERS[name].BUILDER_CONFIGS}
    if detector != MTCNN:
        known = {one: config for one, config in known.items() if crops_faces(config)}
        if not known:
            raise InvalidArchiveError(
                f'--detector finds the faces of configs of crops, and {name} has none. Received: '
                f'--detector={detector}. Leave it out.'
            )
    if not known:
        return [None]
    wanted = list(known) if chosen == ['all'] else list(chosen or [next(iter(known))])
    if detector != MTCNN:
        found = {one: config.find_with(detector) for one, config in known.items()}
        # By either name: that of the folder is the one that is typed elsewhere.
        known = found | {config.name: config for config in found.values()}
    unknown = [config for config in wanted if config not in known]
    if unknown:
        kind = next((kind for kind in detectors.KINDS if f'_{kind}' in unknown[0]), '')
        hint = f' With the faces of {kind}: --detector={kind}:FILE.' if kind else ''
        raise InvalidArchiveError(
            f'A config of {name} must be one of {", ".join(known)}. Received: {", ".join(unknown)}.'
            f'{hint}'
        )
    return [known[config] for config in wanted]


def crops_faces(config: Any) -> bool:
    """Whether the examples of a config are crops of faces that were looked for."""
    return getattr(config, 'crops_faces', False)


def prepare(
    name: str,
    config: Any,
    folder: epath.Path,
    data_dir: epath.Path,
    subject_pattern: str | None = None,
    *,
    no_subjects: bool = False,
    accept_subjects: bool = False,
    how: How | None = None,
) -> tuple[tfds.core.DatasetBuilder, float]:
    """Builds a set unless it is there, and gives it with the seconds that it took (0: was there).

    `subject_pattern`, `no_subjects` and `accept_subjects` are those of the builder of
    `expression_folders`, and of no other; `how` says where examples are made, by default here.

    Raises:
        MissingArchiveError: The archive is missing or empty.
        InvalidArchiveError: The archive is another one, or holds a mixture.
        UnwritableFolderError: The folder of the set cannot be written to.
        EndedWorkerError: A process was ended by the system.
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
                f'{folder} does not exist. Give its own folder, {name}=FOLDER, or the one that '
                f'holds {name}/: --manual_dir=FOLDER'
            )
        with hold_build(builder):
            if not is_prepared(builder):
                return builder, _prepare(builder, folder, how or How())
        builder = make()  # Another process has built it meanwhile.
    if given:
        require_same_people(builder, subject_pattern, no_subjects=no_subjects)
    if crops_faces(config):
        require_same_detector(builder, config.detector)
    require_same_archive(builder, folder)
    return builder, 0.0


def _prepare(builder: tfds.core.DatasetBuilder, folder: epath.Path, how: How) -> float:
    """Builds a set; returns the seconds that it took."""
    archive = archive_of(builder, folder)
    if archive and builder.info.metadata is not None:
        builder.info.metadata[LISTING] = listing_hash(archive)
    start = time.monotonic()
    # The builder shows a bar of its own, which knows how many photos there are.
    tfds.disable_progress_bar()
    # TFDS prints that it downloads, which it does not.
    with contextlib.redirect_stdout(io.StringIO()):
        builder.workers = how.workers
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(
                manual_dir=folder, beam_options=how.pipeline_options()
            ),
        )
    return time.monotonic() - start


if __name__ == '__main__':
    sys.exit(main())
