"""Loads the classifiers that TensorFlow runs: Keras files of runs, and SavedModels."""

from __future__ import annotations

import pathlib

import keras
import tensorflow as tf

from fer_keras.data.decoding import to_model_input
from fer_keras.errors import InvalidInputError
from fer_keras.inference.trained_files import Loaded, TrainedFiles
from fer_keras.models.classifier import load_classifier
from fer_keras.provenance.storage import find_record


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


def load_saved_model(folder: pathlib.Path) -> Loaded:
    """Loads a SavedModel, by its folder with the number.

    Raises:
        InvalidInputError: It is damaged, or of somebody else.
    """
    try:
        answer = tf.saved_model.load(str(folder)).signatures.get('predict_images')
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise InvalidInputError(
            f'{folder} must be a whole SavedModel, with no [...] and no \\ in its path. Received: '
            f'{str(error)[:300]}'
        ) from error
    if answer is None or 'label_names' not in answer.structured_outputs:
        raise InvalidInputError(
            f'{folder} must be a SavedModel of `python -m fer_keras.export`, whose signature '
            '`predict_images` names its classes. Received: one of somebody else.'
        )
    blank = answer(images=tf.zeros((1, 32, 32, 3), tf.uint8))
    names = [name.decode() for name in blank['label_names'].numpy()[0]]
    return Loaded(
        lambda images: answer(images=tf.constant(images))['probabilities'].numpy(),
        names,
        record=find_record(folder),
    )
