"""The three networks of MTCNN as ONNX graphs, with the weights of the package `mtcnn`.

All take images as they are, [0, 255]. What the graphs compute is what the package does, in an order
that ONNX Runtime has fast kernels for: a PReLU of its own would be slower than its convolutions.
Reference: Zhang et al. 2016, IEEE Signal Processing Letters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tfds_builders.mtcnn_weights import read_weights

# Sides of what the refinement and the output network see, in pixels.
REFINED_PX, OUTPUT_PX = 24, 48
_GREY, _CONTRAST = 127.5, 128.0


def write_proposal_net() -> bytes:
    """From `image` `[height, width, 3]` to `[5, y, x]`: the shift of a cell's box, and a logit."""
    net = read_weights('pnet')
    graph = Graph()
    x = graph.add('Transpose', 'image', perm=[2, 0, 1])
    x = graph.add('Unsqueeze', x, graph.constant(np.array([0])))
    # The convolution has no rim, so that its weights can hold the change of range.
    kernel, bias, slope = net[:3]
    bias = bias - kernel.sum(axis=(0, 1, 2)) * (_GREY / _CONTRAST)
    x, order = graph.convolve_and_pool(x, (kernel / _CONTRAST, bias, slope), 2, 'SAME_UPPER')
    x = graph.convolve(x, net[3][:, :, order], *net[4:6])
    x = graph.convolve(x, *net[6:9])
    (shift, shift_bias), (score, score_bias) = net[9:11], net[11:13]
    # Of the two outputs of a softmax only the difference counts.
    kernel = np.concatenate([shift, score[..., 1:] - score[..., :1]], axis=-1)
    bias = np.concatenate([shift_bias, score_bias[1:] - score_bias[:1]])
    x = graph.convolve(x, kernel, bias)
    output = graph.add('Squeeze', x, graph.constant(np.array([0])))
    return graph.write({'image': ['height', 'width', 3]}, output)


def write_refinement_net() -> bytes:
    """From patches to `[n, 6]`: the shift of each box, and two logits; see `Graph.cut_patches`."""
    return _write_trunk('rnet', REFINED_PX, ('SAME_UPPER', 'VALID'))


def write_output_net() -> bytes:
    """From patches to `[n, 16]`: shift, five x and five y of the landmarks, two logits."""
    return _write_trunk('onet', OUTPUT_PX, ('SAME_UPPER', 'VALID', 'SAME_UPPER'))


def _write_trunk(name: str, size_px: int, pools: Sequence[str]) -> bytes:
    """Convolutions with these pools between them, then a dense layer, and one for all outputs."""
    net = read_weights(name)
    graph = Graph()
    x = graph.cut_patches(size_px)
    order = np.arange(3)
    for block, pool in enumerate(pools):
        kernel, bias, slope = net[3 * block : 3 * block + 3]
        width = 3 if block < 2 else 2
        x, order = graph.convolve_and_pool(x, (kernel[:, :, order], bias, slope), width, pool)
    kernel, bias, slope, dense, dense_bias, dense_slope = net[3 * len(pools) :][:6]
    x = graph.convolve(x, kernel[:, :, order], bias, slope)
    # The networks come from Caffe, whose maps are transposed: columns are flattened first.
    x = graph.add('Transpose', x, perm=[0, 3, 2, 1])
    x = graph.add('Reshape', x, graph.constant(np.array([-1, len(dense)])))
    x = graph.prelu(graph.multiply(x, dense, dense_bias), dense_slope)
    heads = net[3 * len(pools) + 6 :]
    kernel, bias = np.concatenate(heads[::2], axis=-1), np.concatenate(heads[1::2])
    inputs: dict[str, Sequence[str | int]] = {
        'image': [1, 3, 'height', 'width'],
        'boxes': ['n', 4],
        'inside_y': ['n', 1, size_px, 1],
        'inside_x': ['n', 1, 1, size_px],
    }
    return graph.write(inputs, graph.multiply(x, kernel, bias))


class Graph:
    """Operations with their constants; each method gives the name of what it computes.

    >>> graph = Graph()
    >>> graph.add('Relu', 'image')
    'Relu_0'
    """

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def constant(self, value: np.ndarray) -> str:
        """Whole numbers, bytes, or float32."""
        name = f'constant_{len(self._constants)}'
        kind = {'i': np.int64, 'u': np.uint8}.get(value.dtype.kind, np.float32)
        self._constants.append(
            numpy_helper.from_array(np.ascontiguousarray(value, dtype=kind), name)
        )
        return name

    def add(self, kind: str, *inputs: str, outputs: int = 1, **options: Any) -> str:
        """An operation of ONNX; of several outputs the name is that without `_0`, `_1`, ..."""
        name = f'{kind}_{len(self._nodes)}'
        names = [f'{name}_{number}' for number in range(outputs)] if outputs > 1 else [name]
        self._nodes.append(helper.make_node(kind, inputs, names, **options))
        return name

    def multiply(self, x: str, kernel: np.ndarray, bias: np.ndarray) -> str:
        """A dense layer."""
        return self.add('Add', self.add('MatMul', x, self.constant(kernel)), self.constant(bias))

    def convolve(
        self,
        x: str,
        kernel: np.ndarray,
        bias: np.ndarray,
        slope: np.ndarray | None = None,
        **options: Any,
    ) -> str:
        """A convolution of a kernel as TensorFlow has it, without a rim by default, and a PReLU."""
        weights = self.constant(kernel.transpose(3, 2, 0, 1)), self.constant(bias)
        x = self.add('Conv', x, *weights, **options)
        return x if slope is None else self.prelu(x, slope.reshape(-1, 1, 1))

    def prelu(self, x: str, slope: np.ndarray) -> str:
        """`slope * x + (1 - slope) * relu(x)`."""
        straight = self.add('Mul', x, self.constant(slope))
        bent = self.add('Mul', self.add('Relu', x), self.constant(1 - slope))
        return self.add('Add', straight, bent)

    def convolve_and_pool(
        self, x: str, layer: tuple[np.ndarray, np.ndarray, np.ndarray], width: int, pool: str
    ) -> tuple[str, np.ndarray]:
        """A convolution, a PReLU and a maximum over `width` pixels of every second one.

        The maximum goes first, for then the PReLU has a quarter of the pixels. Where its slope s is
        negative, it is `max(x, s * x)`, whose maximum is that of the maxima of both.

        Returns:
            The name, and the order in which the channels of the kernel are there.
        """
        kernel, bias, slope = layer
        slope = slope.ravel()
        order = np.argsort(slope >= 0, kind='stable')
        kernel, bias, slope = kernel[..., order], bias[order], slope[order]
        falling = int((slope < 0).sum())
        kernel = np.concatenate([kernel, kernel[..., :falling] * slope[:falling]], axis=-1)
        bias = np.concatenate([bias, bias[:falling] * slope[:falling]])
        x = self.convolve(x, kernel, bias)
        x = self.add('MaxPool', x, kernel_shape=[width] * 2, strides=[2, 2], auto_pad=pool)
        if not falling:
            return self.prelu(x, slope[:, None, None]), order
        sizes = self.constant(np.array([falling, len(slope) - falling, falling]))
        parts = self.add('Split', x, sizes, outputs=3, axis=1)
        first = self.add('Max', f'{parts}_0', f'{parts}_2')
        rest = self.prelu(f'{parts}_1', slope[falling:, None, None])
        return self.add('Concat', first, rest, axis=1), order

    def cut_patches(self, size_px: int) -> str:
        """Boxes of the image, resized, in [-1, 1]; `sampling` makes the three inputs for them."""
        count = self.add('Shape', 'boxes', start=0, end=1)
        first = self.add('Expand', self.constant(np.array([0])), count)
        x = self.add(
            'RoiAlign', 'image', 'boxes', first,
            output_height=size_px, output_width=size_px, sampling_ratio=1,
            coordinate_transformation_mode='output_half_pixel',
        )  # fmt: skip
        x = self.add('Sub', x, self.constant(np.array(_GREY)))
        x = self.add('Mul', x, self.constant(np.array(1 / _CONTRAST)))
        return self.add('Mul', self.add('Mul', x, 'inside_y'), 'inside_x')

    def write(
        self,
        inputs: Mapping[str, Sequence[str | int]],
        *outputs: str,
        kind: int = TensorProto.FLOAT,
    ) -> bytes:
        """The whole as the content of a file, which takes this kind and gives float32."""
        taken = [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()]
        given = [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, None) for output in outputs
        ]
        graph = helper.make_graph(self._nodes, 'mtcnn', taken, given, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 16)])
        model.ir_version = 8
        content: bytes = model.SerializeToString()
        return content


def sampling(boxes: np.ndarray, side_px: int, size_px: int) -> dict[str, np.ndarray]:
    """The inputs of a network that say where its patches lie.

    The pixels of a patch lie as `tf.image.crop_and_resize` has them, which the package calls: the
    first and the last are on the rim of the box, and those outside the image are grey.

    Args:
        boxes: float32 `[n, 4]`: left, top, right and bottom in pixels.
        side_px: Of the square image.
        size_px: Of a patch.

    Returns:
        `boxes`, `inside_x` and `inside_y`.
    """
    corners = boxes * np.float32((side_px - 1) / side_px)
    first, last = corners[:, :2], corners[:, 2:]
    step = (last - first) / (size_px - 1)
    start = first - step / 2
    position = first[:, None] + np.arange(size_px)[:, None] * step[:, None]
    is_inside = ((position >= 0) & (position <= side_px - 1)).astype(np.float32)
    return {
        'boxes': np.concatenate([start, start + size_px * step], axis=1).astype(np.float32),
        'inside_y': is_inside[:, None, :, None, 1],
        'inside_x': is_inside[:, None, None, :, 0],
    }
