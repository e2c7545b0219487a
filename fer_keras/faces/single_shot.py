"""`tfds_builders.single_shot` as a TensorFlow graph, for servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
        large, small = tf.boolean_mask(boxes, is_large), tf.boolean_mask(boxes, ~is_large)

        def look_at_large() -> Faces:
            # As OpenCV rounds.
            half = tf.floor(tf.nn.avg_pool2d(canvas[None], 2, 2, 'VALID')[0] + 0.5)
            return self._mtcnn.decide(half, large / 2).on_image(image, scale / 2)

        def look_at_small() -> Faces:
            return self._mtcnn.decide(canvas, small).on_image(image, scale)

        parts = _if_any(large, look_at_large), _if_any(small, look_at_small)
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
                # Each cell four times.
                x += tf.raw_ops.ResizeNearestNeighbor(images=made[layer.added], size=x.shape[1:3])
            made[layer.name] = x
        return [made[name][0] for name in single_shot.OUTPUTS]


def _if_any(boxes: tf.Tensor, look: Callable[[], Faces]) -> Faces:
    """What a function finds where there are boxes; nobody where there are none."""

    def find_none() -> Faces:
        return Faces(tf.zeros((0, 4)), tf.zeros((0, 5, 2)), tf.zeros((0,)))

    return tf.cond(tf.shape(boxes)[0] > 0, look, find_none)


def _boxes(cells: tf.Tensor, stride_px: int) -> tf.Tensor:
    """The boxes that score enough, with their logits: float32 `[n, 5]`."""
    places = tf.where(cells[..., 0] > single_shot.PROPOSAL_LOGIT)
    found = tf.gather_nd(cells, places)
    middle = (tf.cast(places[:, ::-1], tf.float32) + 0.5 + found[:, 1:3]) * stride_px
    half = tf.exp(found[:, 3:]) * (single_shot.CELL_SIDES * stride_px / 2)
    return tf.concat([middle - half, middle + half, found[:, :1]], axis=1)
