"""Who taught a model: the data sets, people and images that it learned from.

The record is kept with the model; no picture can be made out of it again.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from fer_keras.errors import InvalidInputError
from fer_keras.version import __version__

# Of a pixel hash: two of a million images agree by chance once in five hundred sets of that size.
PIXEL_HASH_BYTES = 6
PERCEPTUAL_HASH_BYTES = 32
TRAINED, CHOSE, FITTED = 'trained', 'chose the epoch', 'fitted the histograms'
# Whatever it was used for, in the training of the network that this one started from.
INITIAL = 'taught the initial weights'
_FORMAT = 1
# As in `tfds_builders.detectors`, which loads TFDS; a test holds both together.
MTCNN = 'mtcnn'

Hashes = npt.NDArray[np.uint8]
# Everyone by the data set, whose configs all hold the same people, and the name in it.
People = frozenset[tuple[str, str]]


@dataclasses.dataclass(frozen=True, eq=False)
class TaughtSplit:
    """One split of one prepared data set, and what it was used for.

    Attributes:
        role: `TRAINED`, `CHOSE`, `FITTED` or `INITIAL`.
        data_set: Name with config and version, such as `cfee/basic_faces/1.1.0`.
        split: Such as `train`.
        fold: The fold that was left for the test; -1: the own split of the data.
        identity: `content_hash` of the prepared data, or what else they are known by; or empty.
        people: Everyone named in it, once.
        are_originals: Whether the pixel hashes are those of the originals, or of stored crops.
        pixel_hashes: uint8 `[images, 6]`, the beginnings of `tfds_builders.pictures.pixel_hash`.
        perceptual_hashes: uint8 `[images, 32]`, 255 bits each, in the order of the data set.
        detector: What found the faces of crops, as `tfds_builders.detectors.Detector.identity`;
            empty for whole pictures. Records of before there was a choice do not say: MTCNN's.

    >>> split = TaughtSplit(TRAINED, 'fake/1.0.0', 'train', -1, '', ('anna',), True,
    ...                     np.zeros((2, 6), np.uint8), np.zeros((2, 32), np.uint8))
    >>> split.name, split.images
    ('fake', 2)
    """

    role: str
    data_set: str
    split: str
    fold: int
    identity: str
    people: tuple[str, ...]
    are_originals: bool
    pixel_hashes: Hashes
    perceptual_hashes: Hashes
    detector: str = MTCNN

    @property
    def images(self) -> int:
        """How many."""
        return len(self.pixel_hashes)

    @property
    def name(self) -> str:
        """The data set without its version, as flags name it."""
        return name_of(self.data_set)

    @property
    def place(self) -> str:
        """Such as `cfee/basic_faces/1.1.0 train`."""
        return f'{self.data_set} {self.split}' + (f' of fold {self.fold}' * (self.fold >= 0))

    def differs_from(self, other: TaughtSplit) -> str:
        """What differs that a training would notice, in words; empty: nothing."""
        if sorted(self.people) != sorted(other.people):
            both = len(set(self.people) & set(other.people))
            return f'{len(self.people)} people, now {len(other.people)}, {both} of them the same'
        if self.images != other.images:
            return f'{self.images} images, now {other.images}'
        same_kind = self.are_originals == other.are_originals
        kinds = ['perceptual_hashes', *(['pixel_hashes'] if same_kind else [])]
        if any(not np.array_equal(getattr(self, k), getattr(other, k)) for k in kinds):
            return f'{self.images} images, now as many with other pixels or in another order'
        return ''


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingRecord:
    """All that taught a model.

    Attributes:
        splits: Each split of each data set that taught it.
        pretrained: Weights from elsewhere, of which nobody can be named: what they are for, to
            where they come from.

    >>> record = TrainingRecord((), {'backbone': 'imagenet'})
    >>> TrainingRecord.from_bytes(record.to_bytes()).pretrained
    {'backbone': 'imagenet'}
    """

    splits: tuple[TaughtSplit, ...]
    pretrained: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def images(self) -> int:
        """How many images, in all splits together."""
        return sum(split.images for split in self.splits)

    @property
    def sources(self) -> tuple[str, ...]:
        """The data sets that trained it, `name/config`."""
        return self._names(TRAINED)

    @property
    def hog_sources(self) -> tuple[str, ...]:
        """The data sets that taught the histograms of oriented gradients besides."""
        return self._names(FITTED)

    @property
    def detectors(self) -> tuple[str, ...]:
        """What found the faces of the crops that trained it, in their order; none: no crops."""
        found = (split.detector for split in self.splits if split.role == TRAINED)
        return tuple(dict.fromkeys(detector for detector in found if detector))

    @property
    def fold(self) -> int:
        """The fold that was left for the test; -1: the own split of the data."""
        own = [split.fold for split in self.splits if split.role != INITIAL]
        return max(own, default=-1)

    def without_folders(self) -> TrainingRecord:
        """The same, to hand on: of files that weights came from, the names alone."""
        names = {what: os.path.basename(place) for what, place in self.pretrained.items()}
        return dataclasses.replace(self, pretrained=names)

    @functools.cached_property
    def people(self) -> People:
        """Everyone named."""
        return people_in((split.name, person) for split in self.splits for person in split.people)

    @functools.cached_property
    def pixels(self) -> frozenset[bytes]:
        """The beginnings of all pixel hashes."""
        return frozenset(one.tobytes() for split in self.splits for one in split.pixel_hashes)

    def after(self, initial: TrainingRecord | None, where: str) -> TrainingRecord:
        """The record of a training that started from a trained network.

        Args:
            initial: Who taught that; None where it is not recorded.
            where: Where it lies.
        """
        own = dict(self.pretrained)
        if initial is None:
            named = f'{where}, of which it is not recorded who taught it'
            return TrainingRecord(self.splits, own | {'initial weights': named})
        before = tuple(dataclasses.replace(split, role=INITIAL) for split in initial.splits)
        known = {f'{what} of the initial weights': it for what, it in initial.pretrained.items()}
        return TrainingRecord((*self.splits, *before), own | {'initial weights': where} | known)

    def differs_from(self, other: TrainingRecord) -> list[str]:
        """Where data that are named alike are not the same, in words."""
        own, others = (
            {f'{s.name} {s.split}, fold {s.fold}, {s.role}': s for s in record.splits}
            for record in (self, other)
        )
        lines = [f'{place} is only in one of them' for place in sorted(own.keys() ^ others.keys())]
        for place in sorted(own.keys() & others.keys()):
            difference = own[place].differs_from(others[place])
            lines += [f'{place}: {difference}'] if difference else []
        return lines

    def to_bytes(self) -> bytes:
        """The record as a file: about 38 bytes an image."""
        about = {
            'format': _FORMAT,
            'fer_keras': __version__,
            'pretrained': dict(self.pretrained),
            'splits': [
                {
                    **{key: getattr(split, key) for key in _DESCRIBED},
                    'detector': split.detector,
                    'people': list(split.people),
                    'images': split.images,
                }
                for split in self.splits
            ],
        }
        text = json.dumps(about, separators=(',', ':')).encode()
        hashes = [np.zeros((0, PIXEL_HASH_BYTES + PERCEPTUAL_HASH_BYTES), np.uint8)]
        hashes += [np.hstack([s.pixel_hashes, s.perceptual_hashes]) for s in self.splits]
        file = io.BytesIO()
        np.savez_compressed(file, about=np.frombuffer(text, np.uint8), hashes=np.vstack(hashes))
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, where: str = 'The training record') -> TrainingRecord:
        """Reads what `to_bytes` wrote.

        Raises:
            InvalidInputError: It is damaged, or of a later version.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                about, hashes = json.loads(file['about'].tobytes()), file['hashes']
            if about['format'] != _FORMAT:
                raise ValueError(f'format {about["format"]}, expected {_FORMAT}')
            splits, first = [], 0
            for one in about['splits']:
                part = hashes[first : first + one['images']]
                first += one['images']
                splits.append(
                    TaughtSplit(
                        **{key: one[key] for key in _DESCRIBED},
                        people=tuple(one['people']),
                        detector=one.get('detector', MTCNN),
                        pixel_hashes=part[:, :PIXEL_HASH_BYTES],
                        perceptual_hashes=part[:, PIXEL_HASH_BYTES:],
                    )
                )
            if first != len(hashes):
                raise ValueError(f'{len(hashes)} hashes, expected {first}')
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise InvalidInputError(
                f'{where} must be whole, as training wrote it. Received: {error}. Restore it from '
                'the run; without it nobody knows who taught the model.'
            ) from error
        return cls(tuple(splits), about['pretrained'])

    def _names(self, role: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(split.name for split in self.splits if split.role == role))


_DESCRIBED = ('role', 'data_set', 'split', 'fold', 'identity', 'are_originals')


def people_in(named: Iterable[tuple[str, str]]) -> People:
    """Everyone named, of pairs of a data set with its config and a person.

    >>> sorted(people_in([('cfee/basic_faces', '109'), ('cfee/all_faces', '109'), ('a/b', '')]))
    [('cfee', '109')]
    """
    return frozenset((name.partition('/')[0], person) for name, person in named if person)


def name_of(data_set: str) -> str:
    """`name/config` of `name/config/version`.

    >>> name_of('cfee/basic_faces/1.1.0'), name_of('fake/1.0.0')
    ('cfee/basic_faces', 'fake')
    """
    return data_set.rpartition('/')[0]
