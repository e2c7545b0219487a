"""Does tasks in processes of one thread each."""

from __future__ import annotations

import collections
import concurrent.futures
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool

from tfds_builders.errors import EndedWorkerError
from tfds_builders.tasks import Outcome, Task, do

# Tasks a process that wait or are done and not yet taken: the rest of the listing stays unlisted.
_AHEAD = 3


class WorkerPool:
    """Processes that do tasks; the outcomes come in the order of the tasks.

    >>> with WorkerPool(2) as pool:  # The processes start with the first task.
    ...     list(pool.do_all([]))
    []
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        # Forked processes would hang in the threads of TensorFlow.
        context = multiprocessing.get_context('spawn')
        self._executor = concurrent.futures.ProcessPoolExecutor(workers, context, _begin)

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *raised: object) -> None:
        self._executor.shutdown(cancel_futures=True)

    def do_all(self, tasks: Iterable[tuple[str, Task]]) -> Iterator[tuple[str, list[Outcome]]]:
        """As `tasks.do_all`, with a few tasks ahead of what is taken.

        Raises:
            EndedWorkerError: A process was ended by the system.
        """
        waiting: collections.deque[tuple[str, concurrent.futures.Future[list[Outcome]]]]
        waiting = collections.deque()
        try:
            for split, task in tasks:
                waiting.append((split, self._executor.submit(do, task)))
                if len(waiting) >= _AHEAD * self._workers:
                    first, done = waiting.popleft()
                    yield first, done.result()
            while waiting:
                first, done = waiting.popleft()
                yield first, done.result()
        except BrokenProcessPool as error:
            raise EndedWorkerError(
                f'One of the {self._workers} processes was ended by the system, probably for want '
                'of memory. Give fewer --workers.'
            ) from error


def _begin() -> None:
    """Prepares a process: one thread, no GPU, and an end where its parent has one."""
    # Read when TensorFlow makes its threads, at its first operation. Not for another's choice.
    for name in ('TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'OMP_NUM_THREADS'):
        os.environ.setdefault(name, '1')
    os.environ['CUDA_VISIBLE_DEVICES'] = '-1'  # The detector runs on the processor.
    # Here, for only who works needs it.
    import cv2

    cv2.setNumThreads(1)
    # The parent hears of Ctrl-C, too, and ends them all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when its parent was killed, which the queue between them does not show."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
