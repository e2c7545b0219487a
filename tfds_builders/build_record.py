"""What became of each file of an archive: kept, cropped without a face, or left out."""

from __future__ import annotations

import collections
from typing import Any

from tfds_builders import faces, splits
from tfds_builders.archives import Archive
from tfds_builders.detectors import MTCNN, Detector
from tfds_builders.tasks import Finding


class BuildRecord:
    """Writes into the data set's metadata what was kept, cropped without a face, and left out.

    Args:
        archive: The photos, and what is none.
        config: Name of the config.
        metadata: Is changed.
        crops_faces: Whether faces are looked for.
        detector: Finds them.

    >>> metadata = {}
    >>> record = BuildRecord(Archive((), {'notes.txt': 'not an image'}), 'faces', metadata)
    >>> record.finish()
    >>> metadata['skipped']
    {'notes.txt': 'not an image'}
    """

    def __init__(
        self,
        archive: Archive,
        config: str,
        metadata: Any,
        *,
        crops_faces: bool = True,
        detector: Detector = MTCNN,
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
            metadata['detector'] = detector.metadata
        self._how = f'{config} {metadata.get("crop", "untouched files")}'
        if crops_faces and detector != MTCNN:  # So that older hashes hold.
            self._how += f' {detector.identity}'

    def take(self, split: str, finding: Finding) -> None:
        """What became of a photo of a split: an example, or left out."""
        name = finding.file_name
        if finding.left_out:
            self._skipped[name] = finding.left_out
            return
        if finding.re_encoded:
            self._re_encoded[name] = finding.re_encoded
        if finding.note:
            self._notes[name] = finding.note
        self._rows.append((name, split, finding.label, finding.pixel_hash))
        if finding.subject_id:
            self._people[split].add(finding.subject_id)
        self._counts[split][finding.label] = self._counts[split].get(finding.label, 0) + 1
        if not finding.detected:
            self._undetected[split].append(name)

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
