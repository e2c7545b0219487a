"""Whole photos in a SavedModel: from encoded files to faces and their expressions."""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras
import tensorflow as tf

from fer_keras.data.decoding import decode_upright, to_model_input
from fer_keras.faces.crops import crop_faces
from fer_keras.faces.detector import FaceDetector
from fer_keras.serving.requests import Rows, RowSpec, decode_each
from tfds_builders.faces import CROP_SIZE_PX

# The score of a row before a photo's faces: the photo was read, whether it has any or not.
_NO_FACE = -1.0
Answer = dict[str, tf.Tensor]


def add_photo_endpoints(
    archive: keras.export.ExportArchive,
    recognize: Callable[[tf.Tensor], Answer],
    image_size_px: int,
) -> None:
    """Adds the signatures `predict_photos` and `predict_portraits`.

    Both take `image_bytes`, string `[batch]`: JPEG, PNG or WebP files of photos. The first finds
    the faces of `tfds_builders.faces.find_all_faces`, the second those of `small_faces=False`, in
    half of the time. They give, for each photo, its faces, the largest first, and behind
    them rows of zeros up to the largest number of the batch, so that TF Serving can batch requests.

    - `num_faces`: int32 `[batch]`.
    - `boxes`: float32 `[batch, faces, 4]`: left, top, right and bottom in pixels.
    - `landmarks`: float32 `[batch, faces, 5, 2]`, x and y of the eyes, the nose and the mouth's
      corners.
    - `detection_scores`: float32 `[batch, faces]`.
    - `probabilities`: float32 `[batch, faces, classes]`.
    - `label`, string, and `score`, float32 `[batch, faces]`.
    - `label_names`: string `[batch, classes]`.

    Args:
        archive: What they are added to.
        recognize: From float32 `[n, image_size_px, image_size_px, 3]`, at least one, to
            `probabilities`, `label`, `score` and `label_names`.
        image_size_px: Side of the images that it takes.
    """
    detector = FaceDetector()

    def serve(image_bytes: tf.Tensor, *, small_faces: bool) -> Answer:
        find = functools.partial(
            _find_faces, detector=detector, size_px=image_size_px, small_faces=small_faces
        )
        positions, rows = decode_each(image_bytes, find, _row_of_a_face(image_size_px))
        is_face = rows[2] != _NO_FACE
        positions, boxes, landmarks, scores, crops = (
            tf.boolean_mask(values, is_face) for values in (positions, *rows)
        )
        answer = _recognize_any(crops, recognize)
        label_names = answer.pop('label_names')
        of_faces = {'boxes': boxes, 'landmarks': landmarks, 'detection_scores': scores, **answer}
        return _by_photo(of_faces, positions, label_names, tf.size(image_bytes, tf.int64))

    files = tf.TensorSpec([None], tf.string, name='image_bytes')
    for name, small_faces in (('predict_photos', True), ('predict_portraits', False)):
        archive.add_endpoint(name, functools.partial(serve, small_faces=small_faces), [files])


def _row_of_a_face(image_size_px: int) -> RowSpec:
    """Box, landmarks, score, and what the network takes, in whole numbers."""
    return (
        tf.TensorSpec((4,)),
        tf.TensorSpec((5, 2)),
        tf.TensorSpec(()),
        tf.TensorSpec((image_size_px, image_size_px, 3), tf.uint8),
    )


def _find_faces(
    image_bytes: tf.Tensor, *, detector: FaceDetector, size_px: int, small_faces: bool
) -> Rows:
    """The rows of one photo: one of a photo that was read, and one for each of its faces."""
    image = decode_upright(image_bytes)
    boxes, landmarks, scores = detector.find_all_faces(image, small_faces=small_faces)
    crops = to_model_input(crop_faces(image, landmarks, CROP_SIZE_PX), size_px)
    return (
        _below_a_blank(boxes),
        _below_a_blank(landmarks),
        tf.concat([[_NO_FACE], scores], axis=0),
        _below_a_blank(tf.cast(crops, tf.uint8)),
    )


def _recognize_any(crops: tf.Tensor, recognize: Callable[[tf.Tensor], Answer]) -> Answer:
    """`recognize` for uint8 crops, of which there may be none; always one row of `label_names`."""
    count = tf.shape(crops)[0]
    # Convolutions of nothing fail in TensorFlow 2.21.
    blank = tf.zeros((1, *crops.shape[1:]), crops.dtype)
    answer = recognize(tf.cast(tf.cond(count > 0, lambda: crops, lambda: blank), tf.float32))
    return {
        'label_names': answer['label_names'][:1],
        **{name: answer[name][:count] for name in ('probabilities', 'label', 'score')},
    }


def _by_photo(
    of_faces: Answer, positions: tf.Tensor, label_names: tf.Tensor, num_photos: tf.Tensor
) -> Answer:
    """What is known of all faces, `[n, ...]`, for each photo: `[batch, faces, ...]`.

    Args:
        of_faces: By name.
        positions: Photo of each face, int64 `[n]`, not descending.
        label_names: string `[1, classes]`.
        num_photos: int64 `[]`.
    """
    ragged = {
        name: tf.RaggedTensor.from_value_rowids(values, positions, num_photos)
        for name, values in of_faces.items()
    }
    return {
        'num_faces': tf.cast(ragged['score'].row_lengths(), tf.int32),
        'label_names': tf.tile(label_names, [num_photos, 1]),
        **{name: values.to_tensor() for name, values in ragged.items()},
    }


def _below_a_blank(values: tf.Tensor) -> tf.Tensor:
    """`[n, ...]` to `[1 + n, ...]`."""
    return tf.pad(values, [[1, 0]] + [[0, 0]] * (len(values.shape) - 1))
