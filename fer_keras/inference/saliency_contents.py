"""What lies behind the path of `saved_model:` and `folder:` saliency, as a hash.

A run names such saliency by its path only. Another model under the same path, or other maps, would
make another classifier of it, so a run keeps a hash of what it was trained with.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Iterable, Sequence

from fer_keras import files
from fer_keras.config.choices import SAVED_MODEL
from fer_keras.config.model import ModelConfig
from fer_keras.data.map_folder import find_map
from fer_keras.data.splits import Source
from fer_keras.errors import InvalidInputError
from fer_keras.models.external_saliency import find_saved_model
from fer_keras.run_dir import RunDir

KEY = 'saliency_sha256'


def read_recorded(run_dir: RunDir) -> str:
    """The hash that a run was begun with; empty where it has none."""
    try:
        return str(files.read_json(run_dir.environment_file).get(KEY, ''))
    except FileNotFoundError:
        return ''


def record_contents(
    run_dir: RunDir, recorded: str, model: ModelConfig, splits: Sequence[Source], *, is_chief: bool
) -> None:
    """Compares what a run goes on with, and writes it to `environment.json`.

    Args:
        run_dir: Of the run.
        recorded: From `read_recorded`, before the run was claimed.
        model: Names the saliency.
        splits: What is trained and validated on: of a folder only their maps count, since those of
            a target may be added later.
        is_chief: Whether this process writes.

    Raises:
        InvalidInputError: The run was begun with other contents.
    """
    found = _hash_contents(model, splits)
    _require_same(model.saliency, recorded, found)
    if found and is_chief:
        environment = files.read_json(run_dir.environment_file)
        files.write_json(run_dir.environment_file, environment | {KEY: found})


def require_same_model(model: ModelConfig, run_dir: RunDir) -> None:
    """Refuses to test a run with another SavedModel than it was trained with.

    Raises:
        InvalidInputError: It is another one.
    """
    _require_same(model.saliency, read_recorded(run_dir), _hash_contents(model, ()))


def _hash_contents(model: ModelConfig, splits: Sequence[Source]) -> str:
    if model.saliency.startswith(SAVED_MODEL):
        root = pathlib.Path(find_saved_model(model.saliency.removeprefix(SAVED_MODEL)))
        inside = sorted(path for path in root.rglob('*') if path.is_file())
        return _hash_files((str(path.relative_to(root)), path) for path in inside)
    if not model.maps_folder or not splits:
        return ''
    return _hash_files(_maps(model.maps_folder, splits))


def _maps(folder: str, splits: Sequence[Source]) -> Iterable[tuple[str, pathlib.Path]]:
    for source in splits:
        named = source.examples.map(lambda one: (one['data_set'], one['file_name']))
        for set_name, file_name in named.as_numpy_iterator():
            of_set, name = set_name.decode(), file_name.decode()
            yield f'{of_set}/{name}', find_map(folder, name, of_set)


def _hash_files(named: Iterable[tuple[str, pathlib.Path]]) -> str:
    """SHA-256 of names and contents, in their order."""
    found = hashlib.sha256()
    for name, path in named:
        found.update(hashlib.sha256(os.fsencode(name)).digest())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _require_same(saliency: str, recorded: str, found: str) -> None:
    if recorded and found and recorded != found:
        raise InvalidInputError(
            f'The saliency of a run must stay what it was trained with. Received: {saliency}, in '
            f'which files have changed since (SHA-256 {found[:12]}, was {recorded[:12]}). Put the '
            'former ones back, or train again in another --run_dir.'
        )
