"""What a run ran on: versions, devices, commit and data."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from fer_keras.provenance.record import name_of
from fer_keras.version import __version__

_PACKAGES = ('keras', 'numpy', 'opencv-python', 'scikit-learn', 'tensorflow', 'tensorflow-datasets')


def describe_environment(builders: Sequence[tfds.core.DatasetBuilder]) -> dict[str, Any]:
    """What `environment.json` holds."""
    return {
        'fer_keras': __version__,
        'commit': _commit(),
        'python': platform.python_version(),
        'packages': {name: importlib.metadata.version(name) for name in _PACKAGES},
        'platform': platform.platform(),
        'devices': [device.name for device in tf.config.list_physical_devices()],
        'data_sets': [describe_dataset(builder) for builder in builders],
    }


def describe_dataset(builder: tfds.core.DatasetBuilder) -> dict[str, Any]:
    """Name with version, size, split hash and identity of a data set.

    `identity` covers what was read and how it was prepared; sets of earlier versions and of other
    people do not know theirs.
    """
    metadata = builder.info.metadata or {}
    return {
        'name': builder.info.full_name,
        'split_hash': metadata.get('split_hash', ''),
        'identity': metadata.get('content_hash', ''),
        'examples': {name: split.num_examples for name, split in builder.info.splits.items()},
    }


def changed_splits(
    before: Mapping[str, Any], builders: Sequence[tfds.core.DatasetBuilder]
) -> list[str]:
    """Data sets that are not as they were, by what `describe_environment` said of them."""
    known = {name_of(one['name']): one for one in before.get('data_sets', [])}
    found = []
    for now in map(describe_dataset, builders):
        was = known.get(name_of(now['name']), now)
        if was.get('split_hash', '') not in ('', now['split_hash']):
            found.append(f'{name_of(now["name"])} is split otherwise')
        elif was['name'] == now['name'] and was.get('identity', '') not in ('', now['identity']):
            found.append(f'{name_of(now["name"])} has other images')
    return found


def _commit() -> str:
    """The commit of our own checkout; empty where the package does not run from one.

    An installed package may lie inside the repository of another project.
    """
    root = Path(__file__).resolve().parents[1]
    top = _git(root, 'rev-parse', '--show-toplevel')
    if not top or Path(top).resolve() != root or not (root / 'setup.cfg').is_file():
        return ''
    return _git(root, 'describe', '--always', '--dirty')


def _git(folder: Path, *arguments: str) -> str:
    """What git prints; empty where there is no git, or no repository."""
    try:
        completed = subprocess.run(
            ['git', *arguments], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ''
    return completed.stdout.strip()
