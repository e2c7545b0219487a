"""What a TFLite or ONNX file says of itself: small files inside it.

A TFLite file has them in a ZIP archive behind the model, as the "associated files" of TFLite's own
metadata; an ONNX file as `metadata_props`, of which what is no text is in base64.
"""

from __future__ import annotations

import base64
import io
import os
import pathlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence

from fer_keras.pretrained.names import is_portable
from fer_keras.provenance.names import FILE

# The class of each output, one a line, and the side of the input in pixels. `FILE` is the third.
LABELS, IMAGE_SIZE = 'labels.txt', 'image_size_px.txt'
_NAMES = (LABELS, IMAGE_SIZE, FILE)


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
    # Here: only ONNX files need it.
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise ValueError(f'{path} is no ONNX file.') from error
    return {
        one.key: one.value.encode()
        if one.key.endswith('.txt')
        else base64.b64decode(one.value, validate=True)
        for one in model.metadata_props
        if one.key in _NAMES
    }
