"""What reads tables alone does not wait for TensorFlow."""

import subprocess
import sys

import pytest

TENSORFLOW = ('tensorflow', 'keras', 'tensorflow_datasets')
HEAVY = (*TENSORFLOW, 'cv2', 'scipy.stats', 'sklearn', 'matplotlib')
LIGHT = (
    'comparison', 'document', 'human_confusions', 'intervals', 'measures', 'metrics', 'predictions',
    'run_document',
)  # fmt: skip


@pytest.mark.parametrize(
    ('modules', 'heavy'),
    [
        ([f'fer_keras.evaluation.{name}' for name in LIGHT], HEAVY),
        (['fer_keras.protocols.summary', 'fer_keras.protocols.jobs'], HEAVY),
        (['fer_keras.protocols.document'], TENSORFLOW),
    ],
    ids=['evaluation', 'tables of protocols', 'reports of protocols'],
)
def test_tables_are_read_without_tensorflow(modules, heavy):
    code = f'import sys, {", ".join(modules)}; print(*(set({heavy}) & set(sys.modules)))'
    completed = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    )
    assert completed.stdout.split() == []
