"""One thread a worker, and no GPU memory taken whole: the tests run side by side."""

import os

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
os.environ.setdefault('TF_FORCE_GPU_ALLOW_GROWTH', 'true')
os.environ.setdefault('MPLBACKEND', 'agg')
