"""Whether a set that is there already is the one that is asked for."""

from __future__ import annotations

import tensorflow_datasets as tfds
from etils import epath

from tfds_builders.archives import listing_hash
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
