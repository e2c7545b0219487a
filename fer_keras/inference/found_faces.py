"""The faces of photos, cropped as the data sets are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfds_builders import faces
from tfds_builders.detectors import MTCNN, Detector


class FoundFace(NamedTuple):
    """A face in a picture.

    Attributes:
        box: Left, top, right and bottom in pixels; None where the picture itself is a crop.
        confidence: The detector's score; None where the picture itself is a crop.
        crop: uint8 `[height, width, 3]`, RGB, as the data sets have them.

    >>> FoundFace(None, None, np.zeros((48, 48, 3), np.uint8)).crop.shape
    (48, 48, 3)
    """

    box: tuple[float, ...] | None
    confidence: float | None
    crop: np.ndarray


def find_faces(
    images: Sequence[np.ndarray], *, small_faces: bool = True, detector: Detector = MTCNN
) -> list[list[FoundFace]]:
    """The faces of each image, uint8 `[height, width, 3]`, RGB, the largest first."""
    found = detector.find_all_faces(images, small_faces=small_faces)
    return [
        [FoundFace(face.box, face.confidence, faces.crop_face(image, face)) for face in people]
        for image, people in zip(images, found, strict=True)
    ]
