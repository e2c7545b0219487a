"""Whole photos and frames in a SavedModel: from files or pixels to faces and expressions."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from fer_keras.data.decoding import to_model_input
from fer_keras.faces.crops import crop_faces
from fer_keras.faces.detector import FaceDetector
from fer_keras.faces.single_shot import SingleShotDetector
from fer_keras.serving.requests import Rows, RowSpec, decode_each, require_any, rows_of_each
from tfds_builders.faces import CROP_SIZE_PX
from tfds_builders.picture_formats import LARGEST_PIXELS_IN_GRAPH

# The score of a row before a photo's faces: the photo was read, whether it has any or not.
_NO_FACE = -1.0
Answer = dict[str, tf.Tensor]
# The graph of each detector that has one.
DETECTORS: dict[str, type[FaceDetector] | type[SingleShotDetector]] = {
    'single_shot': SingleShotDetector,
    'mtcnn': FaceDetector,
}


def add_photo_endpoints(
    archive: keras.export.ExportArchive,
    recognize: Callable[[tf.Tensor], Answer],
    image_size_px: int,
    detector: str,
) -> None:
    """Adds the signatures `predict_photos`, `predict_portraits` and `predict_frames`.

    The first two take `image_bytes`, string `[batch]`: JPEG, PNG or WebP files of photos.
    `predict_photos` finds all faces, `predict_portraits` large ones. `predict_frames` takes
    `frames`, uint8 `[batch, height, width, 3]`, RGB: frames of a video, decoded already, of which
    it says what `predict_photos` says of lossless files of them.

    All give, for each photo or frame, its faces, the largest first, and behind
    them rows of zeros up to the largest number of the batch, so that TF Serving can batch requests.

    - `num_faces`: int32 `[batch]`.
    - `boxes`: float32 `[batch, faces, 4]`: left, top, right and bottom in pixels.
    - `landmarks`: float32 `[batch, faces, 5, 2]`, x and y: eyes, nose, corners of the mouth.
    - `detection_scores`: float32 `[batch, faces]`.
    - `probabilities`: float32 `[batch, faces, classes]`.
    - `label`, string, and `score`, float32 `[batch, faces]`.
    - `label_names`: string `[batch, classes]`.

    Args:
        archive: What they are added to.
        recognize: From float32 `[n, image_size_px, image_size_px, 3]`, at least one, to
            `probabilities`, `label`, `score` and `label_names`.
        image_size_px: Side of the images that it takes.
        detector: One of `DETECTORS`.
    """
    graph, row = DETECTORS[detector](), _row_of_a_face(image_size_px)
    find_all = make_finder(graph, image_size_px, small_faces=True)
    find_large = make_finder(graph, image_size_px, small_faces=False)

    batch = tuple(tf.TensorSpec((None, *spec.shape), spec.dtype) for spec in row)
    count = tf.TensorSpec((), tf.int64)

    # A function of its own, as the search is, so that it is stored once for all signatures.
    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int64), batch, count], autograph=False)
    def answer(positions: tf.Tensor, rows: Rows, num_photos: tf.Tensor) -> Answer:
        return _answer(positions, rows, num_photos, recognize)

    # A closure: what `functools.partial` binds, a SavedModel tries to store.
    def make_serve_files(find: Callable[[tf.Tensor], Rows]) -> Callable[[tf.Tensor], Answer]:
        def serve_files(image_bytes: tf.Tensor) -> Answer:
            found = decode_each(image_bytes, find, row)
            return answer(*found, tf.size(image_bytes, tf.int64))

        return serve_files

    def serve_frames(frames: tf.Tensor) -> Answer:
        found = rows_of_each(_require_pixels(frames), find_all, row)
        return answer(*found, tf.shape(frames, tf.int64)[0])

    files = tf.TensorSpec([None], tf.string, name='image_bytes')
    pixels = tf.TensorSpec([None, None, None, 3], tf.uint8, name='frames')
    for name, find in (('predict_photos', find_all), ('predict_portraits', find_large)):
        archive.add_endpoint(name, make_serve_files(find), [files])
    archive.add_endpoint('predict_frames', serve_frames, [pixels])


def make_finder(
    detector: FaceDetector | SingleShotDetector, size_px: int, *, small_faces: bool
) -> Callable[[tf.Tensor], Rows]:
    """The search in pixels: one function, stored once for all signatures that call it.

    Args:
        detector: Finds the faces.
        size_px: Side of the crops.
        small_faces: Of its `find_all_faces`.

    Returns:
        From uint8 `[height, width, 3]`, RGB, to a row that says only that the image was looked at,
        and one for each of its faces: box, landmarks, score, and crop, uint8
        `[1 + faces, size_px, size_px, 3]`.
    """

    @tf.function(input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)], autograph=False)
    def find(image: tf.Tensor) -> Rows:
        boxes, landmarks, scores = detector.find_all_faces(image, small_faces=small_faces)
        crops = to_model_input(crop_faces(image, landmarks, CROP_SIZE_PX), size_px)
        return (
            _below_a_blank(boxes),
            _below_a_blank(landmarks),
            tf.concat([[_NO_FACE], scores], axis=0),
            _below_a_blank(tf.cast(crops, tf.uint8)),
        )

    return find


def _row_of_a_face(image_size_px: int) -> RowSpec:
    """Box, landmarks, score, and what the network takes, in whole numbers."""
    return (
        tf.TensorSpec((4,)),
        tf.TensorSpec((5, 2)),
        tf.TensorSpec(()),
        tf.TensorSpec((image_size_px, image_size_px, 3), tf.uint8),
    )


def _require_pixels(frames: tf.Tensor) -> tf.Tensor:
    """Fails where there are no frames, or they are empty or larger than a photo may be."""
    height, width = tf.unstack(tf.shape(frames, tf.int64)[1:3])
    is_right = (height * width > 0) & (height * width <= LARGEST_PIXELS_IN_GRAPH)
    message = tf.strings.format(
        'frames must have 1 to {} pixels each. Received: {} x {}.',
        (LARGEST_PIXELS_IN_GRAPH, width, height),
    )
    with tf.control_dependencies([tf.debugging.Assert(is_right, [message], summarize=1)]):
        return require_any(frames)


def _answer(
    positions: tf.Tensor,
    rows: Rows,
    num_photos: tf.Tensor,
    recognize: Callable[[tf.Tensor], Answer],
) -> Answer:
    """From the rows of `make_finder` for a whole batch to the outputs of a signature."""
    of_a_face = tf.where(rows[2] != _NO_FACE)[:, 0]
    positions, boxes, landmarks, scores, crops = (
        tf.gather(values, of_a_face) for values in (positions, *rows)
    )
    answer = _recognize_any(crops, recognize)
    label_names = answer.pop('label_names')
    of_faces = {'boxes': boxes, 'landmarks': landmarks, 'detection_scores': scores, **answer}
    return _by_photo(of_faces, positions, label_names, num_photos)


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
    scores = tf.RaggedTensor.from_value_rowids(
        of_faces['score'], positions, num_photos, validate=False
    )
    return {
        'num_faces': tf.cast(scores.row_lengths(), tf.int32),
        'label_names': tf.tile(label_names, [num_photos, 1]),
        **{name: scores.with_values(values).to_tensor() for name, values in of_faces.items()},
    }


def _below_a_blank(values: tf.Tensor) -> tf.Tensor:
    """`[n, ...]` to `[1 + n, ...]`."""
    return tf.pad(values, [[1, 0]] + [[0, 0]] * (len(values.shape) - 1))
