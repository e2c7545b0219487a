"""How a setting is written: default, what is allowed, group and help, once.

`fer_keras.flags` makes the flag of a field from it, and `check` refuses the same values whoever
builds the dataclass.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from fer_keras.errors import InvalidInputError

# In this order `--help` shows them.
GROUPS = ('input', 'data', 'model', 'recipe', 'execution', 'output')
_SETTING = 'setting'
_T = TypeVar('_T')


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is known of a field beside its default.

    Attributes:
        help: A sentence or two.
        group: One of `GROUPS`.
        low: The smallest value that is allowed.
        high: The largest.
        choices: The values that are allowed, of each element where there are several; empty: all.
        prefixes: Values that begin so are allowed besides the choices.
        is_path: Whether `~` in it is the user's home.
        formerly: The name that its flag had once, which is still read.

    >>> Setting('Epochs.', 'recipe', low=1).range
    'at least 1'
    """

    help: str
    group: str
    low: float | None = None
    high: float | None = None
    choices: Sequence[str] = ()
    prefixes: Sequence[str] = ()
    is_path: bool = False
    formerly: str = ''

    @property
    def range(self) -> str:
        """What is allowed, as a message says it; empty where everything is."""
        if self.choices:
            named = ', '.join(f'`{choice}`' for choice in self.choices if choice)
            begun = ''.join(f', or begin with `{prefix}`' for prefix in self.prefixes)
            return f'one of {named}{begun}'
        if self.low is None:
            return ''
        if self.high is None:
            return f'at least {self.low:g}'
        return f'in [{self.low:g}, {self.high:g}]'


def setting(default: _T, help: str, group: str, **allowed: Any) -> _T:
    """A field of a dataclass.

    Args:
        default: Its default, whose type is the field's.
        help: What `Setting` has, and so have the others.
        group: Likewise.
        **allowed: Likewise.
    """
    metadata = {_SETTING: Setting(help, group, **allowed)}
    return dataclasses.field(default=default, metadata=metadata)


def settings_of(config: Any) -> Iterator[tuple[dataclasses.Field[Any], Setting]]:
    """The fields of a dataclass, or of an instance of one, each with its setting."""
    for field in dataclasses.fields(config):
        if _SETTING in field.metadata:
            yield field, field.metadata[_SETTING]


def check(config: Any) -> None:
    """Checks every setting of a dataclass by itself: `__post_init__` calls it first.

    `~` and `~somebody` at the start of a path become the home of the user; a default stays as it
    is, so that what is written of it holds for other users too.

    Raises:
        InvalidInputError: A value is of another type, out of range or no choice, or the home of a
            user that there is not.
    """
    for field, known in settings_of(config):
        value = getattr(config, field.name)
        if known.is_path and value != field.default:
            if isinstance(value, os.PathLike):
                value = os.fspath(value)
            if isinstance(value, str):
                value = expand_home(value)
            elif isinstance(value, tuple):
                value = tuple(expand_home(one) for one in value if isinstance(one, str))
            object.__setattr__(config, field.name, value)
        problem = _problem_of(value, field.default, known)
        if problem:
            raise InvalidInputError(
                f'`{field.name}` must be {problem}. Received: {field.name}={value!r}.'
            )


def expand_home(path: str) -> str:
    """A path with the home of a user in place of `~` or `~somebody` at its start.

    Raises:
        InvalidInputError: There is no such user, nor a file of that name.
    """
    found = os.path.expanduser(path)
    if found.startswith('~') and not os.path.lexists(found):
        user = found.partition('/')[0]
        raise InvalidInputError(
            f'A path that begins with ~ must name the home of a user. Received: {path}, and there '
            f'is no user {user[1:] or "whose home is known"}. For a folder of that name, give '
            f'./{path}.'
        )
    return found


def _problem_of(value: Any, default: Any, known: Setting) -> str:
    """What a value should be, where it is not that."""
    if isinstance(default, tuple):
        is_right = isinstance(value, tuple) and all(
            isinstance(one, type(default[0]) if default else str) for one in value
        )
        right_choices = not known.choices or set(value) <= set(known.choices)
        if not is_right or not right_choices:
            return f'several values, {known.range}' if known.choices else 'a tuple of values'
        return ''
    if isinstance(default, float):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value):
            return known.range or 'a number'
    elif type(value) is not type(default):
        kinds = {bool: 'true or false', int: 'a whole number', str: 'a text'}
        return f'{kinds[type(default)]}{f", {known.range}" if known.range else ""}'
    if known.choices:
        is_right = value in known.choices or value.startswith(tuple(known.prefixes))
        return '' if is_right else known.range
    is_low = known.low is not None and value < known.low
    is_high = known.high is not None and value > known.high
    return known.range if is_low or is_high else ''


def as_values(config: Any) -> dict[str, str]:
    """Every setting by its name, as a flag takes it; those of nested dataclasses too."""
    found: dict[str, str] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            found |= as_values(value)
        else:
            is_several = isinstance(value, tuple)
            found[field.name] = ','.join(map(str, value)) if is_several else str(value)
    return found


def as_flags(config: Any) -> str:
    """One `--name=value` a line, for every setting: a flag file that repeats what was asked for."""
    return ''.join(f'--{name}={value}\n' for name, value in as_values(config).items())


def leaves_of(config: type) -> list[tuple[dataclasses.Field[Any], Setting]]:
    """The settings of a dataclass and of the dataclasses that it is made of."""
    found = list(settings_of(config))
    for part in parts_of(config).values():
        found += leaves_of(part)
    return found


def parts_of(config: type) -> dict[str, type]:
    """The fields of a dataclass that are themselves dataclasses."""
    made: dict[str, Any] = {
        field.name: field.default_factory for field in dataclasses.fields(config)
    }
    return {
        name: part
        for name, part in made.items()
        if isinstance(part, type) and dataclasses.is_dataclass(part)
    }
