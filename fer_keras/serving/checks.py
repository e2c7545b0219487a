"""Do all forms of a classifier give the same probabilities? Each is asked as its users ask it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from fer_keras.data.decoding import decode
from fer_keras.errors import MissingFileError
from fer_keras.inference import c_api
from fer_keras.inference.portable_files import open_portable
from fer_keras.models.classifier import load_classifier
from fer_keras.serving.portable import ONNX_FILE, TFLITE_FILES
from fer_keras.serving.whole_photos import DETECTORS, make_finder
from fer_keras.tables import print_table
from tfds_builders.detectors import PREFERRED

# Files of each request -> probabilities of each, float32 `[batch, classes]`.
Batches = Sequence[Sequence[bytes]]
Form = Callable[[Batches], list[np.ndarray]]
BATCHES = (1, 7, 64)
# What is compared with a limit: the largest difference of a probability, or, where numbers are
# rounded on purpose, the mean one. What runs in float32 agrees to rounding.
TOLERANCES = {
    '.keras': ('largest', 1e-5),
    '.keras float16': ('mean', 0.02),
    'SavedModel': ('largest', 1e-5),
    'SavedModel, C API': ('largest', 1e-5),
    # A grey level more or less, wherever the search ends: as for whole photos in Python.
    'SavedModel, frames': ('largest', 0.02),
    'TFLite float32': ('largest', 1e-4),
    'TFLite float16': ('mean', 0.02),
    'TFLite int8': ('mean', 0.03),
    'ONNX': ('largest', 1e-4),
}


def compare_forms(
    model: keras.Model, forms: dict[str, Form], files: Sequence[bytes]
) -> pd.DataFrame:
    """Compares every form with the graph that was trained, on batches of several sizes.

    Args:
        model: The classifier as it was trained.
        forms: By a name in `TOLERANCES`.
        files: At least as many pictures as the largest of `BATCHES`.

    Returns:
        A row a form and batch: `form`, `batch`, the `largest` and the `mean` difference of a
        probability, `same_label` (a share), `compared` (which of the two), `limit`, `agrees`.
    """
    batches = [files[:size] for size in BATCHES]
    expected = ask_model(model, batches)
    rows = [
        _compare(name, size, right, found)
        for name, form in forms.items()
        for size, right, found in zip(BATCHES, expected, form(batches), strict=True)
    ]
    return pd.DataFrame(rows)


def compare_frames(
    model: keras.Model, version_dir: str, frames: np.ndarray, detector: str = PREFERRED
) -> pd.DataFrame:
    """Compares `predict_frames`, through TensorFlow's C API, with the graph that was trained.

    Args:
        model: The classifier as it was trained.
        version_dir: A version of `export_classifier`.
        frames: uint8 `[batch, height, width, 3]`, RGB.
        detector: As for `export_classifier`.

    Returns:
        One row, as in `compare_forms`; none where there is no face in any frame.

    Raises:
        RuntimeError: The signature failed.
    """
    find = make_finder(DETECTORS[detector](), model.input_shape[1], small_faces=True)
    # Behind the row of the frame itself.
    crops = [find(tf.constant(frame))[-1][1:].numpy().astype(np.float32) for frame in frames]
    most = max(len(faces) for faces in crops)
    if not most:
        return pd.DataFrame()
    right = np.zeros((len(frames), most, model.output_shape[-1]), np.float32)
    for position, faces in enumerate(crops):
        if len(faces):
            right[position, : len(faces)] = model.predict_on_batch(faces)
    answers = ask_c_api(version_dir, [frames], 'predict_frames')
    found = np.array(_values(answers[0]), np.float32)
    # Another number of faces is no agreement, whatever the probabilities.
    found = found.reshape(right.shape) if found.size == right.size else np.full_like(right, np.inf)
    is_face = right.any(axis=-1) | found.any(axis=-1)
    row = _compare('SavedModel, frames', len(frames), right[is_face], found[is_face])
    return pd.DataFrame([row])


def _compare(name: str, batch: int, right: np.ndarray, found: np.ndarray) -> dict[str, Any]:
    """A row of `compare_forms`, from probabilities `[n, classes]`."""
    differences = np.abs(found - right)
    compared, limit = TOLERANCES[name]
    row: dict[str, Any] = {
        'form': name,
        'batch': batch,
        'largest': float(differences.max()),
        'mean': float(differences.mean()),
        'same_label': float((found.argmax(axis=1) == right.argmax(axis=1)).mean()),
    }
    # Not `>`, which NaN would pass.
    agrees = row[compared] <= limit
    return {**row, 'compared': compared, 'limit': limit, 'agrees': agrees}


def open_forms(
    model_file: str, version_dir: str, portable_dir: str, handed_on: str = ''
) -> dict[str, Form]:
    """Opens whatever there is of a classifier: the `.keras` file, a SavedModel, and other files.

    Args:
        model_file: The `.keras` file.
        version_dir: A version of `export_classifier`; empty: none.
        portable_dir: Where `serving.portable` has written; files that are not there are left out.
        handed_on: The `.keras` file of `serving.keras_folder`, if there is one.
    """
    model = load_classifier(model_file)
    forms: dict[str, Form] = {'.keras': lambda batches: ask_model(model, batches)}
    if os.path.isfile(handed_on):
        halved = load_classifier(handed_on)
        forms['.keras float16'] = lambda batches: ask_model(halved, batches)
    if version_dir:
        forms['SavedModel'] = _open_saved_model(version_dir)
        forms['SavedModel, C API'] = _open_with_c_api(version_dir)
    portable = {f'TFLite {kind}': file for kind, file in TFLITE_FILES.items()}
    for name, file in {**portable, 'ONNX': ONNX_FILE}.items():
        path = os.path.join(portable_dir, file)
        if os.path.isfile(path):
            forms[name] = _open_portable(path)
    return forms


def ask_model(model: keras.Model, batches: Batches) -> list[np.ndarray]:
    """What the graph that was trained says to the pixels that training sees."""
    size = model.input_shape[1]
    # Not `model(...)`: op by op, a batch normalisation is not fused into its convolution.
    return [model.predict_on_batch(_decode_all(files, size)) for files in batches]


def ask_c_api(
    version_dir: str,
    batches: Sequence[Sequence[bytes] | np.ndarray],
    signature_name: str = 'serving_default',
    output: str = 'probabilities',
) -> list[dict]:
    """Sends batches to a signature in a process without TensorFlow's Python code.

    Args:
        version_dir: A SavedModel.
        batches: Files of images, or uint8 pixels: what the signature takes.
        signature_name: One of the SavedModel.
        output: One of its outputs of float32.

    Returns:
        For each batch `{'values': rows}`, all axes but the first as one, or `{'error': message}`.

    Raises:
        MissingFileError: TensorFlow has no C library on this platform.
        RuntimeError: The process ended with an error.
    """
    if not c_api.open_library():
        raise MissingFileError(
            'TensorFlow must bring a C library. Received: none on this platform.'
        )
    requests = {
        'signature': signature_name,
        'output': output,
        'batches': [_to_json(batch) for batch in batches],
    }
    completed = subprocess.run(
        [sys.executable, '-I', c_api.__file__, version_dir],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=False,
    )
    if completed.returncode:
        raise RuntimeError(f"TensorFlow's C API failed: {completed.stderr[-2000:]}")
    return json.loads(completed.stdout)


def _to_json(batch: Sequence[bytes] | np.ndarray) -> Any:
    """A batch as `inference.c_api` reads it."""
    if isinstance(batch, np.ndarray):
        return {'shape': batch.shape, 'pixels': base64.b64encode(batch.tobytes()).decode()}
    return [base64.b64encode(one).decode() for one in batch]


def _values(answer: dict[str, Any]) -> list[list[float]]:
    if 'error' in answer:
        raise RuntimeError(answer['error'])
    return answer['values']


def vary(images: Sequence[np.ndarray], count: int) -> list[bytes]:
    """Files of mixed sizes and formats, JPEG, PNG and WebP in turn, from uint8 RGB images."""
    files = []
    for position in range(count):
        image = images[position % len(images)][:, :, ::-1]
        scale = (1.0, 0.7, 1.6, 0.5)[position % 4]
        resized = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        files.append(cv2.imencode(('.jpg', '.png', '.webp')[position % 3], resized)[1].tobytes())
    return files


def print_comparison(table: pd.DataFrame) -> None:
    """Prints the table."""
    print_table(
        ('form', 'batch', 'largest', 'mean', 'allowed', 'same', ''),
        [
            (
                row['form'],
                str(row['batch']),
                f'{row["largest"]:.1e}',
                f'{row["mean"]:.1e}',
                f'{row["compared"]} {row["limit"]:g}',
                f'{row["same_label"]:.0%}',
                '' if row['agrees'] else '!',
            )
            for row in table.to_dict('records')
        ],
        title='Probabilities against those of the graph that was trained',
    )


def _decode_all(files: Sequence[bytes], size_px: int) -> np.ndarray:
    return np.stack([decode(tf.constant(one), size_px).numpy() for one in files])


def _open_saved_model(version_dir: str) -> Form:
    loaded = tf.saved_model.load(version_dir)

    def ask(batches: Batches) -> list[np.ndarray]:
        serve = loaded.signatures['serving_default']
        answers = [serve(image_bytes=tf.constant(list(files))) for files in batches]
        return [answer['probabilities'].numpy() for answer in answers]

    return ask


def _open_with_c_api(version_dir: str) -> Form:
    def ask(batches: Batches) -> list[np.ndarray]:
        answers = ask_c_api(version_dir, batches)
        return [np.array(_values(answer), np.float32) for answer in answers]

    return ask


def _open_portable(path: str) -> Form:
    file = open_portable(path)
    return lambda batches: [file.ask(_decode_all(files, file.image_size_px)) for files in batches]
