"""MTCNN as a TensorFlow graph: from a photo to its faces without Python.

The same as `tfds_builders.mtcnn`, for a server of TensorFlow, which can run nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from fer_keras.faces.networks import (
    cut_patches,
    load_networks,
    run_heads,
    run_proposal_net,
    run_trunk,
)
from tfds_builders import faces, mtcnn


class Faces(NamedTuple):
    """The faces of one image; positions are pixels from the top left corner.

    Attributes:
        boxes: float32 `[faces, 4]`: left, top, right and bottom.
        landmarks: float32 `[faces, 5, 2]`, as in `tfds_builders.faces.Face`.
        scores: float32 `[faces]`, in [0, 1].

    >>> both = Faces(tf.zeros((2, 4)), tf.zeros((2, 5, 2)), tf.constant([0.9, 0.8]))
    >>> both.at(tf.constant([1])).boxes.shape[0]
    1
    """

    boxes: tf.Tensor
    landmarks: tf.Tensor
    scores: tf.Tensor

    def at(self, indices: tf.Tensor) -> Faces:
        """The faces of these indices, int32 `[n]`."""
        return Faces(*(tf.gather(values, indices) for values in self))

    def on_image(self, image: tf.Tensor, scale: tf.Tensor) -> Faces:
        """From a canvas of this scale to the image, inside which boxes lie."""
        size = tf.cast(tf.reverse(tf.shape(image)[:2], [0]), tf.float32)
        corners = tf.reshape(self.boxes, (-1, 2, 2)) / scale
        boxes = tf.reshape(tf.clip_by_value(corners, 0.0, size), (-1, 4))
        return Faces(boxes, (self.landmarks + 0.5) / scale - 0.5, self.scores)


class FaceDetector:
    """Finds faces; its methods are traced into whatever function calls them.

    >>> wall = tf.fill((60, 90, 3), tf.constant(200, tf.uint8))
    >>> len(FaceDetector().find_all_faces(wall, small_faces=False).scores)
    0
    """

    def __init__(self) -> None:
        self._proposal_net, self._refinement_net, self._output_net = load_networks()
        # Traced once each, however often they are called: half the time and size of an export.
        image, boxes = tf.TensorSpec((None, None, 3)), tf.TensorSpec((None, 4))
        level = [image, tf.TensorSpec((), tf.int32)]
        self._propose_in = tf.function(self._propose_at, level, autograph=False)
        self._refine_in = tf.function(self._refine, [image, boxes], autograph=False)
        self._finish_in = tf.function(self._finish, [image, boxes], autograph=False)

    def find_all_faces(self, image: tf.Tensor, *, small_faces: bool = True) -> Faces:
        """Finds every face, the largest first; see `tfds_builders.faces.find_all_faces`.

        Args:
            image: uint8 `[height, width, 3]`, RGB.
            small_faces: As there.
        """
        small_side, large_side = faces.SEARCH_SIDES_PX
        if not small_faces:
            return self.search(image, small_side)
        crowd = self.search(image, large_side)

        def look_for_one() -> Faces:
            portrait = self.search(image, small_side)
            found_one = tf.shape(portrait.scores)[0] > 0
            first = portrait.at(tf.range(tf.minimum(tf.shape(portrait.scores)[0], 1)))
            return Faces(*tf.cond(found_one, lambda: tuple(first), lambda: tuple(crowd)))

        is_crowd = tf.shape(crowd.scores)[0] > 1
        return Faces(*tf.cond(is_crowd, lambda: tuple(crowd), lambda: tuple(look_for_one())))

    def search(self, image: tf.Tensor, side_px: int) -> Faces:
        """Searches the image on a canvas of `side_px`; positions are those of the image."""
        canvas, scale = on_canvas(image, side_px)
        found = self.detect(canvas).on_image(image, scale)
        size = found.boxes[:, 2:] - found.boxes[:, :2]
        by_area = tf.argsort(size[:, 0] * size[:, 1], direction='DESCENDING', stable=True)
        return found.at(by_area)

    def detect(self, canvas: tf.Tensor) -> Faces:
        """`mtcnn.MTCNN().detect_faces` with the rows of its output type `numpy`.

        Args:
            canvas: float32 `[side, side, 3]`, RGB in [0, 255]; the side is known when traced.

        Returns:
            The faces, the surest first; boxes lie inside the canvas.
        """
        return self.decide(canvas, self._propose((canvas - 127.5) / 128))

    def decide(self, canvas: tf.Tensor, boxes: tf.Tensor) -> Faces:
        """The faces in squares that may hold one.

        Args:
            canvas: As for `detect`.
            boxes: float32 `[n, 4]` in its pixels, the surest first.
        """
        normalized = (canvas - 127.5) / 128
        boxes, landmarks, scores = self._finish_in(normalized, self._refine_in(normalized, boxes))
        return Faces(tf.clip_by_value(boxes, 0.0, canvas.shape[0] - 1.0), landmarks, scores)

    def _propose(self, image: tf.Tensor) -> tf.Tensor:
        """Square boxes, float32 `[n, 4]`, that may hold a face, from a pyramid of the image."""
        scales = mtcnn.pyramid_scales(image.shape[0])
        parts = [self._propose_in(image, int(image.shape[0] * scale)) for scale in scales]
        cells, found = (tf.concat(values, axis=0) for values in zip(*parts, strict=True))
        level = tf.repeat(tf.range(len(parts)), [tf.shape(part[0])[0] for part in parts])
        scale = tf.gather(tf.constant(scales, tf.float32), level)[:, None]
        # The package counts as MATLAB does: the first of the twelve pixels of a cell is 1.
        first = tf.cast(mtcnn.STRIDE_PX * cells[:, 2:0:-1], tf.float32) + 1
        last = first + (mtcnn.CELL_PX - 1)
        shift = (mtcnn.CELL_PX - 1) * found[:, :4]
        boxes = (tf.concat([first, last], axis=1) + shift) / scale
        scores = tf.sigmoid(found[:, 4])
        # Scores of exactly 1 are common. Of equals the last comes first, as a rule there too.
        boxes, scores, level = (tf.reverse(values, [0]) for values in (boxes, scores, level))
        best = tf.math.top_k(scores, tf.minimum(tf.size(scores), mtcnn.MOST_PROPOSALS))
        boxes, level = tf.gather(boxes, best.indices), tf.gather(level, best.indices)
        # First each level of the pyramid by itself, then all together.
        overlap = overlaps(boxes)
        is_one_level = level[:, None] == level[None]
        kept = unsuppressed((overlap > mtcnn.SCALE_OVERLAP) & is_one_level)
        among = tf.gather(tf.gather(overlap, kept), kept, axis=1)
        kept = tf.gather(kept, unsuppressed(among > mtcnn.OVERLAP))
        return _squared(tf.gather(boxes, kept))

    def _propose_at(self, image: tf.Tensor, side_px: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Cells that may hold a face, from the image at one scale.

        Returns:
            int64 `[n, 3]`, of which the last two are y and x, and float32 `[n, 5]`: the shift of
            the cell's box, and the logit of its score.
        """
        level = tf.image.resize(image[None], (side_px, side_px), tf.image.ResizeMethod.AREA)
        found = run_proposal_net(self._proposal_net, level)
        cells = tf.where(found[..., 4] > mtcnn.PROPOSAL_LOGIT)
        return cells, tf.gather_nd(found, cells)

    def _refine(self, image: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
        net = self._refinement_net
        features = run_trunk(net, cut_patches(image, boxes, 24), 'SAME', 'VALID')
        shift, logits = run_heads(net[-4:], features, tf.shape(boxes)[0])
        boxes, scores = _shifted(boxes, shift), tf.nn.softmax(logits)[:, 1]
        kept = _by_score(scores, mtcnn.REFINED_SCORE)
        boxes = tf.gather(boxes, kept)
        return _squared(tf.gather(boxes, unsuppressed(overlaps(boxes) > mtcnn.OVERLAP)))

    def _finish(self, image: tf.Tensor, boxes: tf.Tensor) -> Faces:
        net = self._output_net
        features = run_trunk(net, cut_patches(image, boxes, 48), 'SAME', 'VALID', 'SAME')
        shift, points, logits = run_heads(net[-6:], features, tf.shape(boxes)[0])
        # The package's landmarks lie one pixel up and left of where its boxes would put them.
        size = boxes[:, None, 2:] - boxes[:, None, :2] + 1
        points = tf.transpose(tf.reshape(points, (-1, 2, 5)), (0, 2, 1))
        landmarks = points * size + boxes[:, None, :2] - 1
        found = Faces(_shifted(boxes, shift), landmarks, tf.nn.softmax(logits)[:, 1])
        found = found.at(_by_score(found.scores, mtcnn.FACE_SCORE))
        share = overlaps(found.boxes, of_smaller=True)
        return found.at(unsuppressed(share > mtcnn.OVERLAP))


def on_canvas(image: tf.Tensor, side_px: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The image in the top left corner of a grey square, as `tfds_builders.faces` does it.

    Args:
        image: uint8 `[height, width, 3]`.
        side_px: Side of the square.

    Returns:
        float32 `[side, side, 3]`, whole numbers, and the scale in x and y, float32 `[2]`.
    """
    shape = tf.cast(tf.shape(image)[:2], tf.float64)
    scale = side_px / tf.reduce_max(shape)
    size = tf.cast(tf.maximum(tf.round(shape * scale), 1), tf.int32)
    resized = tf.cond(
        scale < 1,
        lambda: tf.image.resize(image, size, tf.image.ResizeMethod.AREA),
        # As numbers of 32 bits: of 8 the operation takes one and a half times as long.
        lambda: tf.image.resize(tf.cast(image, tf.float32), size),
    )
    padding = [[0, side_px - size[0]], [0, side_px - size[1]], [0, 0]]
    canvas = tf.pad(tf.round(resized), padding, constant_values=faces.CANVAS_GREY)
    exact_scale = tf.cast(tf.cast(size, tf.float64) / shape, tf.float32)
    return tf.ensure_shape(canvas, (side_px, side_px, 3)), exact_scale[::-1]


def _shifted(boxes: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    size = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes + shift * tf.tile(size, (1, 2))


def _squared(boxes: tf.Tensor) -> tf.Tensor:
    size = boxes[:, 2:] - boxes[:, :2]
    side = tf.reduce_max(size, axis=1, keepdims=True)
    corner = boxes[:, :2] + 0.5 * (size - side)
    return tf.concat([corner, corner + side], axis=1)


def _by_score(scores: tf.Tensor, threshold: float) -> tf.Tensor:
    """The indices of what scores higher than the threshold, the highest first."""
    above = tf.reduce_sum(tf.cast(scores > threshold, tf.int32))
    return tf.math.top_k(scores, above).indices


def overlaps(boxes: tf.Tensor, *, of_smaller: bool = False) -> tf.Tensor:
    """Intersection over union, or over the smaller area, of each pair: float32 `[n, n]`."""
    first, last = tf.split(boxes, 2, axis=1)
    left_top = tf.maximum(first[:, None], first)
    right_bottom = tf.minimum(last[:, None], last)
    inside = tf.reduce_prod(tf.maximum(right_bottom - left_top, 0.0), axis=-1)
    area = tf.reduce_prod(last - first, axis=-1)
    if of_smaller:
        return inside / tf.minimum(area[:, None], area)
    return inside / (area[:, None] + area - inside)


def unsuppressed(is_covered: tf.Tensor) -> tf.Tensor:
    """The indices of the boxes that no surer one covers, bool `[n, n]`, the surest first.

    Unlike the usual suppression, a box that is itself suppressed also suppresses: so the package.
    """
    by_surer = tf.linalg.set_diag(
        tf.linalg.band_part(is_covered, 0, -1), tf.zeros(tf.shape(is_covered)[:1], tf.bool)
    )
    return tf.where(~tf.reduce_any(by_surer, axis=0))[:, 0]
