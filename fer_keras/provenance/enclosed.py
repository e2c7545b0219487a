"""What a TFLite or ONNX file says of itself: small files inside it.

A TFLite file has them in a ZIP archive behind the model, as the "associated files" of TFLite's own
metadata; an ONNX file as `metadata_props`, of which what is no text is in base64. Both are read
here without the packages that run such files.
"""

from __future__ import annotations

import base64
import io
import os
import pathlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence

from fer_keras.pretrained.names import is_portable
from fer_keras.provenance.names import FILE

# The class of each output, one a line, and the side of the input in pixels. `FILE` is the third.
LABELS, IMAGE_SIZE = 'labels.txt', 'image_size_px.txt'
_NAMES = (LABELS, IMAGE_SIZE, FILE)
# The numbers of the fields in `onnx.proto`: of `ModelProto`, and of `StringStringEntryProto`.
_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2
# Of the values of protocol buffers, by the kind of each, the bytes that have no length before them.
_VARINT, _WITH_LENGTH, _FIXED_BYTES = 0, 2, {1: 8, 5: 4}


def describe(names: Sequence[str], image_size_px: int, record: bytes = b'') -> dict[str, bytes]:
    """The files to enclose.

    Args:
        names: Of the classes, in the order of the probabilities.
        image_size_px: Side of the input.
        record: `TrainingRecord.to_bytes`; empty: it is not recorded who taught the model.

    >>> describe(['sad', 'happy'], 96)
    {'labels.txt': b'sad\\nhappy\\n', 'image_size_px.txt': b'96'}
    """
    labels = ''.join(f'{name}\n' for name in names).encode()
    files = {LABELS: labels, IMAGE_SIZE: str(image_size_px).encode()}
    return files | ({FILE: record} if record else {})


def add_to_tflite(model: bytes, files: Mapping[str, bytes]) -> bytes:
    """The TFLite file with these files behind it."""
    content = io.BytesIO(model)
    with zipfile.ZipFile(content, 'a') as archive:
        for name, data in files.items():
            # Without the time of day, so that the same model makes the same file.
            archive.writestr(zipfile.ZipInfo(name), data)
    return content.getvalue()


def as_properties(files: Mapping[str, bytes]) -> dict[str, str]:
    """The files as `metadata_props` of an ONNX file."""
    return {
        name: (data if name.endswith('.txt') else base64.b64encode(data)).decode()
        for name, data in files.items()
    }


def read_enclosed(model: str | os.PathLike[str]) -> dict[str, bytes]:
    """The files inside a TFLite or ONNX file; none in one of somebody else, or a damaged one."""
    path = pathlib.Path(model)
    try:
        if not is_portable(path):
            return {}
        if path.suffix.lower() == '.tflite':
            with zipfile.ZipFile(path) as archive:
                there = archive.namelist()
                return {name: archive.read(name) for name in _NAMES if name in there}
        return _read_properties(path)
    except (zipfile.BadZipFile, zlib.error, ValueError, LookupError, OSError, RuntimeError):
        return {}


def _read_properties(path: pathlib.Path) -> dict[str, bytes]:
    found = {}
    for number, entry in _fields(memoryview(path.read_bytes())):
        if number != _METADATA_PROPS:
            continue
        values = {inner: bytes(value) for inner, value in _fields(entry)}
        name, value = values[_KEY].decode(), values.get(_VALUE, b'')
        if name in _NAMES:
            is_text = name.endswith('.txt')
            found[name] = value if is_text else base64.b64decode(value, validate=True)
    return found


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The number and content of each field that has a length, of a message of protocol buffers."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = divmod(key, 8)
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _WITH_LENGTH:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise ValueError('The message is cut off.')
            yield number, message[at : at + length]
            at += length
        elif kind in _FIXED_BYTES:
            at += _FIXED_BYTES[kind]
        else:
            raise ValueError(f'No message has values of kind {kind}.')


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
