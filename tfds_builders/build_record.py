"""What became of each file of an archive: kept, cropped without a face, or left out."""

from __future__ import annotations

import collections
from typing import Any

from tfds_builders import faces, splits
from tfds_builders.archives import Archive, Photo
from tfds_builders.pictures import Reading


class BuildRecord:
    """Writes into the data set's metadata what was kept, cropped without a face, and left out.

    Args:
        archive: The photos, and what is none.
        config: Name of the config.
        metadata: Is changed.
        crops_faces: Whether faces are looked for.

    >>> metadata = {}
    >>> record = BuildRecord(Archive((), {'notes.txt': 'not an image'}), 'faces', metadata)
    >>> record.finish()
    >>> metadata['skipped']
    {'notes.txt': 'not an image'}
    """

    def __init__(
        self, archive: Archive, config: str, metadata: Any, *, crops_faces: bool = True
    ) -> None:
        self._rows: list[tuple[str, str, str, str]] = []
        self._people: dict[str, set[str]] = collections.defaultdict(set)
        self._counts: dict[str, dict[str, int]] = {split: {} for split in splits.SPLITS}
        self._undetected: dict[str, list[str]] = {split: [] for split in splits.SPLITS}
        self._skipped = dict(archive.skipped)
        self._re_encoded: dict[str, str] = {}
        self._notes: dict[str, str] = {}
        self._metadata = metadata
        metadata['other_configs_photos'] = archive.num_other_photos
        if crops_faces:
            metadata['crop'] = {'size_px': faces.CROP_SIZE_PX, 'margin': faces.CROP_MARGIN}
        self._how = f'{config} {metadata.get("crop", "untouched files")}'

    def skip(self, photo: Photo, reason: str) -> None:
        """A photo that cannot be read, and why."""
        self._skipped[photo.file_name] = reason

    def re_encode(self, photo: Photo, how: str) -> None:
        """A photo that is stored otherwise than it lies there, and how."""
        self._re_encoded[photo.file_name] = how

    def note(self, photo: Photo, reading: Reading) -> None:
        """What is to be said of a photo that was read with a loss."""
        if reading.notes:
            self._notes[photo.file_name] = f'{reading.kind}: {"; ".join(reading.notes)}'

    def add(self, split: str, photo: Photo, known_by: str, *, detected: bool) -> None:
        """A photo that is an example now."""
        self._rows.append((photo.file_name, split, photo.label, known_by))
        if photo.subject_id:
            self._people[split].add(photo.subject_id)
        self._counts[split][photo.label] = self._counts[split].get(photo.label, 0) + 1
        if not detected:
            self._undetected[split].append(photo.file_name)

    def finish(self) -> None:
        """Brings the metadata up to date; TFDS saves them after the last split."""
        self._metadata.update(
            {
                'split_hash': splits.split_hash((name, split) for name, split, *_ in self._rows),
                'content_hash': splits.content_hash(self._rows, self._how),
                'images': self._counts,
                'subjects': {name: len(self._people[name]) for name in splits.SPLITS},
                'undetected': self._undetected,
                'skipped': self._skipped,
                're_encoded': self._re_encoded,
                'reading_notes': self._notes,
            }
        )
