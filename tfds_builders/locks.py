"""A folder that one process at a time writes to, also where several hosts see it.

The holder writes a file that names host, process and time, and renews the file's time while it
works. Who finds one that was not renewed for `FREE_AFTER_S` takes it. Ages are differences of times
that the file system of the folder gives, so the clocks of hosts may differ. On the machine of the
holder a lock is free as soon as its process has ended; elsewhere after that time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from tfds_builders.errors import HeldLockError, UnwritableFolderError

RENEWED_EVERY_S = 20.0
FREE_AFTER_S = 120.0


@dataclasses.dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        host: Its name.
        process: Its number on its host.
        since: When it took the lock, in UTC.
        machine: Running system and container, and when the process began, to tell processes of one
            number apart; empty where the system does not say.
        token: Drawn for this lock alone.

    >>> Holder('lab-3', 4711, '2026-01-31 12:00:00').describe()
    'process 4711 on lab-3, since 2026-01-31 12:00:00 UTC'
    """

    host: str = ''
    process: int = 0
    since: str = ''
    machine: str = ''
    token: str = ''

    def describe(self) -> str:
        """Who it is, for a message."""
        if not self.host:
            return 'a process that does not say which'
        return f'process {self.process} on {self.host}, since {self.since} UTC'

    @property
    def has_ended(self) -> bool:
        """Whether it is known to have ended: its process was one of this machine."""
        place, _, began = self.machine.rpartition(' ')
        own_place, _, _ = _machine(os.getpid()).rpartition(' ')
        if not began or place != own_place:
            return False
        return _machine(self.process) != self.machine


class FolderLock:
    """A lock that this process holds, from `hold`.

    Attributes:
        is_taken_over: Whether another process had left it behind, in the midst of its work.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with hold(os.path.join(folder, 'lock.json'), 'trained') as lock:
    ...         lock.require_held()
    ...         os.listdir(folder)
    ...     os.listdir(folder)
    ['lock.json']
    []
    """

    def __init__(
        self, path: str, own: Holder, *, is_taken_over: bool = False, made_folder: bool = False
    ) -> None:
        self.is_taken_over = is_taken_over
        self._made_folder = made_folder
        self._path = path
        self._own = own
        self._is_released = threading.Event()
        self._thread = threading.Thread(target=self._renew, name='lock', daemon=True)
        self._thread.start()

    def require_held(self) -> None:
        """Raises `HeldLockError` where another process took it: this one had not renewed it."""
        holder = _read(self._path)
        if holder is None and _create(self._path, self._own):  # Somebody removed it.
            return
        if holder != self._own:
            who = (holder or Holder()).describe()
            raise HeldLockError(
                f'{self._path} is no longer held by this process, which had not renewed it for '
                f'{FREE_AFTER_S:.0f} s, but by {who}. This process ends, so that the other '
                'goes on alone.'
            )

    def release(self) -> None:
        """Gives it free, where it is still held."""
        self._is_released.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            if _read(self._path) == self._own:
                os.remove(self._path)
                if self._made_folder:  # Where nothing came of it, nothing is left.
                    os.rmdir(os.path.dirname(self._path))

    def _renew(self) -> None:
        while not self._is_released.wait(RENEWED_EVERY_S):
            # A moment at which the volume cannot be reached is no reason to end.
            with contextlib.suppress(OSError):
                if _read(self._path) == self._own:
                    os.utime(self._path)  # To the time of the file system, not of this host.


@contextlib.contextmanager
def hold(
    path: str | os.PathLike[str],
    what: str,
    *,
    wait: Callable[[str], None] | None = None,
) -> Iterator[FolderLock]:
    """Holds a lock while the block runs.

    Args:
        path: Its file, in the folder that is locked, which is made where it is missing.
        what: What the holder does with the folder, a participle such as `trained`.
        wait: Is given once what is waited for; the lock is then taken when it is free. Without one
            a lock that is held is an error.

    Raises:
        HeldLockError: Another process holds it.
        UnwritableFolderError: The file cannot be written.
    """
    place = os.fspath(path)
    while (lock := _take(place)) is None:
        message = _describe_held(place, what)
        if message is None:
            time.sleep(0.1)  # Another process is taking it over.
            continue
        if wait is None:
            raise HeldLockError(f'{message} Wait until it has ended, or end it.')
        wait(message)
        while _describe_held(place, what) is not None:
            time.sleep(1.0)
    try:
        yield lock
    finally:
        lock.release()


def _describe_held(path: str, what: str) -> str | None:
    holder = _read(path)
    if holder is None or _is_free(path, holder):
        return None
    return (
        f'{os.path.dirname(path) or "."} is being {what} by {holder.describe()}. That process '
        f'renews {path}; it is free {FREE_AFTER_S:.0f} s after it ceases to.'
    )


def _take(path: str) -> FolderLock | None:
    """Takes a lock that is free; None where somebody holds it."""
    own, folder = _describe_self(), os.path.dirname(path) or '.'
    try:
        made_folder = not os.path.isdir(folder)
        os.makedirs(folder, exist_ok=True)
        if _create(path, own):
            return FolderLock(path, own, made_folder=made_folder)
        return FolderLock(path, own, is_taken_over=True) if _take_over(path, own) else None
    except OSError as error:
        is_file = isinstance(error, (FileExistsError, NotADirectoryError))
        why = 'a file is in its place' if is_file else error.strerror or error
        raise UnwritableFolderError(
            f'{folder} cannot be written to: {why}. Give a folder in which you may write, on a '
            'disk that has room.'
        ) from error


def _create(path: str, own: Holder) -> bool:
    """Makes the file, which only one process can; also on NFS."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    try:
        os.write(file, json.dumps(dataclasses.asdict(own), indent=2).encode())
    except OSError:
        os.close(file)
        os.remove(path)  # Of a full disk: an empty one would be nobody's.
        raise
    os.close(file)
    return True


def _take_over(path: str, own: Holder) -> bool:
    """Replaces a lock that is free; of several processes one alone does, behind a second file."""
    holder = _read(path)
    if holder is None:
        return _create(path, own)
    if not _is_free(path, holder):
        return False
    guard = f'{path}.taken-over'
    if not _create(guard, own):
        # Whoever made it has ended in the midst of the next lines.
        if _age_s(guard) > FREE_AFTER_S:
            with contextlib.suppress(FileNotFoundError):
                os.remove(guard)
        return False
    try:
        if _read(path) != holder:
            return False
        os.remove(path)
        return _create(path, own)
    finally:
        os.remove(guard)


def _is_free(path: str, holder: Holder) -> bool:
    # A time to come is that of a copy from elsewhere.
    return holder.has_ended or abs(_age_s(path)) > FREE_AFTER_S


def _age_s(path: str) -> float:
    """Seconds since a file was written or renewed, by the clock of its file system."""
    probe = f'{path}.{secrets.token_hex(4)}'
    try:
        renewed = os.stat(path).st_mtime
        with open(probe, 'wb') as file:
            now = os.fstat(file.fileno()).st_mtime
        os.remove(probe)
    except FileNotFoundError:
        return 0.0
    return now - renewed


def _read(path: str) -> Holder | None:
    """Who holds a lock; None where nobody does. A file that is just being written is somebody's."""
    try:
        with open(path, encoding='utf-8') as file:
            content: dict[str, Any] = json.load(file)
        return Holder(**content)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return Holder()


def _describe_self() -> Holder:
    now = datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d %H:%M:%S')
    process = os.getpid()
    return Holder(socket.gethostname(), process, now, _machine(process), secrets.token_hex(8))


def _machine(process: int) -> str:
    """What tells a process from others of its number: system, container, and when it began.

    Empty where the process is gone, or the system does not say (on Linux it does).
    """
    try:
        with open('/proc/sys/kernel/random/boot_id', encoding='utf-8') as file:
            system = file.read().strip()
        container = os.readlink('/proc/self/ns/pid')
        with open(f'/proc/{process}/stat', encoding='utf-8', errors='replace') as file:
            # The name of the program, in parentheses, may hold spaces.
            values = file.read().rpartition(')')[2].split()
    except OSError:
        return ''
    # State, and the 22nd value of all: ticks from the start of the system.
    return '' if values[0] in 'ZX' else f'{system} {container} {values[19]}'
