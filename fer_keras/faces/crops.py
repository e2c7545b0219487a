"""The crops of `tfds_builders.faces.crop_face` as a TensorFlow graph."""

from __future__ import annotations

import tensorflow as tf

from tfds_builders import faces


def crop_faces(image: tf.Tensor, landmarks: tf.Tensor, size_px: int) -> tf.Tensor:
    """Turns the eyes level and crops each face.

    Args:
        image: uint8 `[height, width, 3]`.
        landmarks: float32 `[faces, 5, 2]`, of `FaceDetector`.
        size_px: Side of the crops.

    Returns:
        float32 `[faces, size_px, size_px, 3]`, whole numbers in [0, 255].
    """
    return tf.map_fn(
        lambda points: _crop_face(image, points, size_px),
        landmarks,
        fn_output_signature=tf.TensorSpec((size_px, size_px, 3), tf.float32),
    )


def _crop_face(image: tf.Tensor, landmarks: tf.Tensor, size_px: int) -> tf.Tensor:
    center, side, cos, sin = _face_square(landmarks)
    part, offset = _cut_out(image, center, side)
    center -= offset
    scale = size_px / side
    # As there: a strong reduction is made by areas.
    shape = tf.shape(part)[:2]
    reduction = scale / faces.SMALLEST_WARP_SCALE
    wanted = tf.maximum(tf.round(reduction * tf.cast(shape, tf.float32)), 1)
    small = tf.cond(
        reduction < 1,
        lambda: tf.round(
            tf.image.resize(part, tf.cast(wanted, tf.int32), tf.image.ResizeMethod.AREA)
        ),
        lambda: tf.cast(part, tf.float32),
    )
    # In whole pixels, so not quite what was wanted, in x and y.
    shrunk = tf.cast(tf.reverse(tf.shape(small)[:2] / shape, [0]), tf.float32)
    center = (center + 0.5) * shrunk - 0.5
    # From a pixel of the crop to one of the picture.
    turn = (shrunk / scale)[:, None] * tf.reshape([cos, -sin, sin, cos], (2, 2))
    shift = center - (size_px - 1) / 2 * tf.reduce_sum(turn, axis=1)
    return tf.round(_warp(small, turn, shift, size_px))


def _warp(image: tf.Tensor, turn: tf.Tensor, shift: tf.Tensor, size_px: int) -> tf.Tensor:
    """Takes each pixel `p` of a square from `turn p + shift`, bilinearly; beyond, from the border.

    `ImageProjectiveTransformV3` does the same, and takes twice as long.

    Args:
        image: float32 `[height, width, 3]`.
        turn: float32 `[2, 2]`; positions are x, y.
        shift: float32 `[2]`.
        size_px: Side of the square.
    """
    steps = tf.range(size_px, dtype=tf.float32)
    columns, rows = turn[:, :1] * steps + shift[:, None], turn[:, 1:] * steps
    last = tf.reverse(tf.shape(image)[:2] - 1, [0])
    places = tf.clip_by_value(
        rows[:, :, None] + columns[:, None], 0.0, tf.cast(last, tf.float32)[:, None, None]
    )
    first = tf.floor(places)
    # For each channel: as a product, because to broadcast is slow.
    parts = tf.matmul(tf.reshape(places - first, (-1, 1)), tf.ones((1, 3)))
    across, down = tf.unstack(tf.reshape(parts, (2, size_px, size_px, 3)))
    left, top = tf.unstack(tf.cast(first, tf.int32))
    right, bottom = tf.minimum(left + 1, last[0]), tf.minimum(top + 1, last[1])
    pixels = tf.reshape(image, (-1, 3))

    def mix(row: tf.Tensor) -> tf.Tensor:
        start = row * (last[0] + 1)
        before = tf.gather(pixels, start + left)
        return before + (tf.gather(pixels, start + right) - before) * across

    above = mix(top)
    return above + (mix(bottom) - above) * down


def _face_square(landmarks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """`tfds_builders.faces.face_square` with the default margin: centre, side, cosine and sine."""
    left_eye, right_eye, _, mouth_left, mouth_right = tf.unstack(landmarks)
    eyes, mouth = (left_eye + right_eye) / 2, (mouth_left + mouth_right) / 2
    across, down = right_eye - left_eye, mouth - eyes
    width, height = tf.norm(across), tf.norm(down)
    size = tf.maximum(faces.SIZE_BY_EYES * width, faces.SIZE_BY_MOUTH * height)
    side = tf.maximum(size, faces.SMALLEST_SIZE_PX) * (1 + faces.CROP_MARGIN)
    angle = tf.atan2(across[1], across[0])
    return eyes + faces.CENTER_TO_MOUTH * down, side, tf.cos(angle), tf.sin(angle)


def _cut_out(image: tf.Tensor, center: tf.Tensor, side: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The part of an image that a turned square can touch, and its corner, float32 (x, y)."""
    size = tf.cast(tf.reverse(tf.shape(image)[:2], [0]), tf.float32)
    # Half the diagonal, and what interpolation may touch around it, before or after a reduction.
    reach = side * (0.5 * 2**0.5 + 0.01) + 2
    first = tf.clip_by_value(tf.floor(center - reach), 0.0, size - 1)
    behind = tf.clip_by_value(tf.math.ceil(center + reach) + 1, first + 1, size)
    left, top = tf.unstack(tf.cast(first, tf.int32))
    right, bottom = tf.unstack(tf.cast(behind, tf.int32))
    return image[top:bottom, left:right], first
