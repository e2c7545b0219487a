"""What the builders of face photos share: features, splits, crops, and what is written down."""

from __future__ import annotations

import abc
import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from tqdm import tqdm

from tfds_builders import faces, splits
from tfds_builders.archives import Archive, Photo, first_lines, manual_dir
from tfds_builders.build_record import BuildRecord
from tfds_builders.errors import InvalidArchiveError, InvalidPictureError
from tfds_builders.picture_formats import LARGEST_PIXELS_IN_GRAPH
from tfds_builders.pictures import Reading, fit, pixel_hash, read
from tfds_builders.png import encode_png

SPLITS = splits.SPLITS
_DETECTION_BATCH = 16  # mtcnn is several times faster on a batch than on single images.


@dataclasses.dataclass(kw_only=True)
class ExpressionConfig(tfds.core.BuilderConfig):
    """Which photos, as what, and how they are split.

    Attributes:
        classes: Canonical names of the expressions, in the canonical order.
        crops_faces: Aligned face crops, or else the untouched bytes of the files; as PNG where
            training could not read these.
        splits_images: The per-image split of older papers: people are in several splits.

    >>> ExpressionConfig(name='faces', classes=('neutral', 'happy')).crops_faces
    True
    """

    classes: tuple[str, ...] = ()
    crops_faces: bool = True
    splits_images: bool = False


class ExpressionDatasetBuilder(
    tfds.core.GeneratorBasedBuilder,
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

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
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

    def _split_photos(self, manual_dir: epath.Path) -> dict[str, Iterator[tuple[str, Any]]]:
        """Reads the archive and gives each split its photos."""
        archive = self._read_archive(manual_dir)
        self._record = BuildRecord(
            archive,
            self.builder_config.name,
            self.info.metadata,
            crops_faces=self.builder_config.crops_faces,
        )
        by_split: dict[str, list[tuple[Photo, int]]] = {split: [] for split in SPLITS}
        for photo, slot in zip(archive.photos, self._slots(archive.photos), strict=True):
            by_split[self._split_of(photo, slot)].append((photo, splits.fold_of(slot)))
        self._progress = tqdm(total=len(archive.photos), unit='image', desc=self.info.full_name)
        # TFDS fails on a split without examples, which a small folder may have.
        return {
            split: self._generate_examples(split, rows) for split, rows in by_split.items() if rows
        }

    def _generate_examples(
        self, split: str, rows: Iterable[tuple[Photo, int]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields the photos of a split; one that cannot be read is written down instead.

        Raises:
            InvalidArchiveError: None can be read.
        """
        remaining = iter(rows)
        problems: list[str] = []
        count = 0
        while batch := list(itertools.islice(remaining, _DETECTION_BATCH)):
            readable = []
            for photo, fold in batch:
                try:
                    data = photo.path.read_bytes()
                    readable.append((photo, fold, data, read(data)))
                except (InvalidPictureError, OSError) as error:
                    reason = describe_problem(error)
                    self._record.skip(photo, reason)
                    problems.append(f'{photo.file_name}: {reason}')
            count += len(readable)
            yield from self._describe(split, readable)
            self._progress.update(len(batch))
        if not count:
            raise InvalidArchiveError(
                f'The split `{split}` must have a picture that can be read. Received: none of '
                f'{len(problems)}, such as {first_lines(problems)}.'
            )
        self._record.finish()

    def _describe(
        self, split: str, rows: Sequence[tuple[Photo, int, bytes, Reading]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        crops = self.builder_config.crops_faces
        found = faces.find_faces([reading.image for *_, reading in rows]) if crops and rows else []
        for (photo, fold, data, reading), face in itertools.zip_longest(rows, found):
            image = reading.image
            known_by = pixel_hash(image)
            self._record.add(split, photo, known_by, detected=not crops or face is not None)
            self._record.note(photo, reading)
            yield (
                photo.file_name,
                {
                    'image': b'' if crops else self._for_graph(photo, data, reading),
                    'label': photo.label,
                    'subject_id': photo.subject_id,
                    'file_name': photo.file_name,
                    'pixel_hash': known_by,
                    'fold': fold,
                    **photo.extras,
                    **(describe_face(image, face) if crops else {}),
                },
            )

    def _for_graph(self, photo: Photo, data: bytes, reading: Reading) -> bytes:
        """The bytes of the file where training and the graph read them, else a PNG file."""
        if reading.is_for_graph:
            return data
        image = fit(reading.image, LARGEST_PIXELS_IN_GRAPH)
        height, width = image.shape[:2]
        was = f'{reading.kind} of {reading.image.shape[1]}x{reading.image.shape[0]}'
        reduced = '' if image is reading.image else f', reduced to {width}x{height}'
        self._record.re_encode(photo, f'as PNG: {was}{reduced}')
        return encode_png(image)


def describe_problem(error: Exception) -> str:
    """Why a file was left out, as the metadata say it."""
    if isinstance(error, OSError) and not isinstance(error, InvalidPictureError):
        return f'cannot be opened: {error.strerror or error}'
    return f'cannot be read: it {str(error).removeprefix("the picture ")}'


_FACE_FEATURES = {
    'box': tfds.features.BBoxFeature(),
    'landmarks': tfds.features.Tensor(shape=(5, 2), dtype=np.float32),
    'detected': np.bool_,
    'confidence': np.float32,
}


def describe_face(image: np.ndarray, face: faces.Face | None) -> dict[str, Any]:
    """The features of a crop: `image`, `box`, `landmarks`, `detected`, `confidence`.

    `box` and `landmarks` are shares of the original's width and height. Where no face was found the
    crop and the box are the largest centred square and the landmarks are -1.
    """
    height, width = image.shape[:2]
    left, top, right, bottom = face.box if face else faces.center_box(width, height)
    landmarks = face.landmarks / (width, height) if face else np.full((5, 2), -1)
    return {
        'image': encode_png(faces.crop_face(image, face) if face else faces.center_crop(image)),
        'box': tfds.features.BBox(
            ymin=top / height, xmin=left / width, ymax=bottom / height, xmax=right / width
        ),
        'landmarks': landmarks.astype(np.float32),
        'detected': face is not None,
        'confidence': face.confidence if face else 0.0,
    }
