"""MTCNN behind a proposal network of one pass, which spares three quarters of its time.

MTCNN looks at a pyramid of some ten sizes of a photo, twice, for squares that may hold a face. Here
one network proposes them from one canvas (a single-shot detector without landmarks: Liu et al.
2016, ECCV; its layout is ours), and MTCNN's own refinement and output networks decide and place the
landmarks. Where they find nobody, MTCNN itself looks for large faces. `single_shot.md` says what
taught it.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from tfds_builders import faces, mtcnn
from tfds_builders.onnx_runtime import open_session

WEIGHTS_FILE = pathlib.Path(__file__).with_name('single_shot.npz')
# What the proposal network sees; small faces are cut from it, too.
CANVAS_PX = faces.SEARCH_SIDES_PX[1]
# Cells of its three outputs, in pixels. A side of a box is given as a multiple of `CELL_SIDES`.
STRIDES_PX, CELL_SIDES = (8, 16, 32), 4
# The networks behind decide. Chosen on photographs that taught it: lower scores find no more faces
# and take longer, higher ones find fewer.
PROPOSAL_SCORE, OVERLAP, MOST_PROPOSALS = 0.3, 0.6, 64
PROPOSAL_LOGIT = float(np.log(PROPOSAL_SCORE / (1 - PROPOSAL_SCORE)))
# What the network sees is the difference from grey in this unit.
_GREY, _CONTRAST = 128, 64
# A face of this share of the canvas is cut from one of half the side: the networks behind see few
# pixels.
LARGE_FACE = 0.2
# Of the longer side, where small faces are not wanted.
SMALLEST_LARGE_FACE = 1 / 11


class Layer(NamedTuple):
    """A convolution with 'same' padding, and what it reads.

    Attributes:
        name: Of the layer; its weights are `NAME/kernel` and `NAME/bias`.
        source: The layer or `image` that it reads.
        stride: In y and x.
        added: A layer of half the height and width that is enlarged and added afterwards.
        bends: Whether negative numbers become 0.

    >>> LAYERS[0].source, LAYERS[-1].bends
    ('image', False)
    """

    name: str
    source: str
    stride: int = 1
    added: str = ''
    bends: bool = True


LAYERS = (
    Layer('quarter', 'image', stride=4),
    Layer('quarter_2', 'quarter'),
    Layer('eighth', 'quarter_2', stride=2),
    Layer('eighth_2', 'eighth'),
    Layer('sixteenth', 'eighth_2', stride=2),
    Layer('sixteenth_2', 'sixteenth'),
    Layer('thirty_second', 'sixteenth_2', stride=2),
    Layer('thirty_second_2', 'thirty_second'),
    Layer('sixty_fourth', 'thirty_second_2', stride=2),
    Layer('sixty_fourth_2', 'sixty_fourth'),
    # From the coarse maps back to the fine ones: feature pyramid (Lin et al. 2017, CVPR).
    Layer('coarsest', 'sixty_fourth_2'),
    Layer('coarse', 'thirty_second_2', added='coarsest'),
    Layer('middle', 'sixteenth_2', added='coarse'),
    Layer('fine', 'eighth_2', added='middle'),
    Layer('fine_head', 'fine'),
    Layer('fine_boxes', 'fine_head', bends=False),
    Layer('middle_head', 'middle'),
    Layer('middle_boxes', 'middle_head', bends=False),
    Layer('coarse_head', 'coarse'),
    Layer('coarse_boxes', 'coarse_head', bends=False),
)
# float32 `[y, x, 4]` for each of `STRIDES_PX`: a logit, the middle of the box in x and y seen from
# that of the cell, in cells, and the logarithm of its side.
OUTPUTS = ('fine_boxes', 'middle_boxes', 'coarse_boxes')


class SingleShot:
    """Finds faces of all sizes; any number of threads may ask at a time.

    >>> SingleShot().find_all_faces([np.full((60, 90, 3), 200, np.uint8)])
    [[]]
    """

    def find_faces(self, images_rgb: Sequence[np.ndarray]) -> list[faces.Face | None]:
        """The largest face of each image, as `find_all_faces` finds it; None if there is none."""
        return [people[0] if people else None for people in self.find_all_faces(images_rgb)]

    def find_all_faces(
        self, images_rgb: Sequence[np.ndarray], *, small_faces: bool = True
    ) -> list[list[faces.Face]]:
        """Finds every face of each image, the largest first.

        Args:
            images_rgb: uint8 `[height, width, 3]` each, of any sizes.
            small_faces: Whether to look for faces below an 11th of the longer side, too, down to a
                25th.
        """
        find = functools.partial(_find, small_faces=small_faces)
        return list(mtcnn.in_threads(find, images_rgb))


def read_weights() -> Mapping[str, np.ndarray]:
    """float32 by name: `NAME/kernel` `[height, width, in, out]`, `NAME/bias` `[out]`."""
    with np.load(WEIGHTS_FILE) as file:
        return {name: file[name].astype(np.float32) for name in file.files}


def write_network(weights: Mapping[str, np.ndarray]) -> bytes:
    """From `image`, uint8 `[CANVAS_PX, CANVAS_PX, 3]`, to `OUTPUTS`, as an ONNX file."""
    # Here, because a mere import of this package should not load ONNX.
    from onnx import TensorProto

    from tfds_builders.mtcnn_networks import Graph

    graph = Graph()
    # As bytes as long as possible: to move them is a tenth of the time.
    x = graph.add('Transpose', 'image', perm=[2, 0, 1])
    x = graph.add('Unsqueeze', x, graph.constant(np.array([0])))
    rim = graph.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1]))
    x = graph.add('Pad', x, rim, graph.constant(np.array(_GREY, np.uint8)))
    made = {'image': graph.add('Cast', x, to=TensorProto.FLOAT)}
    for layer in LAYERS:
        kernel, bias = weights[f'{layer.name}/kernel'], weights[f'{layer.name}/bias']
        padding: dict[str, Any] = {'auto_pad': 'SAME_UPPER'}
        if layer.source == 'image':
            # It has its rim, so that the weights can hold the change of range.
            kernel, padding = kernel / _CONTRAST, {}
            bias = bias - kernel.sum(axis=(0, 1, 2)) * _GREY
        x = graph.convolve(made[layer.source], kernel, bias, strides=[layer.stride] * 2, **padding)
        x = graph.add('Relu', x) if layer.bends else x
        if layer.added:
            scales = graph.constant(np.array([1.0, 1, 2, 2]))
            enlarged = graph.add(
                'Resize', made[layer.added], '', scales, mode='nearest',
                coordinate_transformation_mode='asymmetric', nearest_mode='floor',
            )  # fmt: skip
            x = graph.add('Add', x, enlarged)
        made[layer.name] = x
    outputs = []
    for name in OUTPUTS:
        x = graph.add('Transpose', made[name], perm=[0, 2, 3, 1])
        outputs.append(graph.add('Squeeze', x, graph.constant(np.array([0]))))
    return graph.write({'image': [CANVAS_PX, CANVAS_PX, 3]}, *outputs, kind=TensorProto.UINT8)


@functools.cache
def _load() -> Any:
    return open_session(write_network(read_weights()), threads=1)


def _find(image_rgb: np.ndarray, *, small_faces: bool) -> list[faces.Face]:
    """The faces of one image, the largest first."""
    canvas, scale = faces.on_canvas(image_rgb, CANVAS_PX)
    boxes = propose(canvas)
    side = boxes[:, 2] - boxes[:, 0]
    if not small_faces:
        boxes, side = (v[side > SMALLEST_LARGE_FACE * CANVAS_PX] for v in (boxes, side))
    is_large = side > LARGE_FACE * CANVAS_PX
    found: list[faces.Face] = []
    if is_large.any():
        half = cv2.resize(canvas, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        found += _decide(half, scale / 2, boxes[is_large] / 2, image_rgb.shape)
    if not is_large.all():
        found += _decide(canvas, scale, boxes[~is_large], image_rgb.shape)
    if not found:
        # A large face that was not proposed, in profile say, in little time.
        return faces.search([image_rgb], faces.SEARCH_SIDES_PX[0])[0]
    return sorted(_apart(found), key=lambda face: -face.area)


def propose(canvas: np.ndarray) -> np.ndarray:
    """Squares that may hold a face, float32 `[n, 4]` in pixels of the canvas, the surest first.

    Args:
        canvas: uint8 `[CANVAS_PX, CANVAS_PX, 3]`, RGB.
    """
    outputs = _load().run(None, {'image': canvas})
    rows = np.concatenate(list(_boxes(outputs)))
    rows = rows[np.argsort(-rows[:, 4], kind='stable')[: mtcnn.MOST_PROPOSALS]]
    boxes = rows[:, :4]
    kept = mtcnn.unsuppressed(mtcnn.overlaps(boxes) > OVERLAP)[:MOST_PROPOSALS]
    proposed: np.ndarray = boxes[kept]
    return proposed


def _boxes(outputs: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Of each output the boxes that score enough, with their logits: float32 `[n, 5]`."""
    for cells, stride in zip(outputs, STRIDES_PX, strict=True):
        y, x = np.nonzero(cells[..., 0] > PROPOSAL_LOGIT)
        found = cells[y, x]
        middle = (np.stack([x, y], axis=1).astype(np.float32) + 0.5 + found[:, 1:3]) * stride
        half = np.exp(found[:, 3:]) * (CELL_SIDES * stride / 2)
        yield np.concatenate([middle - half, middle + half, found[:, :1]], axis=1)


def _decide(
    canvas: np.ndarray, scale: np.ndarray, boxes: np.ndarray, shape: tuple[int, ...]
) -> list[faces.Face]:
    """The faces that MTCNN finds in squares of a canvas, on an image of this scale and shape."""
    rows = mtcnn.decide(canvas, boxes.astype(np.float32))
    return [faces.to_face(row, scale, shape) for row in rows]


def _apart(found: Sequence[faces.Face]) -> list[faces.Face]:
    """Without the faces that a surer one covers: those of two canvases may be the same."""
    found = sorted(found, key=lambda face: -face.confidence)
    boxes = np.array([face.box for face in found], np.float32).reshape(-1, 4)
    covered = mtcnn.overlaps(boxes, of_smaller=True) > mtcnn.OVERLAP
    return [found[i] for i in mtcnn.unsuppressed(covered)]
