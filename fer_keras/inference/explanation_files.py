"""Explanations of a classifier, a picture for each file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import numpy as np

from fer_keras.config.inference import ExplanationConfig
from fer_keras.data.decoding import to_model_input
from fer_keras.errors import InvalidInputError
from fer_keras.inference.choosing import choose_detector
from fer_keras.inference.drawing import OverlayFolder
from fer_keras.inference.explanations import build_grad_cam, explain
from fer_keras.inference.folders import find_sources
from fer_keras.inference.found_faces import find_faces
from fer_keras.inference.photos import read_photo
from fer_keras.inference.trained_files import TrainedFiles, find_trained
from fer_keras.models.classifier import load_classifier

_FindCrops = Callable[[np.ndarray], tuple[list[np.ndarray], str]]


def explain_files(config: ExplanationConfig, inputs: Sequence[str]) -> None:
    """Writes a picture a face, and prints its name and what the classifier decides.

    Args:
        config: The model: a run folder, its `.keras` file, or a classifier of the package; what the
            inputs are; and where to write.
        inputs: Face crops or whole photos, folders of them, or patterns.

    Raises:
        InvalidInputError: There is no input, the model is a SavedModel, has its saliency maps
            from a folder or needs another detector, or, once all others are explained, some files
            cannot be read.
        MissingFileError: The model or an input is not there.
    """
    sources = find_sources(inputs)
    files = sources.names
    if not files:
        raise InvalidInputError('Nothing to look at: give pictures, or folders of them.')
    trained = find_trained(config.model)
    crops_of = _find_crops(config, trained)
    model = load_classifier(trained.model_file)
    if model.input_shape[-1] != 3:
        raise InvalidInputError(
            'The classifier must make its saliency maps itself: a new photo has no map in a '
            'folder. Received: a run of `saliency=folder:...`.'
        )
    names, grad_cam = trained.read_labels(), build_grad_cam(model)
    folder, unreadable = OverlayFolder(config.output), []
    for file in files:
        try:
            photo, note = read_photo(file)
        except (ValueError, OSError) as error:
            unreadable.append(str(error))
            continue
        crops, doubt = crops_of(photo)
        for number, crop in enumerate(crops):
            image = to_model_input(crop[None], model.input_shape[1])
            strips, probabilities = explain(grad_cam, image.numpy())
            best = int(probabilities[0].argmax())
            path = folder.write(file, number if config.photos else None, strips[0])
            print(f'{path}: {names[best]} {probabilities[0, best]:.0%}')
        for said in filter(None, (note, doubt and f'{file}: {doubt}')):
            print(f'note: {said}', file=sys.stderr)
    if sources.left_out:
        print(sources.describe_left_out(), file=sys.stderr)
    if unreadable:
        listed = '\n'.join(unreadable)
        raise InvalidInputError(f'{len(unreadable)} of {len(files)} files were left out:\n{listed}')


def _find_crops(config: ExplanationConfig, trained: TrainedFiles) -> _FindCrops:
    """From a picture to its face crops, and what is to be said of them."""
    if not config.photos:
        return lambda picture: ([picture], _doubt(picture))
    detector, note, problem = choose_detector(config.detector, trained.read_record())
    if detector is None:
        raise InvalidInputError(problem)
    if note:
        print(f'note: {note}', file=sys.stderr)

    def find(picture: np.ndarray) -> tuple[list[np.ndarray], str]:
        (found,) = find_faces([picture], detector=detector)
        return [face.crop for face in found], '' if found else 'no face was found'

    return find


def _doubt(picture: np.ndarray) -> str:
    height, width = picture.shape[:2]
    if height == width:
        return ''
    return (
        f'{width} x {height} pixels, where face crops are square. Of a whole photo give --photos, '
        'which finds its faces.'
    )
