"""What whoever builds a data set can mend. Any other exception is a fault of the package.

A command prints the text of a `BuilderError` in place of a traceback. Each is also of the built-in
type that Python callers expect, so that `except ValueError` catches it.
"""

from __future__ import annotations

import errno
import os
import re

_NO_ROOM = 'Make room there and give the same command again.'
_NO_RIGHT = 'Choose another path, or ask for the right to read and write there.'
_OTHER_KIND = 'A file is where a folder should be, or a folder where a file should: choose another.'
_ON_THE_MACHINE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _NO_ROOM),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _NO_RIGHT),
    **dict.fromkeys((errno.ENOTDIR, errno.EISDIR, errno.EEXIST), _OTHER_KIND),
    errno.ENAMETOOLONG: 'Choose a shorter name.',
    errno.ELOOP: 'Links lead in a circle: choose another path.',
    errno.EMFILE: 'Too many files are open: type `ulimit -n 4096` and give the command again.',
    errno.EIO: 'The disk or the network in between may be damaged: copy the files elsewhere.',
}


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


class InvalidDetectorError(BuilderError, ValueError):
    """The detector of faces is not one that is allowed, or its file holds something else.

    >>> isinstance(InvalidDetectorError('a.onnx is no network.'), ValueError)
    True
    """


class MissingDetectorError(BuilderError, FileNotFoundError):
    """The file of the detector of faces is not there.

    >>> str(MissingDetectorError('yunet.onnx does not exist.'))
    'yunet.onnx does not exist.'
    """


class EndedWorkerError(BuilderError, ChildProcessError):
    """A process that reads pictures was ended by the system, most often for want of memory.

    >>> isinstance(EndedWorkerError('One of the 8 processes was ended.'), OSError)
    True
    """


class UnwritableFolderError(BuilderError, OSError):
    """A folder cannot be written to: no right to, or no room.

    >>> str(UnwritableFolderError('/no cannot be written to: Read-only file system.'))
    '/no cannot be written to: Read-only file system.'
    """


def describe_machine_error(error: BaseException) -> str:
    """What the machine refuses, whatever library says it: no room, no right, a missing package.

    Returns:
        What happened and what to do, or an empty text for any other exception.

    >>> describe_machine_error(OSError(errno.ENOSPC, 'No space left on device', 'a.csv'))
    'No space left on device: a.csv. Make room there and give the same command again.'
    """
    # A part of a package, one of our own too, is missing by a fault.
    if isinstance(error, ModuleNotFoundError) and error.name and '.' not in error.name:
        return f'{error.name} is not installed. Type: pip install fer_keras'
    is_of_tensorflow = type(error).__module__.startswith('tensorflow')
    if not isinstance(error, OSError) and not is_of_tensorflow:
        return ''
    number, text = getattr(error, 'errno', None), str(error)
    if isinstance(error, OSError) and number is not None:
        text = ': '.join(str(one) for one in (error.strerror, error.filename) if one)
    for code, remedy in _ON_THE_MACHINE.items():
        # HDF5 and TensorFlow have the text alone.
        if code == number or (number is None and os.strerror(code) in text):
            # TensorFlow names its op before and behind.
            text = re.sub(r'\{\{.*?\}\}|\[Op:\w*\]', '', text)
            return f'{" ".join(text.split())[:500].rstrip(".")}. {remedy}'
    return ''
