"""A training that starts from a trained classifier in place of a backbone alone."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from fer_keras.config.fields import as_values
from fer_keras.config.model import ModelConfig
from fer_keras.errors import InvalidInputError
from fer_keras.inference.trained_files import TrainedFiles, find_trained
from fer_keras.models.classifier import copy_weights, load_classifier

# What the weights were learned for. The size of the image and what happens at test are free.
_MUST_AGREE = (
    'backbone',
    'color',
    'crop',
    'saliency',
    'fusion',
    'fusion_strength',
    'hog_branch',
)


def require_fitting(config: ModelConfig) -> None:
    """Raises where a recipe cannot start from the network that it names, before anything is read.

    Raises:
        MissingFileError: There is no such network.
        InvalidInputError: Its input or its branches are others, or it is a SavedModel.
    """
    if config.initial_weights:
        _require_same(config, find_trained(config.initial_weights))


def start_from(model: keras.Model, config: ModelConfig, names: Sequence[str]) -> str:
    """Copies the weights that `config.initial_weights` names.

    The last layer too, where the classes are the same, in the same order; it is made anew else.

    Args:
        model: The classifier, just built.
        config: Its recipe.
        names: Its classes.

    Returns:
        A sentence on what was copied.

    Raises:
        MissingFileError: There is no such network.
        InvalidInputError: Its weights do not fit.
    """
    files = find_trained(config.initial_weights)
    _require_same(config, files)
    known = files.read_labels()
    keeps_head = known == list(names)
    copy_weights(model, load_classifier(files.model_file), keeps_head=keeps_head)
    if keeps_head:
        return f'starts from {config.initial_weights}'
    return (
        f'starts from {config.initial_weights}, with a new last layer for {", ".join(names)} in '
        f'place of that for {", ".join(known)}'
    )


def _require_same(config: ModelConfig, files: TrainedFiles) -> None:
    asked, known = as_values(config), files.read_flags()
    differing = [name for name in _MUST_AGREE if known and known[name] != asked[name]]
    if differing:
        flags = ' '.join(f'--{name}={known[name]}' for name in differing)
        received = ' '.join(f'--{name}={asked[name]}' for name in differing)
        raise InvalidInputError(
            'The network must see the same and have the same branches as '
            f'{config.initial_weights}, from which it starts. Received: {received}. Give: {flags}, '
            'or leave out --initial_weights.'
        )
