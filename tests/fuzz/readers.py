"""What is asked of every file: each reader reads or refuses it, and they agree."""

from __future__ import annotations

import math
import pathlib
import shutil
import types
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from etils import epath

from fer_keras.data.decoding import decode_if_whole, decode_upright
from fer_keras.errors import UserError
from fer_keras.evaluation.human_confusions import read_human_confusions
from fer_keras.evaluation.predictions import read_predictions
from fer_keras.inference import photos
from fer_keras.inference.given_photos import as_pictures
from fer_keras.inference.predictor import find_faces
from tfds_builders import picture_formats, pictures, splits
from tfds_builders.archives import Skip
from tfds_builders.errors import BuilderError, InvalidPictureError
from tfds_builders.expression_folders.expression_folders_dataset_builder import read_subjects
from tfds_builders.fer2013 import fer2013_dataset_builder as fer2013
from tfds_builders.picture_formats import LARGEST_PIXELS_IN_GRAPH
from tfds_builders.png import encode_png

READ = 'read'
_FILE = [tf.TensorSpec([], tf.string)]
_graph = tf.function(decode_upright, input_signature=_FILE)
_served_graph = tf.function(decode_if_whole, input_signature=_FILE)
_searched_shapes: set[tuple[int, ...]] = set()


class Disagreement(AssertionError):
    """Two readers do not see the same file."""


def check(kind: str, path: pathlib.Path) -> str:
    """Gives a file to all readers of its kind.

    Returns:
        `READ`, or why it was refused, to be shown to a user.

    Raises:
        Disagreement: They do not agree.
        Exception: A reader ends in any other way than by an answer or a refusal.
    """
    return {'pictures': _check_picture, 'videos': _check_video, 'tables': _check_table}[kind](path)


def _require(is_so: bool, what: str) -> None:
    if not is_so:
        raise Disagreement(what)


def _check_picture(path: pathlib.Path) -> str:
    data = path.read_bytes()
    if photos.is_video(str(path)):
        _require(_refusal_of(data) != '', 'the builder reads what `predict` takes for a video')
        return _check_video(path)
    (row,) = photos.read_pictures([str(path)], every=1, max_frames=0)
    reason = _refusal_of(data)
    _stain_memory()
    _require(bool(reason) == (row.image is None), f'builder: {reason}, `predict`: {row.problem}')
    _ask_other_readers(data, is_read=not reason)
    by_graph = _by_graph(data)
    if reason:
        # Of a JPEG with far too few bytes for its size it makes a grey picture.
        is_filled = 'bytes cannot hold' in reason
        _require(by_graph is None or is_filled, f'the graph reads what is refused: {reason}')
        return row.problem
    reading = pictures.read(data)
    _require_equal(row.image, reading.image, '`predict` and builder')
    if by_graph is not None and _is_regular(reading.kind, data):
        whose = 'graph and builder, of the file as it is'
        _require_equal(by_graph, reading.image, whose, _tolerance(data))
    if reading.is_for_graph:
        _require(by_graph is not None, 'the graph does not read what the builder stores')
    else:
        stored = pictures.fit(reading.image, LARGEST_PIXELS_IN_GRAPH)
        _require_equal(_by_graph(encode_png(stored)), stored, 'graph and builder, of its PNG')
    _search_faces(reading.image)
    return READ


def _refusal_of(data: bytes) -> str:
    try:
        pictures.read(data)
    except InvalidPictureError as error:
        return str(error) or 'no reason'
    return ''


def _by_graph(data: bytes) -> np.ndarray | None:
    served = _served_graph(tf.constant(data)).numpy()
    try:
        image = _graph(tf.constant(data)).numpy()
    except tf.errors.InvalidArgumentError:
        _require(not served.size, 'the served graph reads what the graph refuses')
        return None
    _require(np.array_equal(served, image), 'the served graph reads another picture')
    return image


def _is_regular(kind: str, data: bytes) -> bool:
    header = picture_formats.read_header(kind, data)
    return header is None or header.is_regular


def _stain_memory() -> None:
    """What a decoder leaves as the memory was is another picture the next time."""
    for size in range(100, 4000, 100):
        np.full(size, size % 251, np.uint8)


def _require_equal(
    one: np.ndarray | None, other: np.ndarray, whose: str, tolerance: int = 0
) -> None:
    _require(one is not None and one.shape == other.shape, f'{whose}: other shapes')
    difference = int(np.abs(np.subtract(one, other, dtype=np.int16)).max())
    _require(difference <= tolerance, f'{whose}: pixels differ by {difference}')


def _tolerance(data: bytes) -> int:
    # The mark that JPEG files of four inks have.
    return pictures.LARGEST_CMYK_DIFFERENCE if b'Adobe\0' in data else 0


def _ask_other_readers(data: bytes, *, is_read: bool) -> None:
    """Those that read a picture for other ends: each may refuse what it has no use for."""
    for read in (pictures.open_picture, pictures.read_unchanged, fer2013.to_grey_file):
        try:
            read(data)
        except (InvalidPictureError, Skip):
            continue
    (picture,) = as_pictures(data)
    _require((picture.image is not None) == is_read, 'Python and the command do not agree')


def _search_faces(image: np.ndarray) -> None:
    # What a file has in it is no matter here, but its shape is.
    if image.shape not in _searched_shapes:
        _searched_shapes.add(image.shape)
        find_faces([image], small_faces=False)


def _check_video(path: pathlib.Path) -> str:
    source = str(path)
    photos.count_pictures([source], every=1, max_frames=0)
    is_video = photos.is_video(source)
    _require(not is_video or _refusal_of(path.read_bytes()) != '', 'a video read as a picture')
    rows = list(photos.read_pictures([source], every=1, max_frames=0))
    _require(bool(rows), 'no row')
    _require(all(row.image is not None for row in rows[:-1]), 'a problem before the last row')
    numbers = [row.frame for row in rows if row.image is not None]
    _require(not is_video or numbers == sorted(set(numbers)), f'frames {numbers}')
    times = [row.time for row in rows if row.time is not None]
    _require(all(map(math.isfinite, times)), f'times {times}')
    return rows[-1].problem or READ


def _check_table(path: pathlib.Path) -> str:
    # Its name begins with that of the table that it was made from.
    readers: dict[str, Callable[[pathlib.Path], object]] = {
        'fer2013': _build_fer2013,
        'icml_face_data': _build_fer2013,
        'subjects': lambda path: read_subjects(epath.Path(path)),
        'human': lambda path: read_human_confusions(str(path)),
        'predictions': lambda path: read_predictions(str(path)),
    }
    read = next(reader for name, reader in readers.items() if path.name.startswith(name))
    try:
        read(path)
    except (BuilderError, UserError) as error:
        return str(error) or 'no reason'
    return READ


def _build_fer2013(path: pathlib.Path) -> None:
    """All examples of a table, as a build takes them, but without writing them."""
    folder = path.with_name('archive')
    folder.mkdir()
    try:
        name = next(name for name in fer2013.CSV_NAMES if path.name.startswith(name[:7]))
        shutil.copy(path, folder / name)
        builder = fer2013.Builder(data_dir=path.with_name('data'))
        manager = types.SimpleNamespace(manual_dir=folder)
        examples = builder._split_generators(manager)
        count = sum(1 for split in splits.SPLITS for _ in examples[split])
        _require(count > 0, 'neither an example nor a refusal')
    finally:
        shutil.rmtree(folder)
