"""What commands and flag files say of themselves: `--help`, and lists of all of them."""

from __future__ import annotations

import ast
import dataclasses
import pathlib
import re
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
    flags = '[--flag=value ...] ' if configs else ''
    usage = f'usage: python -m {command} {flags}{arguments}'.rstrip()
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
    if configs:
        parts.append('--flagfile=FILE reads flags from a file, one a line; later ones win.')
    return '\n\n'.join(parts)


def commands() -> dict[str, str]:
    """Each command, and the first line of what it says of itself; none of them is loaded.

    >>> commands()['train']
    'Trains a classifier and tests it'
    """
    found = {}
    for file in sorted(pathlib.Path(__file__).parent.glob('[a-z]*.py')):
        text = file.read_text(encoding='utf-8')
        if '\n    flags.start(' in text:
            described = ast.get_docstring(ast.parse(text)) or ''
            found[file.stem] = described.splitlines()[0].partition(': `')[0].rstrip('.')
    return found


def describe_all() -> str:
    """What `fer-keras` prints of all the commands."""
    lines = [f'  {command:20} {what}' for command, what in commands().items()]
    return '\n'.join(
        [
            'usage: fer-keras COMMAND [--flag=value ...], or python -m fer_keras.COMMAND',
            *('', *lines, ''),
            '`fer-keras COMMAND --help` lists its flags.',
        ]
    )


def describe_recipe(file: pathlib.Path) -> str:
    """Name, question, cost and result of a flag file; empty where it asks nothing."""
    lines = file.read_text(encoding='utf-8').splitlines()
    comment = ' '.join(line.lstrip('# ') for line in lines if line.startswith('#'))
    said = dict(_SAID.findall(comment))
    if 'Question' not in said:
        return ''
    texts = [f'{what}: {said[what]}' for what in _TOLD if what in said]
    wrapped = [
        textwrap.fill(text, 96, initial_indent=' ' * 4, subsequent_indent=' ' * 8) for text in texts
    ]
    return '\n'.join([f'  {file.stem}', *wrapped])


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


# Of what the comments of a flag file say: a word with a colon, up to the next one.
_SAID = re.compile(
    r'(Question|Expected|Cost|Beforehand|Command): (.*?)'
    r'(?= (?:Question|Expected|Cost|Beforehand|Command): |$)'
)
_TOLD = ('Question', 'Expected', 'Cost', 'Beforehand')
_KINDS = {int: 'N', float: 'X', str: 'TEXT', tuple: 'A,B,...'}
