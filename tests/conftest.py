"""One thread a worker, and no GPU memory taken whole: the tests run side by side."""

import os

import pytest

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
os.environ.setdefault('TF_FORCE_GPU_ALLOW_GROWTH', 'true')
os.environ.setdefault('MPLBACKEND', 'agg')


@pytest.fixture(scope='session')
def served(tmp_path_factory):
    """The classifier of `tests.exported`, and its SavedModel."""
    from tests.exported import export_once

    base = tmp_path_factory.getbasetemp()
    # The folder above is that of all workers.
    return export_once((base.parent if 'PYTEST_XDIST_WORKER' in os.environ else base) / 'exported')


@pytest.fixture(scope='session')
def signatures(served):
    return served.loaded.signatures


@pytest.fixture(scope='session')
def portable_dir(served):
    """The folder of the same classifier as ONNX and TFLite files."""
    from tests.exported import write_portable_once

    return write_portable_once(served)
