"""What the builders of face photos share: features, splits, crops, and what is written down."""

from __future__ import annotations

import abc
import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from tqdm import tqdm

from tfds_builders import faces, splits
from tfds_builders.archives import Archive, Photo, first_lines, manual_dir
from tfds_builders.build_record import BuildRecord
from tfds_builders.detectors import MTCNN, Detector
from tfds_builders.errors import InvalidArchiveError
from tfds_builders.listed_builder import ListedDatasetBuilder
from tfds_builders.photo_tasks import PhotoTask, list_tasks
from tfds_builders.tasks import Finding

SPLITS = splits.SPLITS
# How the names of configs end whose splits are of images and not of people.
LEAKY = '_leaky_image_split'


@dataclasses.dataclass(kw_only=True)
class ExpressionConfig(tfds.core.BuilderConfig):
    """Which photos, as what, and how they are split.

    Attributes:
        classes: Canonical names of the expressions, in the canonical order.
        crops_faces: Aligned face crops, or else the untouched bytes of the files; as PNG where
            training could not read these.
        splits_images: The per-image split of older papers: people are in several splits.
        detector: Finds the faces; see `find_with`.

    >>> ExpressionConfig(name='faces', classes=('neutral', 'happy')).crops_faces
    True
    """

    classes: tuple[str, ...] = ()
    crops_faces: bool = True
    splits_images: bool = False
    detector: Detector = MTCNN

    def find_with(self, detector: Detector) -> ExpressionConfig:
        """This config with the faces of another detector, by a name of its own.

        So the data of two detectors lie in two folders. The end of a name that says that people
        are in every split stays the end, for whoever reads it there.

        >>> yunet = Detector('yunet', 'yunet.onnx', sha256='0a1b')
        >>> ExpressionConfig(name='faces').find_with(yunet).name
        'faces_yunet'
        >>> ExpressionConfig(name=f'faces{LEAKY}').find_with(yunet).name
        'faces_yunet_leaky_image_split'
        """
        if detector == MTCNN:
            return self
        stem = self.name.removesuffix(LEAKY)
        changes: dict[str, Any] = {
            'name': f'{stem}_{detector.name}{self.name[len(stem) :]}',
            'description': f'{self.description} Faces found by {detector.name}.',
            'detector': detector,
        }
        return dataclasses.replace(self, **changes)


class ExpressionDatasetBuilder(
    ListedDatasetBuilder,
    skip_registration=True,  # type: ignore[call-arg]  # TFDS is loaded lazily and untyped.
):
    """A set of face photos with a label each. A set says how its archive is read.

    >>> ExpressionDatasetBuilder.EXTRA_FEATURES
    {}
    """

    builder_config: ExpressionConfig

    # What the set knows beside label and person: name of the feature to its TFDS type.
    EXTRA_FEATURES: Mapping[str, Any] = {}
    # What its folder holds, for messages.
    LAYOUT = ''
    # Where its archive is asked for.
    HOMEPAGE: str | None = None
    # On what terms its archive is to be had, in a few words.
    TERMS = ''
    # Whether its files say who is shown; else a person may be in several splits.
    NAMES_PEOPLE = True
    # By split: a sentence that must stand beside every number of it.
    SPLIT_NOTES: Mapping[str, str] = {}

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=self._features(),
            supervised_keys=('image', 'label'),
            homepage=self.HOMEPAGE,
            metadata=tfds.core.MetadataDict(
                {'split_notes': dict(self.SPLIT_NOTES)} if self.SPLIT_NOTES else {}
            ),
        )

    def _list_tasks(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, Iterable[PhotoTask]]:
        return self._split_photos(manual_dir(dl_manager, self.name, self.LAYOUT))

    @abc.abstractmethod
    def _read_archive(self, manual_dir: epath.Path) -> Archive:
        """Finds the photos of the chosen config."""

    def _subject_slots(self, photos: Sequence[Photo]) -> Mapping[str, int]:
        """The slot of each person; an open set by default."""
        return {
            photo.subject_id: splits.subject_slot(self.name, photo.subject_id) for photo in photos
        }

    def _deal(
        self,
        title: str,
        stratum_of: Mapping[str, tuple[str, ...]],
        complete: int,
        who: str = 'people',
    ) -> Mapping[str, int]:
        """The slot of each person of a closed set, dealt by stratum; warns where some are missing.

        Args:
            title: What people call the set.
            stratum_of: Each person's stratum, such as group and gender; all alike where empty.
            complete: How many people the whole set has.
            who: What the set calls them.
        """
        if len(stratum_of) != complete:
            self.info.metadata['warning'] = (
                f'{title} has {complete} {who}, this archive has {len(stratum_of)}: its people are '
                'not split as those of the complete archive.'
            )
        slots = splits.deal_strata(self.name, stratum_of)
        if any(stratum_of.values()):
            self.info.metadata['strata'] = splits.count_strata(stratum_of, slots)
        return slots

    def _slots(self, photos: Sequence[Photo]) -> list[int]:
        """The slot of each photo: that of its person."""
        of_person = self._subject_slots(photos)
        return [of_person[photo.subject_id] for photo in photos]

    def _split_of(self, photo: Photo, slot: int) -> str:
        """The split of a photo: that of its person, or of its name where people are split."""
        place = splits.hash_slot(self.name, photo.file_name)
        return splits.split_of(place if self.builder_config.splits_images else slot)

    def _features(self) -> tfds.features.FeaturesDict:
        crops = self.builder_config.crops_faces
        size = faces.CROP_SIZE_PX
        image = (
            tfds.features.Image(shape=(size, size, 3), encoding_format='png')
            if crops
            else tfds.features.Image(shape=(None, None, 3))
        )
        return tfds.features.FeaturesDict(
            {
                'image': image,
                'label': tfds.features.ClassLabel(names=list(self.builder_config.classes)),
                'subject_id': tfds.features.Text(),
                'file_name': tfds.features.Text(),
                # Of the original: crops of two configs are known as one photograph by it.
                'pixel_hash': tfds.features.Text(),
                'fold': np.int64,
                **self.EXTRA_FEATURES,
                **(_FACE_FEATURES if crops else {}),
            }
        )

    def _split_photos(self, manual_dir: epath.Path) -> Mapping[str, Iterable[PhotoTask]]:
        """Reads the archive and gives each split its photos."""
        archive = self._read_archive(manual_dir)
        crops, detector = self.builder_config.crops_faces, self.builder_config.detector
        self._record = BuildRecord(
            archive,
            self.builder_config.name,
            self.info.metadata,
            crops_faces=crops,
            detector=detector,
        )
        self._problems: dict[str, list[str]] = collections.defaultdict(list)
        by_split: dict[str, list[tuple[Photo, int]]] = {split: [] for split in SPLITS}
        for photo, slot in zip(archive.photos, self._slots(archive.photos), strict=True):
            by_split[self._split_of(photo, slot)].append((photo, splits.fold_of(slot)))
        self._num_photos = {split: len(rows) for split, rows in by_split.items()}
        if not self.is_on_beam:
            self.progress = tqdm(total=len(archive.photos), unit='image', desc=self.info.full_name)
        # TFDS fails on a split without examples, which a small folder may have.
        return {
            split: list_tasks(rows, crops_faces=crops, detector=detector)
            for split, rows in by_split.items()
            if rows
        }

    def _take(self, split: str, finding: Finding) -> None:
        self._record.take(split, finding)
        if finding.left_out:
            self._problems[split].append(f'{finding.file_name}: {finding.left_out}')

    def _finish(self, split: str) -> None:
        """Brings the metadata up to date.

        Raises:
            InvalidArchiveError: None of the split's photos can be read.
        """
        problems = self._problems[split]
        if len(problems) == self._num_photos[split]:
            raise InvalidArchiveError(
                f'The split `{split}` must have a picture that can be read. Received: none of '
                f'{len(problems)}, such as {first_lines(problems)}.'
            )
        self._record.finish()


_FACE_FEATURES = {
    'box': tfds.features.BBoxFeature(),
    'landmarks': tfds.features.Tensor(shape=(5, 2), dtype=np.float32),
    'detected': np.bool_,
    'confidence': np.float32,
}
