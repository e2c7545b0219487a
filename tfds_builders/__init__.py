"""Builders of data sets; importing this package registers them with TensorFlow Datasets.

Where that is not installed, what finds faces and reads pictures is here all the same.
"""

from __future__ import annotations

import importlib.util
from typing import Any

BUILDERS: dict[str, Any] = {}
if importlib.util.find_spec('tensorflow_datasets'):
    from tfds_builders.registered import BUILDERS as REGISTERED

    BUILDERS.update(REGISTERED)
