"""Flags that are gone: what runs and flag files of before say with them is still read."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping

from fer_keras.config.data import DataConfig
from fer_keras.config.fields import as_values, leaves_of, settings_of
from fer_keras.config.model import ModelConfig
from fer_keras.config.run import RunConfig
from fer_keras.config.saliency import SaliencyTrainingConfig
from fer_keras.config.training import TrainingConfig


@dataclasses.dataclass(frozen=True)
class GoneFlag:
    """A flag that is gone.

    Attributes:
        default: Its default: a flag file that says no more means nothing by it.
        becomes: The flag that does what it did, and its value; empty: none does.
        why: Why it is gone.

    >>> GONE['balance_classes'].becomes
    ('balance', 'loss')
    """

    default: str
    becomes: tuple[str, ...] = ()
    why: str = ''


GONE = {
    'balanced_sampling': GoneFlag('False', ('balance', 'sampling')),
    'balance_classes': GoneFlag('False', ('balance', 'loss')),
    'group_rates': GoneFlag('', why='no measurement asked for it'),
}
# Values that are gone of flags that are not, and what is taken for them.
GONE_VALUES = {('precision', 'auto'): 'float32'}


def former_names() -> dict[str, str]:
    """Today's name of each flag that was renamed, by its former one."""
    parts = (DataConfig, ModelConfig, TrainingConfig)
    return {
        known.formerly: field.name
        for part in parts
        for field, known in settings_of(part)
        if known.formerly
    }


def modernize(values: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Says with today's flags what flags of whatever time say.

    Args:
        values: Values as text, by flag.

    Returns:
        The same without flags and values that are gone, and a sentence for each of these that said
        something.
    """
    renamed = former_names()
    found = {renamed.get(name, name): value for name, value in values.items() if name not in GONE}
    notes = []
    for name, gone in GONE.items():
        value = values.get(name, gone.default)
        if value.lower() == gone.default.lower():
            continue
        if gone.becomes:
            flag, becomes = gone.becomes
            found.setdefault(flag, becomes)
            notes.append(f'--{name} is gone; it is read as --{flag}={becomes}.')
        else:
            notes.append(f'--{name}={value} is gone, since {gone.why}; it is left out.')
    for (name, value), becomes in GONE_VALUES.items():
        if found.get(name) == value:
            found[name] = becomes
            notes.append(f'--{name}={value} is gone; it is read as --{name}={becomes}.')
    return found, notes


def differing_flags(one: str, other: str) -> list[str]:
    """The lines that two flag files of runs, one `--name=value` a line, do not share.

    Both are read as today's version would have written them: a setting that is younger than a file
    has its default. Paths are the same that lead to one file or folder. Where the run lies is no
    difference, nor where its data lie: the record of a run knows their people and images.
    """
    return sorted(_lines_of(one) ^ _lines_of(other))


def read_flags(text: str) -> dict[str, str]:
    """The settings that a flag file of a run says, as today's version would have written them.

    A setting that is younger than the file has its default.

    Args:
        text: One `--name=value` a line.
    """
    pairs = (line.removeprefix('--').partition('=') for line in text.splitlines() if line)
    values, _ = modernize({name: value for name, _, value in pairs})
    config = RunConfig() if 'source' in values else SaliencyTrainingConfig()
    return as_values(config) | values


def _lines_of(text: str) -> set[str]:
    values = read_flags(text)
    # A saliency model has no record of its data; its run writes to another place besides.
    is_run = 'source' in values
    config = RunConfig if is_run else SaliencyTrainingConfig
    paths = {field.name for field, known in leaves_of(config) if known.is_path}
    places = ('run_dir', 'data_dir' if is_run else 'output')
    return {
        f'--{name}={_resolve(value) if name in paths else value}'
        for name, value in values.items()
        if name not in places
    }


def _resolve(path: str) -> str:
    path = os.path.expanduser(path)
    return os.path.realpath(path) if path and os.path.exists(path) else path
