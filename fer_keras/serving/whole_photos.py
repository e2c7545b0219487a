"""Whole photos in a SavedModel: from encoded files to faces and their expressions."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from fer_keras.decoding import decode_upright
from fer_keras.input_pipeline import to_model_input
from fer_keras.serving.face_crops import crop_faces
from fer_keras.serving.face_detector import FaceDetector
from fer_keras.serving.requests import decode_each
from tfds_builders.faces import CROP_SIZE_PX

# Shape and type of what is found for each face: box, landmarks, score, crop.
_PARTS = (
    ((4,), tf.float32),
    ((5, 2), tf.float32),
    ((), tf.float32),
    ((CROP_SIZE_PX, CROP_SIZE_PX, 3), tf.uint8),
)


def add_photo_endpoint(
    archive: keras.export.ExportArchive, model: keras.Model, names: Sequence[str]
) -> None:
    """Adds the signature `predict_photos`.

    It takes `image_bytes`, string `[batch]`: JPEG, PNG or WebP files of photos. It gives,
    for each photo, its faces, the largest first, and behind them rows of zeros up to the largest
    number of the batch, so that TF Serving can batch requests.

    - `num_faces`: int32 `[batch]`.
    - `boxes`: float32 `[batch, faces, 4]`: left, top, right and bottom in pixels.
    - `landmarks`: float32 `[batch, faces, 5, 2]`, x and y of the eyes, the nose and the mouth's
      corners.
    - `detection_scores`: float32 `[batch, faces]`.
    - `probabilities`: float32 `[batch, faces, classes]`.
    - `label`, string, and `score`, float32 `[batch, faces]`.
    - `label_names`: string `[batch, classes]`.

    Args:
        archive: Tracks `model`.
        model: From `image`, float32 `[batch, size, size, 3]`, to probabilities.
        names: Label names in the model's order.
    """
    detector, label_names = FaceDetector(), tf.constant(list(names))

    def look_at(image_bytes: tf.Tensor) -> tf.Tensor:
        image = decode_upright(image_bytes)
        found = detector.find_all_faces(image)
        crops = crop_faces(image, found.landmarks, CROP_SIZE_PX)
        parts = (*found, tf.cast(crops, tf.uint8))
        # Photos have any number of faces, and what stands for them here must have one shape.
        return tf.stack([tf.io.serialize_tensor(part) for part in parts])

    def serve_photos(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        parts = decode_each(image_bytes, look_at, tf.TensorSpec([len(_PARTS)], tf.string))
        boxes, landmarks, scores, crops = (
            _unpack(parts[:, i], *kind) for i, kind in enumerate(_PARTS)
        )
        probabilities = _probabilities_of(model, crops.flat_values)
        labels = tf.gather(label_names, tf.argmax(probabilities, axis=-1))
        answers = {
            'boxes': boxes,
            'landmarks': landmarks,
            'detection_scores': scores,
            'probabilities': scores.with_flat_values(probabilities),
            'label': scores.with_flat_values(labels),
            'score': scores.with_flat_values(tf.reduce_max(probabilities, axis=-1)),
        }
        return {
            'num_faces': tf.cast(scores.row_lengths(), tf.int32),
            'label_names': tf.tile(label_names[None], [tf.size(image_bytes), 1]),
            **{name: answer.to_tensor() for name, answer in answers.items()},
        }

    archive.add_endpoint(
        'predict_photos', serve_photos, [tf.TensorSpec([None], tf.string, name='image_bytes')]
    )


def _unpack(packed: tf.Tensor, shape: tuple[int, ...], dtype: tf.DType) -> tf.RaggedTensor:
    """From string `[batch]` to `[batch, (faces), *shape]`."""
    return tf.map_fn(
        lambda one: tf.ensure_shape(tf.io.parse_tensor(one, dtype), (None, *shape)),
        packed,
        fn_output_signature=tf.RaggedTensorSpec((None, *shape), dtype, ragged_rank=0),
    )


def _probabilities_of(model: keras.Model, crops: tf.Tensor) -> tf.Tensor:
    """The answers for crops, uint8 `[n, side, side, 3]`; n may be 0."""
    # Convolutions of nothing fail in TensorFlow 2.21, so there is always one crop.
    count = tf.shape(crops)[0]
    is_empty = tf.cast(tf.equal(count, 0), tf.int32)
    crops = tf.pad(crops, [[0, is_empty], [0, 0], [0, 0], [0, 0]])
    return model(to_model_input(crops, model.input_shape[1]), training=False)[:count]
