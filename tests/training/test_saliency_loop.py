"""The saliency commands as a user types them, on pictures where people look at a bright disk."""

import subprocess
import sys

import cv2
import numpy as np
import pandas as pd
import pytest
import scipy.io

from tests.tfds_builders.test_fixations import gaze

SIZE = (48, 64)


def write_archive(root):
    """SALICON's layout: the disk lies in the right half, far from the centre."""
    rng = np.random.default_rng(0)
    for split, count in (('train', 20), ('val', 4)):
        for kind in ('images', 'maps', 'fixations'):
            (root / kind / split).mkdir(parents=True)
        for number in range(count):
            x, y = int(rng.integers(44, 58)), int(rng.integers(8, 40))
            picture = rng.integers(60, 90, (*SIZE, 3)).astype(np.uint8)
            cv2.circle(picture, (x, y), 5, (250, 250, 250), -1)
            marks = np.zeros(SIZE, np.float32)
            marks[y, x] = 1
            target = cv2.GaussianBlur(marks, (0, 0), 4)
            cv2.imwrite(str(root / f'images/{split}/{number}.jpg'), picture)
            cv2.imwrite(
                str(root / f'maps/{split}/{number}.png'),
                (255 * target / target.max()).astype(np.uint8),
            )
            fixations = gaze([[x + 1, y + 1], [x + 3, y + 1]], [[x + 1, y + 2], [x - 1, y]])
            scipy.io.savemat(root / f'fixations/{split}/{number}.mat', {'gaze': fixations})


def run(module, *arguments):
    completed = subprocess.run(
        [sys.executable, '-m', module, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr[-3000:]
    return completed


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp('saliency')
    write_archive(path / 'archives/salicon')
    run('tfds_builders.build', 'salicon', f'--manual_dir={path / "archives"}', f'--data_dir={path}')
    return path


def test_a_trained_model_beats_the_centre_and_its_file_is_measured(data_dir, tmp_path):
    weights = tmp_path / 'own.weights.h5'
    run(
        'fer_keras.train_saliency', f'--data_dir={data_dir}', '--encoder_weights=', '--epochs=8',
        '--head_epochs=0', '--batch_size=4', '--learning_rate=2e-3', '--zoom_probability=0',
        f'--output={weights}',
    )  # fmt: skip
    run(
        'fer_keras.evaluate_saliency', f'--data_dir={data_dir}', f'--weights={weights}',
        '--kinds=center,mlnet_light', f'--output={tmp_path}',
    )  # fmt: skip
    table = pd.read_csv(tmp_path / 'saliency.csv', index_col='saliency')
    assert table.loc['mlnet_light', 'NSS'] > table.loc['center', 'NSS'] + 0.5
    assert table.loc['mlnet_light', 'AUC-Judd'] > 0.7 > table.loc['center', 'AUC-Judd']
