"""What whoever uses the package can mend. Any other exception is a fault of the package.

A command prints the text of a `UserError` in place of a traceback. Each is also of the built-in
type that Python callers expect, so that `except ValueError` goes on to catch it.
"""

from __future__ import annotations


class UserError(Exception):
    """Something that the user can mend; its text says what is wrong, what is allowed and what came.

    >>> try:
    ...     raise InvalidInputError('`crop` must be in [0.1, 1]. Received: crop=2.')
    ... except UserError as error:
    ...     print(error)
    `crop` must be in [0.1, 1]. Received: crop=2.
    """


class InvalidInputError(UserError, ValueError):
    """A value, or the content of a file, is not one that is allowed.

    >>> isinstance(InvalidInputError('`epochs` must be at least 1.'), ValueError)
    True
    """


class MissingFileError(UserError, FileNotFoundError):
    """A file or folder is not there; the text says where it was looked for and what to type.

    >>> str(MissingFileError('No run in runs/x.'))
    'No run in runs/x.'
    """


class ExistingFileError(UserError, FileExistsError):
    """A file or folder is there and holds what must not be overwritten.

    >>> isinstance(ExistingFileError('runs/x already holds a run.'), OSError)
    True
    """


class UnwritableFileError(UserError, OSError):
    """A file cannot be written: no right to, or no room.

    >>> str(UnwritableFileError('/no/a.csv cannot be written: No such file or directory.'))
    '/no/a.csv cannot be written: No such file or directory.'
    """


class LostWorkerError(UserError, ConnectionError):
    """Another process of a training on several hosts has ended; the run goes on when started again.

    >>> isinstance(LostWorkerError('Another worker is lost.'), ConnectionError)
    True
    """
