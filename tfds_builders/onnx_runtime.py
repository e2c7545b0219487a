"""Networks of ONNX, run by ONNX Runtime on the processor."""

from __future__ import annotations

import os
from typing import Any

from tfds_builders.quiet import hold_stderr


def open_session(network: bytes | str | os.PathLike[str], threads: int = 0) -> Any:
    """Opens a network, which any number of threads may ask at a time.

    Args:
        network: The content of an ONNX file, or its path.
        threads: For each operation; 0: `count_threads`.

    Raises:
        ImportError: ONNX Runtime is not installed.
        Exception: It is none; the classes of ONNX Runtime's errors have no common public one.
    """
    # Here, because a mere import of this package should not load it.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or count_threads()
    # Its threads would wait for the next operation at full speed, in the way of whatever is next.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
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
