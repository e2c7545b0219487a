"""From a few listed photos to their examples: bytes of the files, or aligned face crops."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_builders import faces
from tfds_builders.archives import Photo
from tfds_builders.detectors import MTCNN, Detector
from tfds_builders.errors import BuilderError
from tfds_builders.picture_formats import LARGEST_PIXELS_IN_GRAPH
from tfds_builders.pictures import Reading, fit, pixel_hash, read
from tfds_builders.png import encode_png
from tfds_builders.tasks import Finding, Outcome, describe_problem

# Photos a task. mtcnn is several times faster on a batch than on single images.
BATCH = 16
# The bytes of a file and its picture, or what is wrong with it.
_Read = tuple[bytes, Reading] | Exception


@dataclasses.dataclass(frozen=True)
class PhotoTask:
    """Photos to make examples of.

    Attributes:
        rows: Each photo with its fold.
        crops_faces: Whether the examples are face crops.
        detector: Finds the faces; whoever does the task loads it.

    >>> len(PhotoTask(rows=(), crops_faces=True))
    0
    """

    rows: tuple[tuple[Photo, int], ...]
    crops_faces: bool
    detector: Detector = MTCNN

    def __len__(self) -> int:
        return len(self.rows)

    def outcomes(self) -> Iterator[Outcome]:
        """Yields what became of each photo; whatever is wrong with one is a reason to leave it out.

        Raises:
            ImportError: The detector of faces is not installed.
            BuilderError: Its file is not there, or another one than was chosen.
        """
        if not self.crops_faces:
            for photo, fold in self.rows:  # One at a time is in memory.
                yield _describe(photo, fold, lambda was: _original(*was), _read(photo))
            return
        were_read = [_read(photo) for photo, _ in self.rows]
        images = [was[1].image for was in were_read if not isinstance(was, Exception)]
        found = iter(_find_faces(images, self.detector))
        for (photo, fold), was in zip(self.rows, were_read, strict=True):
            face = None if isinstance(was, Exception) else next(found)
            if isinstance(face, Exception):
                was, face = face, None
            yield _describe(photo, fold, functools.partial(_crop, face), was)


def list_tasks(
    rows: Sequence[tuple[Photo, int]], *, crops_faces: bool, detector: Detector = MTCNN
) -> Iterator[PhotoTask]:
    """Photos, each with its fold, as tasks of up to `BATCH`."""
    for start in range(0, len(rows), BATCH):
        yield PhotoTask(tuple(rows[start : start + BATCH]), crops_faces, detector)


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


def _read(photo: Photo) -> _Read:
    try:
        data = photo.path.read_bytes()
        return data, read(data)
    except Exception as error:  # Of one picture, which is no reason to end a build of many.
        return error


def _find_faces(
    images: Sequence[np.ndarray], detector: Detector
) -> list[faces.Face | None | Exception]:
    """The face of each image, or what is wrong with it: a batch that fails is tried one by one."""
    if not images:
        return []
    try:
        return list(detector.find_faces(images))
    except (ImportError, BuilderError):  # Of no single picture.
        raise
    except Exception as error:
        if len(images) == 1:
            return [error]
        return [face for image in images for face in _find_faces([image], detector)]


def _describe(
    photo: Photo,
    fold: int,
    make: Callable[[tuple[bytes, Reading]], tuple[dict[str, Any], str]],
    was: _Read,
) -> Outcome:
    """The example of a photo that was read; `make` gives its image, and how that was re-encoded."""
    try:
        if isinstance(was, Exception):
            raise was
        features, re_encoded = make(was)
    except Exception as error:
        return Outcome(Finding(photo.file_name, left_out=describe_problem(error)))
    reading = was[1]
    known_by = pixel_hash(reading.image)
    finding = Finding(
        photo.file_name,
        photo.label,
        photo.subject_id,
        known_by,
        detected=features.get('detected', True),
        re_encoded=re_encoded,
        note=f'{reading.kind}: {"; ".join(reading.notes)}' if reading.notes else '',
    )
    example = {
        'label': photo.label,
        'subject_id': photo.subject_id,
        'file_name': photo.file_name,
        'pixel_hash': known_by,
        'fold': fold,
        **photo.extras,
        **features,
    }
    return Outcome(finding, (photo.file_name, example))


def _crop(face: faces.Face | None, was: tuple[bytes, Reading]) -> tuple[dict[str, Any], str]:
    return describe_face(was[1].image, face), ''


def _original(data: bytes, reading: Reading) -> tuple[dict[str, Any], str]:
    """The bytes of the file where training and the graph read them, else a PNG file."""
    if reading.is_for_graph:
        return {'image': data}, ''
    image = fit(reading.image, LARGEST_PIXELS_IN_GRAPH)
    height, width = image.shape[:2]
    was = f'{reading.kind} of {reading.image.shape[1]}x{reading.image.shape[0]}'
    reduced = '' if image is reading.image else f', reduced to {width}x{height}'
    return {'image': encode_png(image)}, f'as PNG: {was}{reduced}'
