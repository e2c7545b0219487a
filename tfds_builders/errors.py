"""What whoever builds a data set can mend. Any other exception is a fault of the package.

A command prints the text of a `BuilderError` in place of a traceback. Each is also of the built-in
type that Python callers expect, so that `except ValueError` catches it.
"""

from __future__ import annotations


class BuilderError(Exception):
    """Something that the user can mend; its text says what is wrong, what is allowed and what came.

    >>> try:
    ...     raise InvalidArchiveError('An archive must hold one numbering. Received: two.')
    ... except BuilderError as error:
    ...     print(error)
    An archive must hold one numbering. Received: two.
    """


class InvalidArchiveError(BuilderError, ValueError):
    """An archive, a setting or a prepared set is not one that is allowed.

    >>> isinstance(InvalidArchiveError('subjects must be at least 1.'), ValueError)
    True
    """


class MissingArchiveError(BuilderError, FileNotFoundError):
    """An archive, or a file of one, is not there; the text says what to type.

    >>> str(MissingArchiveError('photos/cfee does not exist.'))
    'photos/cfee does not exist.'
    """


class ExistingFileError(BuilderError, FileExistsError):
    """A file or folder is there and holds what must not be overwritten.

    >>> isinstance(ExistingFileError('demo holds thesis.txt.'), OSError)
    True
    """


class InvalidTableError(InvalidArchiveError):
    """A table of text cannot be read: the text names the file, the line or header, and what to do.

    >>> isinstance(InvalidTableError('a.csv is empty.'), InvalidArchiveError)
    True
    """


class InvalidPictureError(BuilderError, ValueError):
    """A file is no picture, is damaged, or has too many pixels.

    >>> str(InvalidPictureError('a.jpg is damaged.'))
    'a.jpg is damaged.'
    """


class TooLargePictureError(InvalidPictureError):
    """A picture has more pixels than are read.

    >>> isinstance(TooLargePictureError('a.png has 30000x30000.'), InvalidPictureError)
    True
    """


class MissingPictureError(BuilderError, FileNotFoundError):
    """There is no such file.

    >>> isinstance(MissingPictureError('a.jpg does not exist.'), FileNotFoundError)
    True
    """


class HeldLockError(BuilderError, BlockingIOError):
    """Another process works in the folder; the text says which, since when, and what to do.

    >>> isinstance(HeldLockError('runs/x is being trained by process 7 on lab-3.'), OSError)
    True
    """


class UnwritableFolderError(BuilderError, OSError):
    """A folder cannot be written to: no right to, or no room.

    >>> str(UnwritableFolderError('/no cannot be written to: Read-only file system.'))
    '/no cannot be written to: Read-only file system.'
    """
