"""Files of models that a newer Keras than this one has written."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from typing import Any

import keras

_METADATA, _CONFIG = 'metadata.json', 'config.json'
# What newer versions say of every layer or initialiser, used or not, and older ones refuse.
_NEW = ('quantization_config', 'input_axes', 'output_axes', 'renorm', 'renorm_clipping')
_OF_RENORM = 'renorm_momentum'
# Where operations without weights are defined; older ones take no name among their settings.
_OPERATIONS = 'keras.src.ops.'


@contextlib.contextmanager
def as_readable(path: str) -> Iterator[str]:
    """The path of a `.keras` file that this Keras reads.

    That of the file itself, unless a newer Keras has written it: then that of a copy, for as long
    as the block runs, without the settings that are new and say nothing. A model that uses one
    keeps it, and is refused by Keras. What is no such file is given back as it is.
    """
    if not _is_newer(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, 'model.keras')
        with zipfile.ZipFile(path) as whole, zipfile.ZipFile(copy, 'w') as written:
            for name in whole.namelist():
                data = whole.read(name)
                if name == _CONFIG:
                    data = json.dumps(without_unused(json.loads(data))).encode()
                written.writestr(name, data)
        yield copy


def without_unused(config: Any) -> Any:
    """A configuration without the new settings that are `None` or off.

    >>> without_unused({'units': 7, 'quantization_config': None, 'seed': None})
    {'units': 7, 'seed': None}
    """
    if isinstance(config, dict):
        unused = {name for name in _NEW if not config.get(name)}
        unused |= set() if config.get('renorm') else {_OF_RENORM}
        if str(config.get('module')).startswith(_OPERATIONS) and 'config' in config:
            settings = {key: value for key, value in config['config'].items() if key != 'name'}
            config = {**config, 'config': settings}
        return {key: without_unused(value) for key, value in config.items() if key not in unused}
    return [without_unused(one) for one in config] if isinstance(config, list) else config


def _is_newer(path: str) -> bool:
    try:
        with zipfile.ZipFile(path) as file:
            version = json.loads(file.read(_METADATA))['keras_version']
        return _numbers(version) > _numbers(keras.__version__)
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
        return False  # Keras says what is wrong with it.


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split('.')[:2])
