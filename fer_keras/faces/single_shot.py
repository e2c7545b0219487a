"""`tfds_builders.single_shot` as a TensorFlow graph, for servers."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from fer_keras.faces.detector import FaceDetector, Faces, on_canvas, overlaps, unsuppressed
from tfds_builders import faces, mtcnn, single_shot


class SingleShotDetector:
    """Finds faces; its methods are traced into whatever function calls them.

    >>> wall = tf.fill((60, 90, 3), tf.constant(200, tf.uint8))
    >>> len(SingleShotDetector().find_all_faces(wall).scores)
    0
    """

    def __init__(self) -> None:
        self._weights = single_shot.read_weights()
        self._mtcnn = FaceDetector()
        side_px = single_shot.CANVAS_PX
        # Traced once each, however often they are called.
        canvas = tf.TensorSpec((side_px, side_px, 3))
        self._propose_in = tf.function(self._propose, [canvas], autograph=False)
        boxes = [tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((None, 2, 2))]
        self._decide_on = {
            side_px: tf.function(self._decider(side_px), boxes, autograph=False)
            for side_px in faces.SEARCH_SIDES_PX
        }

    def find_all_faces(self, image: tf.Tensor, *, small_faces: bool = True) -> Faces:
        """Finds every face, the largest first; see `single_shot.SingleShot.find_all_faces`.

        Args:
            image: uint8 `[height, width, 3]`, RGB.
            small_faces: As there.
        """
        canvas, scale = on_canvas(image, single_shot.CANVAS_PX)
        boxes = self._propose_in(canvas)
        side = boxes[:, 2] - boxes[:, 0]
        if not small_faces:
            is_large = side > single_shot.SMALLEST_LARGE_FACE * single_shot.CANVAS_PX
            boxes, side = (tf.boolean_mask(values, is_large) for values in (boxes, side))
        is_large = side > single_shot.LARGE_FACE * single_shot.CANVAS_PX
        parts = [
            self._decide_on[side_px](
                image, tf.reshape(tf.boolean_mask(boxes, is_there), (-1, 2, 2)) / scale
            )
            for side_px, is_there in zip(faces.SEARCH_SIDES_PX, (is_large, ~is_large), strict=True)
        ]
        found = Faces(*(tf.concat(values, axis=0) for values in zip(*parts, strict=True)))
        found = found.at(tf.argsort(found.scores, direction='DESCENDING', stable=True))
        # Those of two canvases may be the same.
        covered = overlaps(found.boxes, of_smaller=True) > mtcnn.OVERLAP
        found = found.at(unsuppressed(covered))
        size = found.boxes[:, 2:] - found.boxes[:, :2]
        by_area = tf.argsort(size[:, 0] * size[:, 1], direction='DESCENDING', stable=True)
        found = found.at(by_area)

        def look_again() -> tuple[tf.Tensor, ...]:
            return tuple(self._mtcnn.search(image, faces.SEARCH_SIDES_PX[0]))

        return Faces(*tf.cond(tf.size(found.scores) > 0, lambda: tuple(found), look_again))

    def _propose(self, canvas: tf.Tensor) -> tf.Tensor:
        rows = tf.concat(list(map(_boxes, self._run(canvas), single_shot.STRIDES_PX)), axis=0)
        order = tf.argsort(rows[:, 4], direction='DESCENDING', stable=True)
        boxes = tf.gather(rows, order[: mtcnn.MOST_PROPOSALS])[:, :4]
        kept = unsuppressed(overlaps(boxes) > single_shot.OVERLAP)
        return tf.gather(boxes, kept[: single_shot.MOST_PROPOSALS])

    def _run(self, canvas: tf.Tensor) -> Sequence[tf.Tensor]:
        made = {'image': (canvas[None] - 128) / 64}
        for layer in single_shot.LAYERS:
            kernel, bias = (self._weights[f'{layer.name}/{one}'] for one in ('kernel', 'bias'))
            x = tf.nn.conv2d(made[layer.source], kernel, layer.stride, 'SAME') + bias
            x = tf.nn.relu(x) if layer.bends else x
            if layer.added:
                x += tf.repeat(tf.repeat(made[layer.added], 2, axis=1), 2, axis=2)
            made[layer.name] = x
        return [made[name][0] for name in single_shot.OUTPUTS]

    def _decider(self, side_px: int) -> object:
        """From an image and corners in it to what MTCNN finds there, on a canvas of `side_px`."""

        def decide(image: tf.Tensor, corners: tf.Tensor) -> Faces:
            def find() -> tuple[tf.Tensor, ...]:
                canvas, scale = on_canvas(image, side_px)
                found = self._mtcnn.decide(canvas, tf.reshape(corners * scale, (-1, 4)))
                return tuple(found.on_image(image, scale))

            def find_none() -> tuple[tf.Tensor, ...]:
                return tf.zeros((0, 4)), tf.zeros((0, 5, 2)), tf.zeros((0,))

            return Faces(*tf.cond(tf.shape(corners)[0] > 0, find, find_none))

        return decide


def _boxes(cells: tf.Tensor, stride_px: int) -> tf.Tensor:
    """The boxes that score enough, with their logits: float32 `[n, 5]`."""
    places = tf.where(cells[..., 0] > single_shot.PROPOSAL_LOGIT)
    found = tf.gather_nd(cells, places)
    middle = (tf.cast(places[:, ::-1], tf.float32) + 0.5 + found[:, 1:3]) * stride_px
    half = tf.exp(found[:, 3:]) * (single_shot.CELL_SIDES * stride_px / 2)
    return tf.concat([middle - half, middle + half, found[:, :1]], axis=1)
