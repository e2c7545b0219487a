"""What a run ran on: versions, devices, commit and data."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

import fer_keras

_PACKAGES = ('keras', 'numpy', 'opencv-python', 'scikit-learn', 'tensorflow', 'tensorflow-datasets')


def describe_environment(builders: Sequence[tfds.core.DatasetBuilder]) -> dict[str, Any]:
    """What `environment.json` holds."""
    return {
        'fer_keras': fer_keras.__version__,
        'commit': _commit(),
        'python': platform.python_version(),
        'packages': {name: importlib.metadata.version(name) for name in _PACKAGES},
        'platform': platform.platform(),
        'devices': [device.name for device in tf.config.list_physical_devices()],
        'data_sets': [describe_dataset(builder) for builder in builders],
    }


def describe_dataset(builder: tfds.core.DatasetBuilder) -> dict[str, Any]:
    """Name with version, size and recorded split hash of a data set."""
    return {
        'name': builder.info.full_name,
        'split_hash': (builder.info.metadata or {}).get('split_hash', ''),
        'examples': {name: split.num_examples for name, split in builder.info.splits.items()},
    }


def _commit() -> str:
    """The commit of the checkout that the package runs from; empty for an installed package."""
    try:
        completed = subprocess.run(
            ['git', 'describe', '--always', '--dirty'],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ''
    return completed.stdout.strip()
