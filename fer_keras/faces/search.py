"""Finds faces with whichever detector was chosen; MTCNN by its graph, which is the faster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfds_builders import faces
from tfds_builders.detectors import MTCNN, Detector
from tfds_builders.quiet import load_tensorflow


def find_all_faces(
    images: Sequence[np.ndarray], detector: Detector = MTCNN, *, small_faces: bool = True
) -> list[list[faces.Face]]:
    """Every face of each image, uint8 `[height, width, 3]`, RGB, the largest first.

    Raises:
        MissingDetectorError: The file of the detector is not there.
        InvalidDetectorError: It is another one than was chosen.
    """
    if not len(images):
        return []
    if detector.name == MTCNN.name:
        # Here: it loads TensorFlow, which no other detector needs.
        load_tensorflow()
        from fer_keras.faces.detector import detect_rows

        return faces.find_all_faces(images, detect_rows, small_faces=small_faces)
    return detector.find_all_faces(images, small_faces=small_faces)
