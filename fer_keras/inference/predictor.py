"""A trained classifier in a few words: `fer_keras.load('runs/cross').predict(photos)`."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from fer_keras.data.datasets import require_canonical_order
from fer_keras.data.decoding import to_model_input
from fer_keras.faces.detector import detect_rows
from fer_keras.inference.drawing import BOX
from fer_keras.models.classifier import load_classifier
from fer_keras.run_dir import RunDir
from tfds_builders import faces
from tfds_builders.pictures import read_picture

Photo = np.ndarray | str | os.PathLike[str] | bytes
# Photos that are in memory at a time, however many are asked for.
_BATCH = 16


class Predictor:
    """Answers for face crops and for whole photos.

    Attributes:
        names: Label names, in the order of the probabilities.
        model: The Keras model; None where a SavedModel answers.
    """

    def __init__(
        self,
        probabilities_of: Callable[[np.ndarray], np.ndarray],
        names: Sequence[str],
        model: keras.Model | None = None,
    ) -> None:
        self.names = tuple(names)
        self.model = model
        self._probabilities_of = probabilities_of

    def predict_crops(self, crops: Sequence[Photo] | np.ndarray) -> pd.DataFrame:
        """Recognises face crops like those of the data sets.

        Args:
            crops: uint8 arrays `[height, width, 3]`, RGB, of any sizes, or files, or their bytes.

        Returns:
            A row a crop: `label`, `score` (its probability) and `p_<name>` for each class.
        """
        batches = (self._probabilities(images) for images in _batches(crops))
        return self._table(np.concatenate([self._none(), *batches]))

    def predict(
        self, photos: Sequence[Photo] | np.ndarray, *, small_faces: bool = True
    ) -> pd.DataFrame:
        """Finds every face of whole photos and recognises its expression.

        Args:
            photos: As for `predict_crops`, but whole.
            small_faces: Whether to look for faces down to a 25th of a photo's longer side. Without,
                down to an 11th, which is what portraits and web cameras need: finding them takes a
                third of the time.

        Returns:
            A row a face, the largest of a photo first: `photo` (position in `photos`), `face` (from
            0), the box in pixels, the detector's `confidence`, `label`, `score`, `p_<name>`. A
            photo without a face has one row, with `face` -1 and nothing else.
        """
        rows: list[tuple[float, ...]] = []
        answers = [self._none()]
        number = 0
        for images in _batches(photos):
            crops = []
            found = faces.find_all_faces(images, detect_rows, small_faces=small_faces)
            for image, people in zip(images, found, strict=True):
                for position, face in enumerate(people):
                    rows.append((number, position, *face.box, face.confidence))
                    crops.append(faces.crop_face(image, face))
                if not people:
                    rows.append((number, -1, *[float('nan')] * 5))
                number += 1
            answers.append(self._probabilities(crops))
        table = pd.DataFrame(rows, columns=['photo', 'face', *BOX, 'confidence'])
        answered = self._table(np.concatenate(answers))
        answered.index = table.index[table['face'] >= 0]
        return table.join(answered)

    def _probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """float32 `[n, classes]`: images of one size are answered together."""
        probabilities = np.zeros((len(images), len(self.names)), np.float32)
        sizes = [image.shape for image in images]
        for size in set(sizes):
            members = [i for i, other in enumerate(sizes) if other == size]
            probabilities[members] = self._probabilities_of(np.stack([images[i] for i in members]))
        return probabilities

    def _none(self) -> np.ndarray:
        return np.zeros((0, len(self.names)), np.float32)

    def _table(self, probabilities: np.ndarray) -> pd.DataFrame:
        best = probabilities.argmax(axis=1) if len(probabilities) else np.zeros(0, int)
        table = pd.DataFrame(probabilities, columns=[f'p_{name}' for name in self.names])
        table.insert(0, 'label', [self.names[i] for i in best])
        table.insert(1, 'score', probabilities.max(axis=1, initial=0.0))
        return table


def load(path: str | os.PathLike[str]) -> Predictor:
    """Loads a trained classifier.

    Args:
        path: A run folder, the `.keras` file in one, or a SavedModel of `fer_keras.export` (its
            numbered folder, or the one above: the newest version then).

    Raises:
        FileNotFoundError: There is none of these.
    """
    folder = pathlib.Path(path).expanduser()
    if folder.suffix == '.keras':
        return _from_keras_file(folder, folder.parent.parent)
    versions = [f for f in folder.glob('*/saved_model.pb') if f.parent.name.isdigit()]
    if (folder / 'saved_model.pb').is_file():
        return _from_saved_model(folder)
    if versions:
        return _from_saved_model(max(versions, key=lambda file: int(file.parent.name)).parent)
    run_dir = RunDir(str(folder))
    if not os.path.isfile(run_dir.model_file):
        raise FileNotFoundError(
            f'{folder} is neither a run folder, nor a .keras file, nor a SavedModel. Give what '
            '`python -m fer_keras.train --run_dir=...` or `python -m fer_keras.export` wrote.'
        )
    return _from_keras_file(pathlib.Path(run_dir.model_file), folder)


def _from_keras_file(file: pathlib.Path, run_folder: pathlib.Path) -> Predictor:
    run_dir = RunDir(str(run_folder))
    if not os.path.isfile(run_dir.labels_file):
        raise FileNotFoundError(
            f'The names of the classes must lie in {run_dir.labels_file}: a model file has none. '
            'Give the run folder, or a SavedModel, which holds them.'
        )
    model = load_classifier(str(file))
    names = run_dir.read_labels()
    require_canonical_order(names, run_dir.labels_file)
    if model.output_shape[-1] != len(names):
        raise ValueError(
            f'{run_dir.labels_file} must name the classes of the model. Received: {len(names)} '
            f'names for {model.output_shape[-1]} outputs.'
        )
    if model.input_shape[-1] != 3:
        raise ValueError(
            'A classifier must make its saliency maps itself: a new photo has no map in a folder. '
            f'Received: {file}, trained with `saliency=folder:...`. Give its run to '
            '`python -m fer_keras.evaluate --run_dir=...`, which reads the maps.'
        )
    size = model.input_shape[1]

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)])
    def answer(images: tf.Tensor) -> tf.Tensor:
        return model(to_model_input(images, size), training=False)

    return Predictor(lambda images: answer(images).numpy(), names, model)


def _from_saved_model(folder: pathlib.Path) -> Predictor:
    answer = tf.saved_model.load(str(folder)).signatures.get('predict_images')
    if answer is None or 'label_names' not in answer.structured_outputs:
        raise ValueError(
            f'{folder} must be a SavedModel of `python -m fer_keras.export`, whose signature '
            '`predict_images` names its classes. Received: one of somebody else.'
        )
    blank = answer(images=tf.zeros((1, 32, 32, 3), tf.uint8))
    names = [name.decode() for name in blank['label_names'].numpy()[0]]
    return Predictor(
        lambda images: answer(images=tf.constant(images))['probabilities'].numpy(), names
    )


def _batches(photos: Sequence[Photo] | np.ndarray) -> Iterator[list[np.ndarray]]:
    for start in range(0, len(photos), _BATCH):
        yield [_as_array(photo) for photo in photos[start : start + _BATCH]]


def _as_array(photo: Photo) -> np.ndarray:
    image = photo if isinstance(photo, np.ndarray) else read_picture(photo)
    if image.ndim != 3 or image.shape[-1] != 3 or image.dtype != np.uint8:
        raise ValueError(
            'A photo must be uint8 [height, width, 3], RGB. '
            f'Received: {image.dtype} {list(image.shape)}.'
        )
    return image
