"""Weights for ML-Net from elsewhere: the authors' Keras 1 / Theano file, and Keras's VGG16.

What a port from Theano to a channels-last backend has to mind, and where it is done:
- kernels: Theano convolves, others correlate, so kernels turn by 180 degrees (`from_theano`);
- axes: Theano keeps `[out, in, height, width]`, we keep `[height, width, in, out]`;
- pooling: Theano pads `same` at the top and left; `build_mlnet` does so too;
- upsampling of the prior: Theano's phase is in `mlnet.interpolation_matrix`.

`python -m fer_keras.models.mlnet_weights SOURCE TARGET.weights.h5` converts a file.
"""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import h5py
import keras
import numpy as np

from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.models.mlnet import build_mlnet

AUTHORS_URL = 'https://github.com/marcellacornia/mlnet'
# Position of each convolution in the Keras 1 file of VGG16, padding layers counted.
VGG16_GROUPS = (1, 3, 6, 8, 11, 13, 15, 18, 20, 22, 25, 27, 29)


def load_mlnet(network: keras.Model, path: str) -> None:
    """Loads the authors' weights into `build_mlnet`'s network.

    The arrays are taken in the order of the file's `layer_names` and `weight_names`, as Keras 1
    wrote them: thirteen VGG16 convolutions, two of the encoder, the prior.

    Raises:
        MissingFileError: There is no such file; says where to get it.
        InvalidInputError: The arrays do not fit the network.
    """
    with _open(path) as file:
        arrays = [np.asarray(array) for array in _keras1_arrays(file)]
    expected = 2 * (len(VGG16_GROUPS) + 2) + 1
    if len(arrays) != expected:
        raise InvalidInputError(f'ML-Net has {expected} arrays. Received: {len(arrays)} in {path}.')
    layers = [layer for layer in network.layers if layer.weights]
    pairs = [(arrays[i], arrays[i + 1]) for i in range(0, expected - 1, 2)]
    for layer, (kernel, bias) in zip(layers[:-1], pairs, strict=True):
        _assign(layer, from_theano(kernel), bias, path)
    _assign(layers[-1], arrays[-1], None, path)


def load_vgg16(network: keras.Model, path: str) -> None:
    """Loads VGG16's convolutions, without the top, from one of three forms of file, or `imagenet`.

    The Keras 1 / Theano file has groups `layer_1`, `layer_3`, ... and needs its kernels turned;
    today's `vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5` and any `.weights.h5` do not.

    Raises:
        MissingFileError, InvalidInputError: As `load_mlnet`.
    """
    convolutions = [layer for layer in network.layers if '_conv' in layer.name]
    if path != 'imagenet' and _load_keras1_vgg16(convolutions, path):
        return
    source = keras.applications.VGG16(include_top=False, weights=path, input_shape=(64, 64, 3))
    for layer in convolutions:
        layer.set_weights(source.get_layer(layer.name).get_weights())


def _load_keras1_vgg16(convolutions: list[Any], path: str) -> bool:
    """Loads the Keras 1 file; False where the file has another form."""
    with _open(path) as file:
        if f'layer_{VGG16_GROUPS[0]}' not in file:
            return False
        for layer, group in zip(convolutions, VGG16_GROUPS, strict=True):
            kernel, bias = _params(file, group, path)
            _assign(layer, from_theano(kernel), bias, path)
    return True


def from_theano(kernel: np.ndarray) -> np.ndarray:
    """`[out, in, h, w]` for a convolution -> `[h, w, in, out]` for a correlation."""
    return np.transpose(kernel, (2, 3, 1, 0))[::-1, ::-1]


def _open(path: str) -> h5py.File:
    if not pathlib.Path(path).expanduser().is_file():
        raise MissingFileError(
            f'No weights at {path}. The authors link theirs at {AUTHORS_URL} '
            '(`vgg16_weights.h5`, `mlnet_salicon_weights.pkl`); download the file, then type '
            f'`python -m fer_keras.models.mlnet_weights {path} mlnet.weights.h5`.'
        )
    try:
        return h5py.File(pathlib.Path(path).expanduser(), 'r')
    except OSError as error:
        raise InvalidInputError(f'{path} must be an HDF5 file, whatever its suffix.') from error


def _keras1_arrays(file: h5py.File) -> list[Any]:
    root = file.get('model_weights', file)
    if 'layer_names' not in root.attrs:
        raise InvalidInputError(f'{file.filename} must be a Keras 1 file: it has no `layer_names`.')
    groups = [root[_text(name)] for name in root.attrs['layer_names']]
    return [group[_text(name)] for group in groups for name in group.attrs['weight_names']]


def _params(file: h5py.File, number: int, path: str) -> tuple[np.ndarray, np.ndarray]:
    group = file.get(f'layer_{number}')
    count = 0 if group is None else int(group.attrs.get('nb_params', 0))
    if group is None or count != 2:
        raise InvalidInputError(
            f'`layer_{number}` must hold a kernel and a bias. Received: {count} in {path}.'
        )
    return np.asarray(group['param_0']), np.asarray(group['param_1'])


def _assign(layer: Any, kernel: np.ndarray, bias: np.ndarray | None, path: str) -> None:
    values = [kernel] if bias is None else [kernel, bias]
    shapes = [tuple(weight.shape) for weight in layer.weights]
    if shapes != [value.shape for value in values]:
        raise InvalidInputError(
            f'{layer.name} must have {shapes}. Received: {[v.shape for v in values]} in {path}.'
        )
    layer.set_weights(values)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def convert(source: str, target: str) -> None:
    """Writes the authors' file, or VGG16 alone, as weights of `build_mlnet`."""
    network = build_mlnet()
    with _open(source) as file:
        is_vgg16 = f'layer_{VGG16_GROUPS[0]}' in file
    (load_vgg16 if is_vgg16 else load_mlnet)(network, source)
    network.save_weights(target)


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit('Usage: python -m fer_keras.models.mlnet_weights SOURCE TARGET.weights.h5')
    convert(*sys.argv[1:])
