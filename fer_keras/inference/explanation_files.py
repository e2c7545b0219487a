"""Explanations of a classifier, a picture for each file."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fer_keras.data.decoding import to_model_input
from fer_keras.errors import InvalidInputError
from fer_keras.inference.drawing import OverlayFolder
from fer_keras.inference.explanations import build_grad_cam, explain
from fer_keras.inference.folders import find_sources
from fer_keras.inference.photos import read_photo
from fer_keras.inference.trained_files import find_trained
from fer_keras.models.classifier import load_classifier


def explain_files(model_path: str, inputs: Sequence[str], output: str) -> None:
    """Writes a picture a face crop, and prints its name and what the classifier decides.

    Args:
        model_path: A run folder, its `.keras` file, or a classifier of the package.
        inputs: Face crops, folders of them, or patterns.
        output: Folder to write to.

    Raises:
        InvalidInputError: There is no input, the model is a SavedModel or has its saliency maps
            from a folder, or, once all others are explained, some files cannot be read.
        MissingFileError: The model or an input is not there.
    """
    sources = find_sources(inputs)
    files = sources.names
    if not files:
        raise InvalidInputError('Nothing to look at: give face crops, or folders of them.')
    trained = find_trained(model_path)
    model = load_classifier(trained.model_file)
    if model.input_shape[-1] != 3:
        raise InvalidInputError(
            'The classifier must make its saliency maps itself: a new photo has no map in a '
            'folder. Received: a run of `saliency=folder:...`.'
        )
    names, grad_cam = trained.read_labels(), build_grad_cam(model)
    folder, unreadable = OverlayFolder(output), []
    for file in files:
        try:
            photo, note = read_photo(file)
        except (ValueError, OSError) as error:
            unreadable.append(str(error))
            continue
        image = to_model_input(photo[None], model.input_shape[1])
        strips, probabilities = explain(grad_cam, image.numpy())
        best = int(probabilities[0].argmax())
        path = folder.write(file, None, strips[0])
        print(f'{path}: {names[best]} {probabilities[0, best]:.0%}')
        if note:
            print(f'note: {note}', file=sys.stderr)
    if sources.left_out:
        print(sources.describe_left_out(), file=sys.stderr)
    if unreadable:
        listed = '\n'.join(unreadable)
        raise InvalidInputError(f'{len(unreadable)} of {len(files)} files were left out:\n{listed}')
