"""What `--help` of a command prints."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from fer_keras.config.fields import GROUPS, Setting, leaves_of
from fer_keras.config.run import RunConfig


def describe(
    main: Callable[..., None], *configs: type, arguments: str = '', shown: Sequence[str] = ()
) -> str:
    """What `--help` prints: the command and its own flags, in groups."""
    namespace = main.__globals__
    command = namespace['__spec__'].name if namespace.get('__spec__') else namespace['__name__']
    usage = f'usage: python -m {command} [--flag=value ...] {arguments}'.rstrip()
    parts = [usage, (namespace['__doc__'] or '').strip()]
    of_run = {field.name for field, _ in leaves_of(RunConfig)}
    fields = [
        (field, known)
        for config in configs
        for field, known in leaves_of(config)
        if not shown or field.name in shown or field.name not in of_run
    ]
    for group in GROUPS:
        lines = [_describe_flag(field, known) for field, known in fields if known.group == group]
        if lines:
            parts.append('\n'.join([f'{group}:', *lines]))
    parts.append('--flagfile=FILE reads flags from a file, one a line; later ones win.')
    return '\n\n'.join(parts)


def _describe_flag(field: dataclasses.Field[Any], known: Setting) -> str:
    default = field.default
    if isinstance(default, bool):
        name = f'--[no]{field.name}'
        tail = f'Default: {str(default).lower()}.'
    else:
        name = f'--{field.name}={_KINDS[type(default)]}'
        shown = ','.join(map(str, default)) if isinstance(default, tuple) else str(default)
        tail = f'Default: {shown or "none"}.'
    allowed = f' {known.range[0].upper()}{known.range[1:]}.' if known.range else ''
    once = f' Was --{known.formerly}.' if known.formerly else ''
    text = f'{known.help}{allowed} {tail}{once}'
    wrapped = textwrap.fill(text, 96, initial_indent=' ' * 6, subsequent_indent=' ' * 6)
    return f'  {name}\n{wrapped}'


_KINDS = {int: 'N', float: 'X', str: 'TEXT', tuple: 'A,B,...'}
