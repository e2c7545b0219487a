"""Runs a SavedModel through TensorFlow's C API, as TF Serving does: without TensorFlow in Python.

A program of its own, since a process that imports `tensorflow` would prove nothing:
`python -I c_api.py LIBRARY SAVED_MODEL < requests.json > answers.json`, where the requests are
`{"input": "op:0", "output": "op:1", "batches": [["base64", ...], ...]}`, where a batch may also be
`{"shape": [...], "pixels": "base64"}`, and the answers, in the same order,
`{"values": [[...], ...]}` or `{"error": "..."}`.
"""

from __future__ import annotations

import base64
import ctypes
import json
import math
import sys
from collections.abc import Sequence
from typing import Any

# tensorflow/c/tf_datatype.h and tf_tstring.h
_FLOAT, _UINT8, _STRING = 1, 4, 7
_STRING_BYTES = 24


class Output(ctypes.Structure):
    """`TF_Output`: one output of an operation.

    >>> Output(None, 1).index
    1
    """

    _fields_ = (('operation', ctypes.c_void_p), ('index', ctypes.c_int))


class Session:
    """A SavedModel, loaded by `TF_LoadSessionFromSavedModel`.

    >>> Session('missing.so', 'runs/cross/saved_model/1')  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    OSError: missing.so: ...
    """

    def __init__(self, library: str, saved_model: str) -> None:
        self._tf = _declare(ctypes.CDLL(library))
        self._graph = self._tf.TF_NewGraph()
        self._status = self._tf.TF_NewStatus()
        tags = (ctypes.c_char_p * 1)(b'serve')
        options = self._tf.TF_NewSessionOptions()
        self._session = self._tf.TF_LoadSessionFromSavedModel(
            options, None, saved_model.encode(), tags, 1, self._graph, None, self._status
        )
        self._check()

    def run(self, input_name: str, batch: Any, output_name: str) -> list[list[float]]:
        """Feeds a batch and fetches float32 `[batch, ...]`, all axes but the first as one.

        Args:
            input_name: Of a tensor in the graph.
            batch: A batch of the requests, see above: files, or uint8 of any shape.
            output_name: Of a tensor in the graph.

        Raises:
            RuntimeError: TensorFlow's message.
        """
        fed, fetched = (ctypes.c_void_p * 1)(self._tensor(batch)), (ctypes.c_void_p * 1)()
        self._tf.TF_SessionRun(
            self._session, None, self._find(input_name), fed, 1,
            self._find(output_name), fetched, 1, None, 0, None, self._status,
        )  # fmt: skip
        self._tf.TF_DeleteTensor(fed[0])
        self._check()
        axes = range(self._tf.TF_NumDims(fetched[0]))
        rows, *others = (self._tf.TF_Dim(fetched[0], axis) for axis in axes)
        columns = math.prod(others)
        if self._tf.TF_TensorType(fetched[0]) != _FLOAT:
            raise RuntimeError(f'{output_name} must be float32.')
        data = self._tf.TF_TensorData(fetched[0])
        values = (
            list((ctypes.c_float * (rows * columns)).from_address(data)) if rows * columns else []
        )
        self._tf.TF_DeleteTensor(fetched[0])
        return [values[row * columns : (row + 1) * columns] for row in range(rows)]

    def _tensor(self, batch: Any) -> int:
        if isinstance(batch, list):
            return self._strings([base64.b64decode(one) for one in batch])
        pixels, axes = base64.b64decode(batch['pixels']), batch['shape']
        shape = (ctypes.c_int64 * len(axes))(*axes)
        tensor = self._tf.TF_AllocateTensor(_UINT8, shape, len(axes), len(pixels))
        ctypes.memmove(self._tf.TF_TensorData(tensor), pixels, len(pixels))
        return tensor

    def _strings(self, files: Sequence[bytes]) -> int:
        shape = (ctypes.c_int64 * 1)(len(files))
        size = _STRING_BYTES * len(files)
        tensor = self._tf.TF_AllocateTensor(_STRING, shape, 1, size)
        start = self._tf.TF_TensorData(tensor)
        for position, data in enumerate(files):
            string = start + _STRING_BYTES * position
            self._tf.TF_StringInit(string)
            self._tf.TF_StringCopy(string, data, len(data))
        return tensor

    def _find(self, name: str) -> Any:
        operation, _, index = name.partition(':')
        found = self._tf.TF_GraphOperationByName(self._graph, operation.encode())
        if not found:
            raise RuntimeError(f'There is no operation {operation!r} in the graph.')
        return ctypes.byref(Output(found, int(index)))

    def _check(self) -> None:
        if self._tf.TF_GetCode(self._status):
            raise RuntimeError(self._tf.TF_Message(self._status).decode())


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Gives the functions of tensorflow/c/c_api.h their types: by default all would be int."""
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    declarations: dict[str, tuple[Any, list[Any]]] = {
        'TF_NewGraph': (pointer, []),
        'TF_NewStatus': (pointer, []),
        'TF_NewSessionOptions': (pointer, []),
        'TF_GetCode': (integer, [pointer]),
        'TF_Message': (ctypes.c_char_p, [pointer]),
        'TF_LoadSessionFromSavedModel': (
            pointer,
            [pointer, pointer, ctypes.c_char_p, pointer, integer, pointer, pointer, pointer],
        ),
        'TF_GraphOperationByName': (pointer, [pointer, ctypes.c_char_p]),
        'TF_AllocateTensor': (pointer, [integer, pointer, integer, ctypes.c_size_t]),
        'TF_DeleteTensor': (None, [pointer]),
        'TF_TensorData': (pointer, [pointer]),
        'TF_NumDims': (integer, [pointer]),
        'TF_TensorType': (integer, [pointer]),
        'TF_Dim': (ctypes.c_int64, [pointer, integer]),
        'TF_StringInit': (None, [pointer]),
        'TF_StringCopy': (None, [pointer, ctypes.c_char_p, ctypes.c_size_t]),
        'TF_SessionRun': (
            None,
            [pointer] * 4 + [integer] + [pointer] * 2 + [integer, pointer, integer] + [pointer] * 2,
        ),
    }
    for name, (result, arguments) in declarations.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def main() -> None:
    """Answers every batch; one that fails is an answer too."""
    session, requests = Session(*sys.argv[1:3]), json.load(sys.stdin)
    answers: list[dict[str, Any]] = []
    for batch in requests['batches']:
        try:
            values = session.run(requests['input'], batch, requests['output'])
            answers.append({'values': values})
        except RuntimeError as error:
            answers.append({'error': str(error)})
    if 'tensorflow' in sys.modules:
        raise RuntimeError('This process must not import tensorflow.')
    json.dump(answers, sys.stdout)


if __name__ == '__main__':
    main()
