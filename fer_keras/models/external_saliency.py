"""Saliency models of other people, exported as TensorFlow SavedModels."""

from __future__ import annotations

import os
import pathlib
import shlex
from typing import Any

import keras
import numpy as np

from fer_keras.errors import InvalidInputError, MissingFileError

ENDPOINTS = ('serving_default', 'serve')
# Folders of SavedModels that a classifier may call when it is loaded, as `PATH` lists folders.
TRUSTED = 'FER_KERAS_TRUSTED_SALIENCY'
_named: set[str] = set()


@keras.saving.register_keras_serializable(package='fer_keras')
class SavedModelLayer(keras.layers.TFSMLayer):
    """A SavedModel as a layer, which is loaded with a classifier where somebody trusts it.

    The graph of a SavedModel is code. Whoever names it for a training trusts it; a file of a
    classifier, which may come from anybody, only names it, and needs `TRUSTED` besides.

    >>> SavedModelLayer.from_config({'filepath': '/a b'})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    fer_keras.errors.InvalidInputError: The classifier calls the SavedModel in '/a b', whose ...
    """

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: bool | None = None
    ) -> SavedModelLayer:
        folder = config['filepath']
        listed = filter(None, os.environ.get(TRUSTED, '').split(os.pathsep))
        if folder not in _named | {_absolute(one) for one in listed}:
            raise InvalidInputError(
                f'The classifier calls the SavedModel in {folder!r}, whose graph is code. If you '
                f'trust it, type: export {TRUSTED}={shlex.quote(folder)}'
            )
        return cls(**config)


def external_saliency(image: Any, folder: str) -> Any:
    """Applies the SavedModel in `folder` to a symbolic `image`, `[batch, H, W, 3]`.

    The model must map RGB in [0, 255] to one map of the image's size with values in [0, 1]; this
    is tried on two pictures, since a symbolic tensor has no values to check.

    Raises:
        MissingFileError: There is no SavedModel.
        InvalidInputError: The model gives other shapes or values.
    """
    path = find_saved_model(folder)
    _named.add(path)
    layer = _open(path)
    check_maps(layer, tuple(image.shape[1:3]), folder)
    return keras.layers.Identity(name='saliency_map', dtype='float32')(_only_map(layer(image)))


def find_saved_model(folder: str) -> str:
    """The absolute path of a SavedModel, as a classifier and `TRUSTED` name it.

    Raises:
        MissingFileError: There is no SavedModel.
    """
    path = _absolute(folder)
    if not os.path.isfile(os.path.join(path, 'saved_model.pb')):
        raise MissingFileError(
            f'No SavedModel in {folder!r}: its `saved_model.pb` is missing. Write one with '
            '`model.export(folder)` and give `saliency=saved_model:/path/to/folder`.'
        )
    return path


def _absolute(folder: str) -> str:
    return str(pathlib.Path(folder).expanduser().resolve())


def check_maps(layer: Any, size: tuple[int, int], folder: str) -> None:
    """Gives black and noise to `layer`; raises `InvalidInputError` unless two maps come out."""
    noise = np.random.default_rng(0).uniform(0, 255, (*size, 3))
    images = np.stack([np.zeros((*size, 3)), noise]).astype('float32')
    maps = keras.ops.convert_to_numpy(_only_map(layer(images)))
    if maps.shape != (2, *size, 1):
        raise InvalidInputError(
            f'A saliency model must map [2, {size[0]}, {size[1]}, 3] to [2, {size[0]}, {size[1]}, '
            f'1]. Received: {list(maps.shape)} from {folder!r}.'
        )
    if not np.isfinite(maps).all() or maps.min() < 0 or maps.max() > 1:
        raise InvalidInputError(
            'Saliency must be finite and in [0, 1]: divide the map by its maximum before the '
            f'export. Received: {maps.min()} to {maps.max()} from {folder!r}.'
        )


def _open(folder: str) -> Any:
    """TFSMLayer names its endpoint by who exported the model, Keras or TensorFlow."""
    for endpoint in ENDPOINTS:
        try:
            return SavedModelLayer(folder, call_endpoint=endpoint, name='external')
        except ValueError as error:
            problem = error
    raise InvalidInputError(
        f'The SavedModel must have one of the endpoints {ENDPOINTS}: {folder!r}.'
    ) from problem


def _only_map(outputs: Any) -> Any:
    """TFSMLayer gives a dict; takes `saliency_map`, or the only entry."""
    if not isinstance(outputs, dict):
        return outputs
    if 'saliency_map' in outputs:
        return outputs['saliency_map']
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    raise InvalidInputError(
        'A saliency model with several outputs must name one `saliency_map`. '
        f'Received: {sorted(outputs)}.'
    )
