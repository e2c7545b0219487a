"""What the commands of the package share: how a wrong command line and an error end."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from tfds_builders.errors import BuilderError, InvalidArchiveError, describe_machine_error

USER_ERROR, INTERNAL_ERROR, INTERRUPTED = 2, 70, 130


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours, so that each is told in one line.

    >>> call(lambda: Parser(prog='build').parse_args(['--colour']) and 0)
    2
    """

    def error(self, message: str) -> NoReturn:
        """Raises `InvalidArchiveError` in place of printing the usage."""
        raise InvalidArchiveError(f'{message}. Type: {self.prog} --help')


def expand_home(path: str) -> str:
    """A path with the home of a user in place of `~` or `~somebody` at its start.

    Raises:
        InvalidArchiveError: There is no such user, nor a file of that name.
    """
    found = os.path.expanduser(path)
    if found.startswith('~') and not os.path.lexists(found):
        raise InvalidArchiveError(
            f'A path that begins with ~ must name the home of a user. Received: {path}, and there '
            f'is no such user. For a folder of that name, give ./{path}.'
        )
    return found


def call(main: Callable[[], int]) -> int:
    """Calls a command and gives its exit status.

    What the user can mend, and what the machine refuses, is told in one line; any other exception
    is a fault of the package, whose traceback is shown with the request to report it.
    """
    try:
        return main()
    except BuilderError as error:
        print(f'error: {error}', file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print('\nInterrupted.', file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if told := describe_machine_error(error):
            print(f'error: {told}', file=sys.stderr)
            return USER_ERROR
        traceback.print_exc()
        print(
            'This is a fault of tfds_builders: please report it, with the lines above.',
            file=sys.stderr,
        )
        return INTERNAL_ERROR
