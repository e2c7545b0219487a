"""MTCNN by ONNX Runtime: what the package `mtcnn` finds, without TensorFlow and in less time.

The networks, their weights and every rule between them are the package's (Zhang et al. 2016, IEEE
Signal Processing Letters); `fer_keras.faces.detector` is the same as a TensorFlow graph.
"""

from __future__ import annotations

import concurrent.futures
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np

from tfds_builders.onnx_runtime import count_threads, open_session

T = TypeVar('T')
R = TypeVar('R')
# The package's defaults.
SMALLEST_FACE_PX = 20
CELL_PX, STRIDE_PX = 12, 2
SCALE_FACTOR = 0.709
REFINED_SCORE, FACE_SCORE = 0.7, 0.8
PROPOSAL_LOGIT = float(np.log(0.6 / 0.4))  # A score of 0.6.
SCALE_OVERLAP, OVERLAP = 0.5, 0.7
# The package compares every proposal with every other, however many a photo of gravel gives. A
# server must be bounded: this many of the best are kept. Photos of people have a few hundred.
MOST_PROPOSALS = 2048
# Of a face: its image, box, score, the x of its landmarks and their y.
COLUMNS = 16


def detect_rows(canvases: Sequence[np.ndarray]) -> np.ndarray:
    """Finds the faces of canvases, as `mtcnn.MTCNN().detect_faces` with the output type `numpy`.

    Args:
        canvases: uint8 `[side, side, 3]` each, RGB.

    Returns:
        float64 `[faces, COLUMNS]`, the surest of each canvas first; boxes lie inside the canvas.

    Raises:
        ImportError: ONNX, its runtime or the package `mtcnn`, which has the weights, is missing.
    """
    found = in_threads(_load().detect, canvases)
    rows = [np.insert(faces, 0, number, axis=1) for number, faces in enumerate(found)]
    return np.concatenate([np.zeros((0, COLUMNS)), *rows])


def decide(canvas: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The faces in squares that may hold one.

    Args:
        canvas: uint8 `[side, side, 3]`, RGB.
        boxes: float32 `[n, 4]` in its pixels, the surest first.

    Returns:
        float32 `[faces, COLUMNS - 1]`: as from `detect_rows`, without the number of the image.
    """
    return _load().decide(canvas.astype(np.float32), boxes)


def in_threads(find: Callable[[T], R], images: Sequence[T]) -> Iterable[R]:
    """What is found in each image, in their order, in as many threads as `count_threads` says.

    The operations are too small for threads of their own, which would double the time.
    """
    threads = min(count_threads(), len(images))
    if threads < 2:
        return map(find, images)
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(find, images))


class _Networks(NamedTuple):
    """Sessions of ONNX Runtime, which any number of threads may ask."""

    proposal: Any
    refinement: Any
    output: Any

    def detect(self, canvas: np.ndarray) -> np.ndarray:
        """A row a face, float32, without the number of the image."""
        image = canvas.astype(np.float32)
        return self.decide(image, self._propose(image))

    def decide(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """The rows of the faces in some boxes of a canvas in float32."""
        planes = np.ascontiguousarray(image.transpose(2, 0, 1))[None]
        faces = self._finish(planes, self._refine(planes, boxes))
        faces[:, :4] = faces[:, :4].clip(0, len(image) - 1)
        return faces

    def _propose(self, image: np.ndarray) -> np.ndarray:
        """Square boxes, float32 `[n, 4]`, that may hold a face, from a pyramid of the image."""
        parts = []
        for level, scale in enumerate(pyramid_scales(len(image))):
            size = (int(len(image) * scale),) * 2
            reduced = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            (cells,) = self.proposal.run(None, {'image': reduced})
            y, x = np.nonzero(cells[4] > PROPOSAL_LOGIT)
            found = cells[:, y, x].T
            # The package counts as MATLAB does: the first of the twelve pixels of a cell is 1.
            first = STRIDE_PX * np.stack([x, y], axis=1).astype(np.float32) + 1
            corners = np.concatenate([first, first + (CELL_PX - 1)], axis=1)
            boxes = (corners + (CELL_PX - 1) * found[:, :4]) / np.float32(scale)
            levels = np.full((len(boxes), 1), level)
            parts.append(np.concatenate([boxes, _sigmoid(found[:, 4:]), levels], axis=1))
        # Scores of exactly 1 are common. Of equals the last comes first, as a rule there too.
        proposals = np.concatenate(parts)[::-1]
        proposals = proposals[np.argsort(-proposals[:, 4], kind='stable')[:MOST_PROPOSALS]]
        boxes, levels = proposals[:, :4].astype(np.float32), proposals[:, 5]
        # First each level of the pyramid by itself, then all together.
        overlap = overlaps(boxes)
        kept = unsuppressed((overlap > SCALE_OVERLAP) & (levels[:, None] == levels))
        kept = kept[unsuppressed(overlap[np.ix_(kept, kept)] > OVERLAP)]
        return _squared(boxes[kept])

    def _refine(self, planes: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        found = _ask(self.refinement, planes, boxes)
        boxes, scores = _shifted(boxes, found[:, :4]), _sigmoid(found[:, 5] - found[:, 4])
        boxes = boxes[_by_score(scores, REFINED_SCORE)]
        return _squared(boxes[unsuppressed(overlaps(boxes) > OVERLAP)])

    def _finish(self, planes: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        found = _ask(self.output, planes, boxes)
        scores = _sigmoid(found[:, 15] - found[:, 14])
        # The package's landmarks lie one pixel up and left of where its boxes would put them.
        size = boxes[:, 2:] - boxes[:, :2] + 1
        points = found[:, 4:14].reshape(-1, 2, 5) * size[..., None] + boxes[:, :2, None] - 1
        rows: np.ndarray = np.concatenate(
            [_shifted(boxes, found[:, :4]), scores[:, None], points.reshape(-1, 10)], axis=1
        )
        rows = rows[_by_score(scores, FACE_SCORE)]
        kept: np.ndarray = rows[unsuppressed(overlaps(rows[:, :4], of_smaller=True) > OVERLAP)]
        return kept


@functools.cache
def _load() -> _Networks:
    # Here, because a mere import of this package should not load ONNX.
    from tfds_builders import mtcnn_networks

    return _Networks(
        open_session(mtcnn_networks.write_proposal_net(), threads=1),
        open_session(mtcnn_networks.write_refinement_net(), threads=1),
        open_session(mtcnn_networks.write_output_net(), threads=1),
    )


def _ask(network: Any, planes: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    from tfds_builders.mtcnn_networks import sampling

    size_px = network.get_inputs()[2].shape[2]
    where = sampling(boxes, planes.shape[2], size_px)
    answers: np.ndarray = network.run(None, {'image': planes, **where})[0]
    return answers


def pyramid_scales(side_px: int) -> np.ndarray:
    """The scales at which a canvas is searched, as the package counts them."""
    levels = round(-(np.log(side_px / CELL_PX) / np.log(SCALE_FACTOR) + 1))
    scales: np.ndarray = CELL_PX / SMALLEST_FACE_PX * SCALE_FACTOR ** np.arange(levels)
    return scales


def overlaps(boxes: np.ndarray, *, of_smaller: bool = False) -> np.ndarray:
    """Intersection over union, or over the smaller area, of each pair: float32 `[n, n]`."""
    left_top = np.maximum(boxes[:, None, :2], boxes[:, :2])
    right_bottom = np.minimum(boxes[:, None, 2:], boxes[:, 2:])
    inside = np.maximum(right_bottom - left_top, 0).prod(axis=2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    whole = np.minimum(area[:, None], area) if of_smaller else area[:, None] + area - inside
    share: np.ndarray = inside / whole
    return share


def unsuppressed(is_covered: np.ndarray) -> np.ndarray:
    """The indices of the boxes that no surer one covers, bool `[n, n]`, the surest first.

    Unlike the usual suppression, a box that is itself suppressed also suppresses: so the package.
    """
    kept: np.ndarray = np.flatnonzero(~np.triu(is_covered, 1).any(axis=0))
    return kept


def _by_score(scores: np.ndarray, threshold: float) -> np.ndarray:
    """The indices of what scores higher than the threshold, the highest first."""
    order = np.argsort(-scores, kind='stable')
    above: np.ndarray = order[scores[order] > threshold]
    return above


def _shifted(boxes: np.ndarray, shift: np.ndarray) -> np.ndarray:
    moved: np.ndarray = boxes + shift * np.tile(boxes[:, 2:] - boxes[:, :2] + 1, (1, 2))
    return moved


def _squared(boxes: np.ndarray) -> np.ndarray:
    size = boxes[:, 2:] - boxes[:, :2]
    side = size.max(axis=1, keepdims=True, initial=0)
    corner = boxes[:, :2] + (size - side) / 2
    return np.concatenate([corner, corner + side], axis=1)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    with np.errstate(over='ignore'):
        scores: np.ndarray = 1 / (1 + np.exp(-logits))
    return scores
