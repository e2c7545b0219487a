"""Loads the classifiers that TensorFlow's Python code runs: Keras files, and SavedModels."""

from __future__ import annotations

import pathlib

import keras
import numpy as np
import tensorflow as tf

from fer_keras.data.decoding import to_model_input
from fer_keras.errors import InvalidInputError
from fer_keras.inference.saved_models import OUTPUTS, SIGNATURE, Ask
from fer_keras.inference.trained_files import Loaded, TrainedFiles
from fer_keras.models.classifier import load_classifier


def load_keras_file(files: TrainedFiles) -> Loaded:
    """Loads the Keras model, to answer for crops of any size.

    Raises:
        MissingFileError: The names of its classes are not there.
        InvalidInputError: It is damaged, or needs saliency maps from a folder.
    """
    names = files.read_labels()
    model = load_model(files)
    size = model.input_shape[1]

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)], autograph=False)
    def answer(images: tf.Tensor) -> tf.Tensor:
        return model(to_model_input(images, size), training=False)

    # Traced now, so that the first answer takes no longer than the second.
    answer(tf.zeros((1, size, size, 3), tf.uint8))
    return Loaded(lambda images: answer(images).numpy(), names, lambda: model, files.read_record())


def load_model(files: TrainedFiles) -> keras.Model:
    """Loads the Keras model alone.

    Raises:
        MissingFileError: The names of its classes are not there.
        InvalidInputError: It is damaged, or needs saliency maps from a folder.
    """
    names = files.read_labels()
    model = load_classifier(files.model_file)
    if model.output_shape[-1] != len(names):
        raise InvalidInputError(
            f'{files.run_dir.labels_file} must name the classes of the model. Received: '
            f'{len(names)} names for {model.output_shape[-1]} outputs.'
        )
    if model.input_shape[-1] != 3:
        raise InvalidInputError(
            'A classifier must make its saliency maps itself: a new photo has no map in a folder. '
            f'Received: {files.model_file}, trained with `saliency=folder:...`. Give its run to '
            '`python -m fer_keras.evaluate --run_dir=...`, which reads the maps.'
        )
    return model


def open_saved_model(folder: pathlib.Path) -> Ask | None:
    """Opens a SavedModel, as `saved_models.load_saved_model` takes it."""
    answer = tf.saved_model.load(str(folder)).signatures.get(SIGNATURE)
    if answer is None or not {*OUTPUTS} <= answer.structured_outputs.keys():
        return None

    def ask(images: np.ndarray) -> list[np.ndarray]:
        answers = answer(images=tf.constant(images))
        return [answers[name].numpy() for name in OUTPUTS]

    return ask
