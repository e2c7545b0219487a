"""Flag files: reading them, those that they include, and the recipes that the package brings."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence

from fer_keras.config.fields import expand_home
from fer_keras.errors import InvalidInputError, MissingFileError

_FLAGS = ('--flagfile', '-flagfile')
_SUFFIX = '.flags'
# The folder as it is typed.
_TYPED = 'experiments'


def recipes() -> list[pathlib.Path]:
    """The flag files of the package's experiments, by name."""
    return sorted(_folder().glob(f'*{_SUFFIX}'))


def find_recipe(name: str) -> pathlib.Path:
    """The flag file of an experiment of the package.

    Raises:
        InvalidInputError: There is none of this name.

    >>> find_recipe('cross').name
    'cross.flags'
    """
    known = {path.stem: path for path in recipes()}
    if name not in known:
        raise InvalidInputError(
            f'A recipe must be one of {", ".join(known)}. Received: {name}. '
            '`python -m fer_keras.recipes` says what each is for.'
        )
    return known[name]


def locate_flag_file(path: str) -> pathlib.Path:
    """The file, whether it is there or not; `experiments/NAME.flags` may be the package's."""
    found = pathlib.Path(expand_home(path))
    is_of_package = not found.exists() and found.parts == (_TYPED, found.name)
    return _folder() / found.name if is_of_package else found


def expand_flag_files(arguments: Sequence[str]) -> list[str]:
    """Puts the flags of each flag file in the place where it is named, as absl would.

    A file of the current folder goes first; `experiments/NAME.flags` is the package's where there
    is none. Lines that begin with `#` or `//` are comments.

    Args:
        arguments: Of a command line.

    Raises:
        MissingFileError: There is no such file.
        InvalidInputError: It is no text in UTF-8, or includes itself.
    """
    return list(_expand(arguments, ()))


def _expand(arguments: Sequence[str], within: tuple[str, ...]) -> Iterator[str]:
    unread = iter(arguments)
    for argument in unread:
        name, _, path = argument.partition('=')
        if name not in _FLAGS:
            yield argument
            if argument == '--':  # What follows are no flags.
                yield from unread
            continue
        if argument in _FLAGS:
            path = next(unread, '')
        file = _find(path, within)
        yield from _expand(_read(file), (*within, file))


def _find(path: str, within: tuple[str, ...]) -> str:
    place = f' It is included by {within[-1]}.' if within else ''
    found = locate_flag_file(path) if path else None
    if found is None or not found.is_file():
        raise MissingFileError(
            f'--flagfile must name a file of flags. Received: {path or "nothing"}, which is none.'
            f'{place} `python -m fer_keras.recipes` lists those that come with the package.'
        )
    if str(found) in within:
        raise InvalidInputError(
            f'A flag file must not include itself. Received: {" -> ".join([*within, str(found)])}.'
        )
    return str(found)


def _read(file: str) -> list[str]:
    try:
        with open(file, encoding='utf-8-sig') as opened:
            lines = [line.strip() for line in opened]
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f'A flag file must be text in UTF-8. Received: {file}, which is not: {error}. Save it '
            'again, or copy it from where it was whole.'
        ) from error
    return [line for line in lines if line and not line.startswith(('#', '//'))]


def _folder() -> pathlib.Path:
    """Inside the package; beside it in a checkout on a system without symbolic links."""
    package = pathlib.Path(__file__).parents[1]
    inside = package / _TYPED
    return inside if inside.is_dir() else package.parent / _TYPED
