"""An ONNX file with the inputs and outputs of YuNet, whose faces are red squares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

# Of a face of one cell, in cells from its left top corner: eyes, nose, corners of the mouth.
LANDMARKS = ((0.25, 0.3), (0.75, 0.3), (0.5, 0.5), (0.3, 0.8), (0.7, 0.8))
CELL_PX = 32
_CHANNELS = {'cls': 1, 'obj': 1, 'bbox': 4, 'kps': 10}
_BLUE, _GREEN, _RED = range(3)


def write_tiny_yunet(path: Path, *, red: float = 1.0) -> str:
    """Writes a network that finds a face in each cell of 32 px that is wholly red.

    A face is as large as its cell, and twice as large, around the same middle, where the cell is
    yellow. OpenCV gives its networks blue first.

    Args:
        path: The file.
        red: Weight of the red; another one makes another file, and with 0 there are no faces.

    Returns:
        `yunet:FILE`.
    """
    nodes, constants, outputs = [], [], []
    for stride in (8, 16, CELL_PX):
        options = {'kernel_shape': [stride] * 2, 'strides': [stride] * 2}
        nodes.append(helper.make_node('AveragePool', ['input'], [f'mean_{stride}'], **options))
        for kind, channels in _CHANNELS.items():
            name = f'{kind}_{stride}'
            weight, bias = _kernel(kind, red if stride == CELL_PX else 0)
            shape = np.array([1, -1, channels], np.int64)
            constants += [
                numpy_helper.from_array(value, f'{name}_{what}')
                for what, value in (('weight', weight), ('bias', bias), ('shape', shape))
            ]
            inputs = [f'mean_{stride}', f'{name}_weight', f'{name}_bias']
            nodes += [
                helper.make_node('Conv', inputs, [f'{name}_map'], kernel_shape=[1, 1]),
                helper.make_node('Transpose', [f'{name}_map'], [f'{name}_last'], perm=[0, 2, 3, 1]),
                helper.make_node('Reshape', [f'{name}_last', f'{name}_shape'], [name]),
            ]
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape_of(kind)))
    write_network(path, nodes, outputs, constants)
    return f'yunet:{path}'


def write_network(path: Path, nodes: list, outputs: list, constants: list) -> None:
    """Writes a network from `input`, a batch of one picture of any size."""
    shape = [1, 3, 'height', 'width']
    picture = helper.make_tensor_value_info('input', TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, 'tiny', [picture], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)])
    model.ir_version = 8
    path.write_bytes(model.SerializeToString())


def shape_of(kind: str) -> list:
    """Of an output: a row an anchor."""
    return [1, 'anchors', _CHANNELS[kind]]


def _kernel(kind: str, red: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights `[channels, 3, 1, 1]` and biases `[channels]` from the mean colour of a cell."""
    weight = np.zeros((_CHANNELS[kind], 3, 1, 1), np.float32)
    bias = np.zeros(_CHANNELS[kind], np.float32)
    if kind in ('cls', 'obj'):
        weight[0, _RED] = red / 255
        weight[0, _BLUE] = -red / 255
    elif kind == 'bbox':
        bias[:2] = 0.5  # Of the middle; width and height are logarithms.
        weight[2:, _GREEN] = np.log(2) / 255
    else:
        bias[:] = np.ravel(LANDMARKS)
    return weight, bias
