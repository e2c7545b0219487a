"""Loads the classifiers that need no TensorFlow: ONNX files, and TFLite files by LiteRT.

Both run on all the processors that the process may use, as TensorFlow does; the variable of the
environment `TF_NUM_INTRAOP_THREADS` says another number to all three.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import pathlib
import threading
import zipfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from fer_keras.errors import InvalidInputError
from fer_keras.inference.trained_files import Loaded, TrainedFiles
from fer_keras.provenance.enclosed import IMAGE_SIZE, LABELS, read_enclosed
from fer_keras.provenance.names import FILE
from fer_keras.provenance.record import TrainingRecord
from tfds_builders.onnx_runtime import count_threads, open_session
from tfds_builders.quiet import hold_stderr

if TYPE_CHECKING:
    import keras

_WEIGHTS_IN_KERAS_FILE = 'model.weights.h5'
# What a graph beside weights says of the file that they are in.
MODEL_HASH = 'model_sha256'
SIGNATURE, INPUT, OUTPUT = 'predict', 'image', 'probabilities'
Ask = Callable[[np.ndarray], np.ndarray]


class PortableFile(NamedTuple):
    """An opened file.

    Attributes:
        ask: From float32 `[n, size, size, 3]`, RGB in [0, 255], to float32 `[n, classes]`.
        names: Of the classes.
        image_size_px: Side of what it takes.
        record: Who taught it; None where that is not recorded.

    >>> PortableFile(lambda images: images[:, 0, 0, :2], ['sad', 'happy'], 32).image_size_px
    32
    """

    ask: Ask
    names: Sequence[str]
    image_size_px: int
    record: TrainingRecord | None = None


def load_portable(path: pathlib.Path) -> Loaded:
    """Loads an ONNX or TFLite file of `fer_keras.export`, to answer for crops of any size.

    Raises:
        InvalidInputError: It is damaged, of somebody else or of an earlier version, or what runs
            it is not installed.
    """
    file = open_portable(path)
    return Loaded(
        lambda crops: file.ask(resize_crops(crops, file.image_size_px)),
        file.names,
        record=file.record,
    )


def open_portable(path: str | os.PathLike[str]) -> PortableFile:
    """Opens the same, for images that have its size.

    Raises:
        InvalidInputError: As for `load_portable`.
    """
    path = pathlib.Path(path)
    enclosed = read_enclosed(path)
    if not {LABELS, IMAGE_SIZE} <= enclosed.keys():
        raise InvalidInputError(
            f'{path} must hold the names of its classes, as the files of `python -m '
            'fer_keras.export` do. Received: one of an earlier version, of somebody else, or a '
            'damaged one. Export it again: python -m fer_keras.export --run_dir=RUN '
            '--formats=tflite,onnx'
        )
    names = enclosed[LABELS].decode().splitlines()
    ask = _open_tflite(path) if path.suffix.lower() == '.tflite' else _open_onnx(path)
    record = TrainingRecord.from_bytes(enclosed[FILE], str(path)) if FILE in enclosed else None
    return PortableFile(ask, names, int(enclosed[IMAGE_SIZE]), record)


def load_graph(files: TrainedFiles, load_model: Callable[[], keras.Model]) -> Loaded:
    """Loads a classifier that has a graph beside its weights, to answer by ONNX Runtime.

    Args:
        files: Of a run folder with a `graph_file`.
        load_model: Gives the Keras model, for what needs more than answers.

    Raises:
        InvalidInputError: The graph or the weights are damaged, or not of each other.
        MissingFileError: The names of its classes are not there.
    """
    # Here: files that hold it all need neither.
    import h5py
    import onnx

    try:
        model = onnx.load(files.run_dir.graph_file)
        if hash_file(files.model_file) not in [one.value for one in model.metadata_props]:
            raise ValueError('the graph of another file')
        with zipfile.ZipFile(files.model_file) as whole:
            content = io.BytesIO(whole.read(_WEIGHTS_IN_KERAS_FILE))
        with h5py.File(content) as weights:
            for one in [one for one in model.graph.input if one.name != INPUT]:
                weight = weights[one.name][...].astype(np.float32)
                model.graph.initializer.append(onnx.numpy_helper.from_array(weight, one.name))
                model.graph.input.remove(one)
        session = open_session(model.SerializeToString())
    except Exception as error:  # Of four packages, some of whose classes have no public name.
        raise InvalidInputError(
            f'{files.run_dir.graph_file} must be the graph of {files.model_file}. Received: '
            f'{str(error)[:300]}'
        ) from error
    size = session.get_inputs()[0].shape[1]
    names = files.read_labels()

    def answer(crops: np.ndarray) -> np.ndarray:
        return session.run([OUTPUT], {INPUT: resize_crops(crops, size)})[0]

    return Loaded(answer, names, load_model, files.read_record())


def hash_file(path: str) -> str:
    """The SHA-256 of its content, in hexadecimal digits."""
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read()).hexdigest()


def resize_crops(crops: np.ndarray, image_size_px: int) -> np.ndarray:
    """`fer_keras.data.decoding.to_model_input` without TensorFlow.

    Pillow's filter is that of `tf.image.resize(antialias=True)`; results differ by at most 0.01
    before they are rounded, so that halves may be rounded otherwise.

    Args:
        crops: uint8 `[n, height, width, 3]`, RGB.
        image_size_px: Side of the result, pixels.

    Returns:
        float32 `[n, image_size_px, image_size_px, 3]`, whole numbers in [0, 255].
    """
    size = image_size_px, image_size_px
    resized = np.empty((len(crops), *size, 3), np.float32)
    for crop, result in zip(crops.astype(np.float32), resized, strict=True):
        for channel in range(3):
            # Not all three at once, as uint8: these are rounded between the two directions.
            plane = Image.fromarray(crop[..., channel])
            result[..., channel] = np.asarray(plane.resize(size, Image.Resampling.BILINEAR))
    return np.round(resized)


def _open_onnx(path: pathlib.Path) -> Ask:
    _import('onnxruntime', 'onnxruntime', path)
    try:
        session = open_session(path)
    except Exception as error:  # Its classes have no common one, and no public name.
        raise _damaged(path, error) from error
    (taken,) = session.get_inputs()
    return _in_parts(lambda images: session.run([OUTPUT], {INPUT: images})[0], taken.shape[0])


def _open_tflite(path: pathlib.Path) -> Ask:
    interpreters = _import('ai_edge_litert.interpreter', 'ai-edge-litert', path)
    try:
        with hold_stderr():  # It writes how it computes.
            interpreter = interpreters.Interpreter(str(path), num_threads=count_threads())
            interpreter.allocate_tensors()
            predict = interpreter.get_signature_runner(SIGNATURE)
    except (ValueError, RuntimeError) as error:
        raise _damaged(path, error) from error
    lock = threading.Lock()

    def ask(images: np.ndarray) -> np.ndarray:
        with lock:  # It has one place for its input and its output.
            return predict(**{INPUT: images})[OUTPUT]

    return _in_parts(ask, predict.get_input_details()[INPUT]['shape_signature'][0])


def _in_parts(ask: Ask, batch: Any) -> Ask:
    """Asks for so many images at a time as the file takes, the last of them filled up.

    Args:
        ask: For `batch` images.
        batch: A number that is fixed in the file; -1 or a name where any will do.
    """
    if not isinstance(batch, (int, np.integer)) or batch < 1:
        return ask

    def ask_in_parts(images: np.ndarray) -> np.ndarray:
        missing = -len(images) % batch
        filled = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.float32)])
        parts = [ask(filled[first : first + batch]) for first in range(0, len(filled), batch)]
        return np.concatenate(parts)[: len(images)]

    return ask_in_parts


def _import(module: str, package: str, path: pathlib.Path) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InvalidInputError(
            f'{path} is run by {package}. Received: {error}. Type: pip install {package}'
        ) from error


def _damaged(path: pathlib.Path, error: Exception) -> InvalidInputError:
    return InvalidInputError(
        f'{path} must be a whole file of `python -m fer_keras.export`. Received: {str(error)[:300]}'
    )
