"""Runs a SavedModel through TensorFlow's C API, as TF Serving does: without TensorFlow in Python.

It needs the library of the package `tensorflow`, whose Python code takes seconds to load and more
memory than a model does. As a program, `python -I c_api.py SAVED_MODEL < requests.json`, it is the
proof that none of that code is needed: the requests are `{"signature": "serving_default",
"output": "probabilities", "batches": [["base64", ...], ...]}`, where a batch may also be
`{"shape": [...], "pixels": "base64"}`, and the answers, in the same order, `{"values": [[...],
...]}`, all axes but the first as one, or `{"error": "..."}`.
"""

from __future__ import annotations

import base64
import ctypes
import importlib.util
import json
import os
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet

_LIBRARIES = ('libtensorflow_cc.so.2', 'libtensorflow_cc.2.dylib')
# tensorflow/c/tf_datatype.h and tf_tstring.h
_NUMBERS = {1: np.float32, 3: np.int32, 4: np.uint8, 9: np.int64}
_STRING, _STRING_BYTES = 7, 24
# Numbers of fields in tensorflow/core/protobuf/meta_graph.proto.
_SIGNATURES, _KEY, _VALUE, _INPUTS, _OUTPUTS, _TENSOR_NAME = 5, 1, 2, 1, 2, 1
Library = ctypes.CDLL


class Signature(NamedTuple):
    """The tensors of a signature in its graph, by what the signature calls them.

    >>> Signature({'images': 'images:0'}, {'probabilities': 'StatefulPartitionedCall:2'}).inputs
    {'images': 'images:0'}
    """

    inputs: dict[str, str]
    outputs: dict[str, str]


class _Buffer(ctypes.Structure):
    """`TF_Buffer`."""

    _fields_ = (
        ('data', ctypes.c_void_p),
        ('length', ctypes.c_size_t),
        ('deallocator', ctypes.c_void_p),
    )


class _Output(ctypes.Structure):
    """`TF_Output`: one output of an operation."""

    _fields_ = (('operation', ctypes.c_void_p), ('index', ctypes.c_int))


class Session:
    """A SavedModel, which any number of threads may ask at a time.

    Attributes:
        signatures: By name.

    >>> Session(open_library(), 'no/such/folder')  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    RuntimeError: Could not find SavedModel .pb or .pbtxt at supplied export directory path: ...
    """

    def __init__(self, library: Library, saved_model: str) -> None:
        """Loads it.

        Args:
            library: From `open_library`.
            saved_model: The folder of a version.

        Raises:
            RuntimeError: It is no SavedModel; TensorFlow's message.
        """
        self._tf = library
        self._graph = self._tf.TF_NewGraph()
        tags = (ctypes.c_char_p * 1)(b'serve')
        options = self._tf.TF_NewSessionOptions()
        described = self._tf.TF_NewBuffer()
        try:
            session = self._call(
                self._tf.TF_LoadSessionFromSavedModel,
                options, None, os.fsencode(saved_model), tags, 1, self._graph, described,
            )  # fmt: skip
            content = ctypes.string_at(described.contents.data, described.contents.length)
        except RuntimeError:
            self._tf.TF_DeleteGraph(self._graph)
            raise
        finally:
            self._tf.TF_DeleteSessionOptions(options)
            self._tf.TF_DeleteBuffer(described)
        self._session = session
        weakref.finalize(self, _close, self._tf, session, self._graph)
        self.signatures = dict(_read_signatures(content))

    def run(self, name: str, batch: Sequence[bytes] | np.ndarray, *outputs: str) -> list[Any]:
        """Asks a signature.

        Args:
            name: Of a signature with one input.
            batch: What it takes: files, or an array of its type.
            outputs: Some of its outputs.

        Returns:
            An array for each of them; strings as objects of type bytes.

        Raises:
            RuntimeError: TensorFlow's message.
            KeyError: There is no such signature or output.
        """
        signature = self.signatures[name]
        (taken,) = signature.inputs.values()
        fetched = [self._find(signature.outputs[output]) for output in outputs]
        found = (ctypes.c_void_p * len(outputs))()
        given = (ctypes.c_void_p * 1)(self._to_tensor(batch))
        try:
            self._call(
                self._tf.TF_SessionRun,
                self._session, None, (_Output * 1)(self._find(taken)), given, 1,
                (_Output * len(outputs))(*fetched), found, len(outputs), None, 0, None,
            )  # fmt: skip
            return [self._to_array(tensor) for tensor in found]
        finally:
            for tensor in (*given, *found):
                self._tf.TF_DeleteTensor(tensor)

    def _to_tensor(self, batch: Sequence[bytes] | np.ndarray) -> int:
        if not isinstance(batch, np.ndarray):
            return self._to_strings(batch)
        (kind,) = (kind for kind, dtype in _NUMBERS.items() if dtype == batch.dtype)
        values = np.ascontiguousarray(batch)
        shape = (ctypes.c_int64 * values.ndim)(*values.shape)
        tensor: int = self._tf.TF_AllocateTensor(kind, shape, values.ndim, values.nbytes)
        ctypes.memmove(self._tf.TF_TensorData(tensor), values.ctypes.data, values.nbytes)
        return tensor

    def _to_strings(self, files: Sequence[bytes]) -> int:
        shape, size = (ctypes.c_int64 * 1)(len(files)), _STRING_BYTES * len(files)
        tensor: int = self._tf.TF_AllocateTensor(_STRING, shape, 1, size)
        start = self._tf.TF_TensorData(tensor)
        for position, data in enumerate(files):
            string = start + _STRING_BYTES * position
            self._tf.TF_StringInit(string)
            self._tf.TF_StringCopy(string, data, len(data))
        return tensor

    def _to_array(self, tensor: int | None) -> np.ndarray:
        shape = [self._tf.TF_Dim(tensor, i) for i in range(self._tf.TF_NumDims(tensor))]
        kind, start = self._tf.TF_TensorType(tensor), self._tf.TF_TensorData(tensor)
        if kind != _STRING:
            content = ctypes.string_at(start, self._tf.TF_TensorByteSize(tensor))
            return np.frombuffer(bytearray(content), _NUMBERS[kind]).reshape(shape)
        strings = np.empty(shape, object)
        for position in range(strings.size):
            one = start + _STRING_BYTES * position
            size = self._tf.TF_StringGetSize(one)
            data = self._tf.TF_StringGetDataPointer(one)
            strings.flat[position] = ctypes.string_at(data, size)
        return strings

    def _find(self, name: str) -> _Output:
        operation, _, index = name.partition(':')
        found = self._tf.TF_GraphOperationByName(self._graph, operation.encode())
        if not found:
            raise RuntimeError(f'There is no operation {operation!r} in the graph.')
        return _Output(found, int(index))

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls what takes a status last, and raises what that says."""
        status = self._tf.TF_NewStatus()
        try:
            result = function(*arguments, status)
            if self._tf.TF_GetCode(status):
                raise RuntimeError(self._tf.TF_Message(status).decode(errors='replace'))
            return result
        finally:
            self._tf.TF_DeleteStatus(status)


def open_library() -> Library | None:
    """TensorFlow's C library; None: there is none on this platform."""
    package = importlib.util.find_spec('tensorflow')
    folders = (package and package.submodule_search_locations) or ()
    paths = (os.path.join(folder, name) for folder in folders for name in _LIBRARIES)
    path = next((path for path in paths if os.path.isfile(path)), None)
    try:
        return _declare(ctypes.CDLL(path)) if path else None
    except OSError:
        return None


def _read_signatures(graph: bytes) -> Iterator[tuple[str, Signature]]:
    """Those of a `MetaGraphDef`, whose class is a part of TensorFlow's Python code."""
    for name, content in _read_map(graph, _SIGNATURES):
        inputs, outputs = (
            {key: _read(tensor, _TENSOR_NAME)[0].decode() for key, tensor in _read_map(content, i)}
            for i in (_INPUTS, _OUTPUTS)
        )
        yield name, Signature(inputs, outputs)


def _read_map(message: bytes, number: int) -> Iterator[tuple[str, bytes]]:
    for entry in _read(message, number):
        yield _read(entry, _KEY)[0].decode(), _read(entry, _VALUE)[0]


def _read(message: bytes, number: int) -> list[Any]:
    """The values of a field of a message of any kind."""
    fields = UnknownFieldSet(Empty.FromString(message))
    return [field.data for field in fields if field.field_number == number]


def _close(library: Library, session: int, graph: int) -> None:
    status = library.TF_NewStatus()
    library.TF_CloseSession(session, status)
    library.TF_DeleteSession(session, status)
    library.TF_DeleteGraph(graph)
    library.TF_DeleteStatus(status)


def _declare(library: Library) -> Library:
    """Gives the functions of tensorflow/c/c_api.h their types: by default all would be int."""
    pointer, integer, size, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p
    buffer = ctypes.POINTER(_Buffer)
    declarations: dict[str, tuple[Any, list[Any]]] = {
        'TF_NewBuffer': (buffer, []),
        'TF_DeleteBuffer': (None, [buffer]),
        'TF_NewGraph': (pointer, []),
        'TF_DeleteGraph': (None, [pointer]),
        'TF_NewStatus': (pointer, []),
        'TF_DeleteStatus': (None, [pointer]),
        'TF_GetCode': (integer, [pointer]),
        'TF_Message': (text, [pointer]),
        'TF_NewSessionOptions': (pointer, []),
        'TF_DeleteSessionOptions': (None, [pointer]),
        'TF_LoadSessionFromSavedModel': (
            pointer,
            [pointer, pointer, text, pointer, integer, pointer, buffer, pointer],
        ),
        'TF_CloseSession': (None, [pointer, pointer]),
        'TF_DeleteSession': (None, [pointer, pointer]),
        'TF_GraphOperationByName': (pointer, [pointer, text]),
        'TF_SessionRun': (
            None,
            [pointer] * 4 + [integer] + [pointer] * 2 + [integer, pointer, integer] + [pointer] * 2,
        ),
        'TF_AllocateTensor': (pointer, [integer, pointer, integer, size]),
        'TF_DeleteTensor': (None, [pointer]),
        'TF_TensorData': (pointer, [pointer]),
        'TF_TensorByteSize': (size, [pointer]),
        'TF_TensorType': (integer, [pointer]),
        'TF_NumDims': (integer, [pointer]),
        'TF_Dim': (ctypes.c_int64, [pointer, integer]),
        'TF_StringInit': (None, [pointer]),
        'TF_StringCopy': (None, [pointer, text, size]),
        'TF_StringGetSize': (size, [pointer]),
        'TF_StringGetDataPointer': (pointer, [pointer]),
    }
    for name, (result, arguments) in declarations.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _from_json(batch: Any) -> Sequence[bytes] | np.ndarray:
    if isinstance(batch, list):
        return [base64.b64decode(one) for one in batch]
    pixels = np.frombuffer(base64.b64decode(batch['pixels']), np.uint8)
    return pixels.reshape(batch['shape'])


def main() -> None:
    """Answers every batch; one that fails is an answer too."""
    library = open_library()
    if not library:
        raise RuntimeError('There is no C library of TensorFlow here.')
    session, requests = Session(library, sys.argv[1]), json.load(sys.stdin)
    answers: list[dict[str, Any]] = []
    for batch in requests['batches']:
        try:
            (found,) = session.run(requests['signature'], _from_json(batch), requests['output'])
            answers.append({'values': found.reshape(len(found), -1).tolist()})
        except RuntimeError as error:
            answers.append({'error': str(error)})
    if 'tensorflow' in sys.modules:
        raise RuntimeError('This process must not import tensorflow.')
    json.dump(answers, sys.stdout)


if __name__ == '__main__':
    main()
