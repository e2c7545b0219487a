"""Whether the faces of a graph are those of the data sets."""

from __future__ import annotations

import numpy as np

from tfds_builders import faces


def assert_same_faces(found, expected: list[faces.Face]) -> None:
    """Raises `AssertionError` where `fer_keras.faces.detector.Faces` are others than these.

    A grey level on the canvas is rounded otherwise here and there.
    """
    boxes, landmarks, scores = found
    assert len(boxes) == len(expected)
    for number, face in enumerate(expected):
        for value, own, tolerance in (
            (boxes[number], face.box, faces.BOX_TOLERANCE_PX),
            (landmarks[number], face.landmarks, faces.LANDMARK_TOLERANCE_PX),
            (scores[number], face.confidence, faces.CONFIDENCE_TOLERANCE),
        ):
            np.testing.assert_allclose(value, own, atol=tolerance)
