"""Whether a set that is there already is the one that is asked for."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator

import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import locks
from tfds_builders.archives import listing_hash
from tfds_builders.detectors import Detector, describe, of_metadata
from tfds_builders.errors import InvalidArchiveError

# Where archives are looked for when nobody says where they are.
HERE = '.'
# In the metadata of a prepared set: what its archive held.
LISTING = 'archive_listing'


def archive_of(builder: tfds.core.DatasetBuilder, folder: epath.Path) -> epath.Path | None:
    """The folder of the files; None where there is no archive, or nobody said where it is."""
    if not builder.MANUAL_DOWNLOAD_INSTRUCTIONS:  # It is drawn.
        return None
    own = folder / builder.name
    if own.is_dir():
        return own
    return None if folder == epath.Path(HERE) or not folder.is_dir() else folder


def is_prepared(builder: tfds.core.DatasetBuilder) -> bool:
    """Whether a set is there.

    Raises:
        InvalidArchiveError: Its folder is there, but not whole.
    """
    folder = builder.data_path
    if (folder / 'dataset_info.json').exists():
        return True
    if folder.exists():
        raise InvalidArchiveError(
            f'{folder} must hold a whole data set or nothing. Received: one without '
            'dataset_info.json. Delete that folder and build the set again.'
        )
    return False


@contextlib.contextmanager
def hold_build(builder: tfds.core.DatasetBuilder) -> Iterator[None]:
    """Lets one process at a time build a set, and removes what killed builds of it have left.

    Who comes second says so and waits until the other has ended; the set may then be there.

    Raises:
        UnwritableFolderError: The folder of the set cannot be written to.
    """
    folder = builder.data_path.parent
    if '://' in str(folder):  # In a store of objects nothing can be held.
        yield
        return
    name = builder.data_path.name
    path = os.path.join(os.fspath(folder), f'.{name}.lock.json')
    with locks.hold(path, f'written by a build of {builder.name}', wait=_say_waiting) as lock:
        for left in folder.glob(f'incomplete.*_{name}'):
            if lock.is_taken_over or time.time() - _last_written(left) > locks.FREE_AFTER_S:
                shutil.rmtree(left, ignore_errors=True)
        yield


def _say_waiting(message: str) -> None:
    print(f'note: {message} Waiting for it; Ctrl-C ends the waiting.', file=sys.stderr)


def _last_written(folder: epath.Path) -> float:
    """When a folder or anything in it was last written; another build may be writing to it."""
    times = [os.stat(folder).st_mtime]
    for parent, _, names in os.walk(folder):
        with contextlib.suppress(FileNotFoundError):
            times += [os.stat(os.path.join(parent, name)).st_mtime for name in names]
    return max(times)


def require_same_archive(builder: tfds.core.DatasetBuilder, folder: epath.Path) -> None:
    """Raises `InvalidArchiveError` where a set was built from other files than it is given now."""
    archive = archive_of(builder, folder)
    built_from = (builder.info.metadata or {}).get(LISTING)
    if archive is None or built_from is None or built_from == listing_hash(archive):
        return
    raise InvalidArchiveError(
        f'{builder.data_path} was built from other files than are in {archive} now: names or sizes '
        'differ. Nothing was read from there. Delete the first folder to build it again, or give '
        'another --data_dir.'
    )


def require_same_detector(builder: tfds.core.DatasetBuilder, detector: Detector) -> None:
    """Raises `InvalidArchiveError` where the crops of a prepared set are another detector's."""
    built_with = of_metadata(builder.info.metadata)
    if built_with != detector.identity:
        raise InvalidArchiveError(
            f'{builder.data_path} has faces that {describe(built_with)} found. Received: '
            f'{detector}, {describe(detector.identity)}. Delete that folder, or give another '
            '--data_dir.'
        )


def require_same_people(
    builder: tfds.core.DatasetBuilder, subject_pattern: str | None, *, no_subjects: bool
) -> None:
    """Refuses a prepared set whose people were read in another way than is asked for."""
    metadata = builder.info.metadata or {}
    source = metadata.get('people_from', 'file names')
    built_with = metadata.get('subject_pattern', subject_pattern)
    was = '--no_subjects' if source == 'nobody' else f'people read from their {source}'
    if source == 'file names':
        was = f'--subject_pattern={built_with!r}'
    is_same = source == 'file names' and built_with == subject_pattern
    is_other = subject_pattern is not None and not is_same
    if is_other or (no_subjects and source != 'nobody'):
        asked = '--no_subjects' if no_subjects else f'--subject_pattern={subject_pattern!r}'
        raise InvalidArchiveError(
            f'{builder.data_path} was built with {was}. Received: {asked}. '
            'Delete that folder, or give another --data_dir.'
        )
