"""One process at a time trains a run: two would write over each other's states and history."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from fer_keras.errors import ExistingFileError, UnwritableFileError
from fer_keras.run_dir import RunDir
from tfds_builders.errors import HeldLockError, UnwritableFolderError
from tfds_builders.locks import hold


@contextlib.contextmanager
def hold_run(run_dir: RunDir, *, is_chief: bool) -> Iterator[Callable[[], None]]:
    """Holds the folder of a run while the block runs; of several workers the chief does.

    Yields:
        A function that raises `ExistingFileError` where another process has taken the folder, since
        this one had stood still for long.

    Raises:
        ExistingFileError: Another process trains in it.
        UnwritableFileError: It cannot be written to.
    """
    if not is_chief:
        yield lambda: None
        return
    with contextlib.ExitStack() as stack:
        with _as_ours(' Else choose another --run_dir.'):
            lock = stack.enter_context(hold(run_dir.lock_file, 'trained'))

        def require_held() -> None:
            with _as_ours():
                lock.require_held()

        yield require_held


@contextlib.contextmanager
def _as_ours(advice: str = '') -> Iterator[None]:
    try:
        yield
    except HeldLockError as error:
        raise ExistingFileError(f'{error}{advice}') from error
    except UnwritableFolderError as error:
        raise UnwritableFileError(f'{error} --run_dir names it.') from error
