"""Whole photos in a SavedModel: from encoded files to faces and their expressions."""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras
import tensorflow as tf

from fer_keras.data.decoding import decode_upright, to_model_input
from fer_keras.faces.crops import crop_faces
from fer_keras.faces.detector import FaceDetector
from fer_keras.serving.requests import decode_each
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
    # Box, landmarks, score, and what the network takes, in whole numbers.
    face = (
        tf.TensorSpec((4,)),
        tf.TensorSpec((5, 2)),
        tf.TensorSpec(()),
        tf.TensorSpec((image_size_px, image_size_px, 3), tf.uint8),
    )

    def look_at(image_bytes: tf.Tensor, *, small_faces: bool) -> tuple[tf.Tensor, ...]:
        image = decode_upright(image_bytes)
        boxes, landmarks, scores = detector.find_all_faces(image, small_faces=small_faces)
        crops = to_model_input(crop_faces(image, landmarks, CROP_SIZE_PX), image_size_px)
        return (
            _below_a_blank(boxes),
            _below_a_blank(landmarks),
            tf.concat([[_NO_FACE], scores], axis=0),
            _below_a_blank(tf.cast(crops, tf.uint8)),
        )

    def serve(image_bytes: tf.Tensor, *, small_faces: bool) -> Answer:
        look = functools.partial(look_at, small_faces=small_faces)
        positions, rows = decode_each(image_bytes, look, face)
        is_face = rows[2] != _NO_FACE
        positions, boxes, landmarks, scores, crops = (
            tf.boolean_mask(values, is_face) for values in (positions, *rows)
        )
        count = tf.shape(crops)[0]
        # Convolutions of nothing fail in TensorFlow 2.21.
        crops = tf.cond(count > 0, lambda: crops, lambda: tf.zeros_like(rows[3][:1]))
        answer = recognize(tf.cast(crops, tf.float32))
        of_faces = {
            'boxes': boxes,
            'landmarks': landmarks,
            'detection_scores': scores,
            **{name: answer[name][:count] for name in ('probabilities', 'label', 'score')},
        }
        num_photos = tf.size(image_bytes, tf.int64)
        by_photo = {
            name: tf.RaggedTensor.from_value_rowids(values, positions, num_photos)
            for name, values in of_faces.items()
        }
        return {
            'num_faces': tf.cast(by_photo['score'].row_lengths(), tf.int32),
            'label_names': tf.tile(answer['label_names'][:1], [num_photos, 1]),
            **{name: values.to_tensor() for name, values in by_photo.items()},
        }

    files = tf.TensorSpec([None], tf.string, name='image_bytes')
    for name, small_faces in (('predict_photos', True), ('predict_portraits', False)):
        archive.add_endpoint(name, functools.partial(serve, small_faces=small_faces), [files])


def _below_a_blank(values: tf.Tensor) -> tf.Tensor:
    """`[n, ...]` to `[1 + n, ...]`."""
    return tf.pad(values, [[1, 0]] + [[0, 0]] * (len(values.shape) - 1))
