"""What the first answer costs from cold: `python -m benchmarks.first_answer MODEL [MODEL ...]`.

Each model, of any form that `fer_keras.load` takes, answers to one face crop in a process of its
own with one thread an operation. Printed are the processor's seconds until the first answer, all
that Python and its packages need included, the peak of memory, and the milliseconds of each further
crop, by the processor, too: so other work on the machine disturbs little. Medians of `--times`
processes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

import pandas as pd

# Of one thread, and nothing imported before.
_ONE_THREAD = {'TF_NUM_INTRAOP_THREADS': '1', 'OMP_NUM_THREADS': '1'}
_FURTHER = 20
PROGRAM = f"""
import json, resource, sys, time
import numpy as np
import fer_keras
predictor = fer_keras.load(sys.argv[1])
crop = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
predictor.predict_crops(crop)
first = time.process_time()
for _ in range({_FURTHER}):
    predictor.predict_crops(crop)
further = (time.process_time() - first) / {_FURTHER}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({{'first, s': first, 'peak MiB': peak, 'further, ms': 1000 * further}}))
"""


def main() -> None:
    """Prints a row a model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('models', nargs='+', metavar='MODEL')
    parser.add_argument('--times', type=int, default=3)
    options = parser.parse_args()
    rows = []
    for model in options.models:
        measured = pd.DataFrame([measure(model) for _ in range(options.times)])
        rows.append({'model': model, **measured.median().to_dict()})
    print(pd.DataFrame(rows).round(1).to_string(index=False))


def measure(model: str) -> dict[str, float]:
    """Of one new process."""
    completed = subprocess.run(
        [sys.executable, '-c', PROGRAM, model],
        env={**os.environ, **_ONE_THREAD},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured: dict[str, float] = json.loads(completed.stdout.splitlines()[-1])
    return measured


if __name__ == '__main__':
    main()
