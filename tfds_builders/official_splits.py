"""Sets that name nobody and have splits of their own, which stay as they are."""

from __future__ import annotations

import abc
from collections.abc import Sequence

from tfds_builders import splits
from tfds_builders.archives import Photo
from tfds_builders.expression_builder import ExpressionDatasetBuilder

# Where papers report on the validation part, for want of another one.
TEST_IS_VALIDATION = {
    'test': (
        'This test is the official validation part, on which papers report: no test part with '
        'labels was given out. Whoever chose anything on it reports too much.'
    )
}


class OfficialSplitBuilder(
    ExpressionDatasetBuilder,
    skip_registration=True,  # type: ignore[call-arg]  # TFDS is loaded lazily and untyped.
):
    """A set whose photos say in which of its splits they are, and not of whom they are.

    Where it has no part for validation, a tenth of the training photos, by a hash of their names,
    is. Nobody is named, so that a person may be in several splits; reports say so.

    Attributes:
        validates_with_a_tenth: Whether a tenth of the training photos validates.

    >>> OfficialSplitBuilder.validates_with_a_tenth
    True
    """

    NAMES_PEOPLE = False
    validates_with_a_tenth = True

    @abc.abstractmethod
    def _official_split(self, photo: Photo) -> str:
        """`train`, `validation` or `test`, as the set has it."""

    def _slots(self, photos: Sequence[Photo]) -> list[int]:
        return [splits.hash_slot(self.name, photo.file_name) for photo in photos]

    def _split_of(self, photo: Photo, slot: int) -> str:
        official = self._official_split(photo)
        validates = self.validates_with_a_tenth and slot in splits.TENTH_THAT_VALIDATES
        return 'validation' if official == 'train' and validates else official
