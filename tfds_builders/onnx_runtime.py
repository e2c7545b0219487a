"""Networks of ONNX, run by ONNX Runtime on the processor."""

from __future__ import annotations

import os
from typing import Any

from tfds_builders.quiet import hold_stderr


def open_session(network: bytes | str | os.PathLike[str]) -> Any:
    """Opens a network, for any number of threads at a time.

    Args:
        network: The content of an ONNX file, or its path.

    Raises:
        ImportError: ONNX Runtime is not installed.
        Exception: It is none; the classes of ONNX Runtime's errors have no common public one.
    """
    # Here, because a mere import of this package should not load it.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = count_threads()
    with hold_stderr():  # It writes notes on the devices that it looks for.
        return onnxruntime.InferenceSession(network, options, ['CPUExecutionProvider'])


def count_threads() -> int:
    """Threads an operation: `TF_NUM_INTRAOP_THREADS`, or all processors that one may use."""
    said = os.environ.get('TF_NUM_INTRAOP_THREADS', '')
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Not on Linux.
        return os.cpu_count() or 1
