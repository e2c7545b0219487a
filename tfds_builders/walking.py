"""All files below a folder, each once, whatever links lead there."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterable
from typing import TypeVar

# What systems and programs write beside the files of people, in lower case.
_OF_SYSTEMS = {
    *('__macosx', '.ds_store', 'thumbs.db', 'ehthumbs.db', 'desktop.ini', '@eadir', '#recycle'),
    *('icon\r', '$recycle.bin', 'system volume information', 'lost+found'),
}
_Path = TypeVar('_Path', bound=pathlib.PurePath)


def is_of_systems(name: str) -> bool:
    """Whether a file or folder is one that systems write, by its name.

    >>> [is_of_systems(name) for name in ('._a.jpg', '__MACOSX', 'Thumbs.db', '.a.jpg')]
    [True, True, True, False]
    """
    return name.startswith('._') or name.lower() in _OF_SYSTEMS


def walk(root: _Path, list_folder: Callable[[_Path], Iterable[_Path]]) -> list[tuple[_Path, bool]]:
    """All files below a folder, sorted.

    A folder is entered once, by its own path rather than by a link, so that links may form a loop.

    Args:
        root: The folder.
        list_folder: Gives what of a folder is looked at.

    Returns:
        Files, each with whether it is a link to another one of them.
    """
    files: list[_Path] = []
    entered: set[str] = set()
    folders, links = [root], list[_Path]()
    while folders or links:
        current = folders.pop() if folders else links.pop(0)
        place = os.path.realpath(current)
        if place in entered:
            continue
        entered.add(place)
        for path in sorted(list_folder(current)):
            is_folder, is_link = path.is_dir(), os.path.islink(path)  # type: ignore[attr-defined]
            (files if not is_folder else links if is_link else folders).append(path)
    owned = {os.path.realpath(path) for path in files if not os.path.islink(path)}
    return [
        (path, os.path.islink(path) and os.path.realpath(path) in owned) for path in sorted(files)
    ]
