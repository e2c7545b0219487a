"""A trained classifier in a few words: `fer_keras.load('runs/cross').predict(photos)`."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import itertools
import os
import pathlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fer_keras.errors import InvalidInputError
from fer_keras.inference.answers import NO_FACE, UNREADABLE, Row, make_table
from fer_keras.inference.choosing import choose_detector
from fer_keras.inference.found_faces import FoundFace, find_faces
from fer_keras.inference.given_photos import ImageInput, as_pictures
from fer_keras.inference.photos import Picture
from fer_keras.inference.portable_files import load_graph, load_portable
from fer_keras.inference.saved_models import load_saved_model
from fer_keras.inference.trained_files import (
    Loaded,
    find_exported,
    find_portable,
    find_trained,
)
from fer_keras.pretrained.names import DEFAULT
from fer_keras.provenance.record import TrainingRecord
from tfds_builders.detectors import Detector
from tfds_builders.quiet import load_tensorflow

if TYPE_CHECKING:
    import keras

# Pictures that are in memory at a time, however many are asked for.
_BATCH = 16


class Predictor:
    """Answers for face crops and for whole photos.

    Attributes:
        names: Label names, in the order of the probabilities.
        record: Who taught it; None where that is not recorded.
        detector_note: What is to be said of its detector: that others' faces taught the model.

    >>> def always_sad(images):
    ...     return np.tile([[0.9, 0.1]], (len(images), 1))
    >>> predictor = Predictor(always_sad, ['sad', 'happy'])
    >>> predictor.predict_crops(np.zeros((1, 48, 48, 3), np.uint8))['label'].tolist()
    ['sad']
    """

    def __init__(
        self,
        probabilities_of: Callable[[np.ndarray], np.ndarray],
        names: Sequence[str],
        load_model: Callable[[], keras.Model] | None = None,
        record: TrainingRecord | None = None,
        detector: str | None = None,
    ) -> None:
        """Wraps whatever answers.

        Args:
            probabilities_of: From uint8 `[n, height, width, 3]`, RGB, to `[n, classes]`.
            names: Of the classes.
            load_model: Gives the Keras model behind it.
            record: Who taught it.
            detector: What finds faces: `single_shot`, `mtcnn` or `yunet:FILE`; None: `single_shot`,
                unless YuNet's faces taught the model.

        Raises:
            InvalidInputError: No such detector, or a file that is not its network.
            MissingFileError: The file is not there.
        """
        self.names = tuple(names)
        self.record = record
        self._probabilities_of = probabilities_of
        self._load_model = load_model
        self._choice = choose_detector(detector, record)
        self.detector_note = self._choice.note

    @functools.cached_property
    def model(self) -> keras.Model | None:
        """The Keras model; None where an exported form answers. Loads TensorFlow."""
        return self._load_model() if self._load_model else None

    @property
    def detector(self) -> Detector:
        """What finds faces.

        Raises:
            InvalidInputError: Faces of a detector taught the model whose file was not given.
        """
        if self._choice.detector is None:
            raise InvalidInputError(self._choice.problem)
        return self._choice.detector

    def __repr__(self) -> str:
        return f'<Predictor of {len(self.names)} classes: {", ".join(self.names)}>'

    def predict_crops(self, crops: ImageInput | Iterable[ImageInput]) -> pd.DataFrame:
        """Recognises face crops like those of the data sets.

        Args:
            crops: One, or any iterable, of: uint8 arrays `[height, width, 3]`, RGB, of any sizes,
                paths, bytes of files, open binary files, and PIL images.

        Returns:
            A row a crop, with the columns of `fer_keras.inference.answers`. One that cannot be read
            has a row whose `status` says why.

        Raises:
            InvalidInputError: One is none of these.
            MissingFileError: It is one path, and there is no such file; of many this is a row.
        """
        return self._predict(crops, are_crops=True)

    def predict(
        self,
        photos: ImageInput | Iterable[ImageInput],
        *,
        small_faces: bool = True,
        detector: str | None = None,
    ) -> pd.DataFrame:
        """Finds every face of whole photos and recognises its expression.

        Args:
            photos: As for `predict_crops`, but whole.
            small_faces: Whether to look for faces down to a 25th of a photo's longer side. Without,
                down to an 11th, which is what portraits and web cameras need. YuNet finds those
                down to a 32nd, and without down to a 16th.
            detector: What finds them this time, as for `load`. Warns where it is not that of the
                faces which taught the model.

        Returns:
            A row a face, the largest of a photo first, with the columns of
            `fer_keras.inference.answers`. A photo without a face, or one that cannot be read, has
            one row, with `face` -1, and its `status` says which.

        Raises:
            InvalidInputError: As for `predict_crops`, and as for `load`; also where faces of a
                detector taught the model whose file was not given.
            MissingFileError: As for `predict_crops`.
        """
        if detector is None:
            return self._predict(photos, small_faces=small_faces)
        known = self._probabilities_of, self.names, self._load_model, self.record
        other = Predictor(*known, detector)
        if other.detector_note:
            warnings.warn(other.detector_note, stacklevel=2)
        return other._predict(photos, small_faces=small_faces)

    def predict_pictures(
        self,
        pictures: Sequence[Picture],
        *,
        first_photo: int = 0,
        are_crops: bool = False,
        small_faces: bool = True,
    ) -> pd.DataFrame:
        """As `predict`, for pictures of which some may be unreadable, all in memory at a time.

        Args:
            pictures: From `fer_keras.inference.photos.read_pictures`.
            first_photo: Number of the first one.
            are_crops: Whether they are face crops.
            small_faces: As for `predict`.
        """
        images = [picture.image for picture in pictures if picture.image is not None]
        found: Iterator[list[FoundFace]]
        if are_crops:
            found = iter([FoundFace(None, None, image)] for image in images)
        else:
            found = iter(find_faces(images, small_faces=small_faces, detector=self.detector))
        rows: list[Row] = []
        crops: list[np.ndarray] = []
        for photo, picture in enumerate(pictures, start=first_photo):
            row = Row(photo, file=picture.source, frame=picture.frame, time=picture.time)
            if picture.image is None:
                problem = UNREADABLE.format(picture.problem)
                rows.append(dataclasses.replace(row, status=problem))
                continue
            people = next(found)
            for number, face in enumerate(people):
                rows.append(
                    dataclasses.replace(row, face=number, box=face.box, confidence=face.confidence)
                )
                crops.append(face.crop)
            if not people:
                rows.append(dataclasses.replace(row, status=NO_FACE))
        return make_table(rows, self.probabilities(crops), self.names)

    def _predict(
        self,
        given: ImageInput | Iterable[ImageInput],
        *,
        are_crops: bool = False,
        small_faces: bool = True,
    ) -> pd.DataFrame:
        tables: list[pd.DataFrame] = []
        pictures = as_pictures(given)
        while batch := list(itertools.islice(pictures, _BATCH)):
            first = len(tables) * _BATCH
            tables.append(
                self.predict_pictures(
                    batch, first_photo=first, are_crops=are_crops, small_faces=small_faces
                )
            )
        if len(tables) < 2:  # To join one takes as long as to crop a face.
            return tables[0] if tables else self.predict_pictures([])
        return pd.concat(tables, ignore_index=True)

    def probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """The answers for face crops without a table: float32 `[n, classes]`.

        Args:
            images: uint8 `[height, width, 3]`, RGB; those of one size are answered together.
        """
        probabilities = np.zeros((len(images), len(self.names)), np.float32)
        sizes = [image.shape for image in images]
        for size in set(sizes):
            members = [i for i, other in enumerate(sizes) if other == size]
            probabilities[members] = self._probabilities_of(np.stack([images[i] for i in members]))
        return probabilities


def load(path: str | os.PathLike[str] = DEFAULT, *, detector: str | None = None) -> Predictor:
    """Loads a trained classifier.

    Args:
        path: A run folder, the `.keras` file in one, or what `fer_keras.export` wrote: a SavedModel
            (its numbered folder, or the one above: the newest version then), an `.onnx` or a
            `.tflite` file of any name; or the name of a classifier of the package: `wild` knows
            seven expressions of real faces. An `.onnx` file and `wild` are run by ONNX Runtime, a
            `.tflite` file by LiteRT, without TensorFlow; a SavedModel by TensorFlow's C library,
            unless the program has loaded TensorFlow already; all else needs TensorFlow.
        detector: What finds faces in whole photos: `single_shot`, `mtcnn`, whose crops are the
            same, or `yunet:FILE`, YuNet of the OpenCV zoo, whose file you have. None: YuNet where
            its faces taught the model; asking for whole photos then says how to give it; else
            `single_shot`.

    Raises:
        MissingFileError: There is none of these, or no file of the detector.
        InvalidInputError: It is damaged, of somebody else, or needs saliency maps from a folder;
            what it needs is not installed; no such detector, or a file that is not its network.
    """
    file = find_portable(path)
    loaded = load_portable(file) if file else _load_trained(find_exported(path), path)
    return Predictor(*loaded, detector=detector)


def note_detector(predictor: Predictor) -> list[str]:
    """What a command says of the detector before it looks for faces, if there is anything.

    Raises:
        InvalidInputError: Faces of a detector taught the model whose file was not given.
    """
    _ = predictor.detector
    return [predictor.detector_note] if predictor.detector_note else []


def _load_trained(exported: pathlib.Path | None, path: str | os.PathLike[str]) -> Loaded:
    """Loads a SavedModel, a run, or a classifier of the package."""
    if exported:
        return load_saved_model(
            exported, lambda folder: _import_tensorflow_models(path).open_saved_model(folder)
        )
    files = find_trained(path)
    if not os.path.isfile(files.run_dir.graph_file):
        return _import_tensorflow_models(path).load_keras_file(files)
    return load_graph(files, lambda: _import_tensorflow_models(path).load_model(files))


def _import_tensorflow_models(path: str | os.PathLike[str]) -> ModuleType:
    try:
        # Here: TensorFlow takes seconds to load, and portable files answer where there is none.
        load_tensorflow()
        return importlib.import_module('fer_keras.inference.tensorflow_models')
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            f'{path} is read by TensorFlow. Received: no {error.name}. Type: pip install fer_keras '
            '-- or give an .onnx or .tflite file of `python -m fer_keras.export '
            '--formats=tflite,onnx`, which needs none.'
        ) from error
