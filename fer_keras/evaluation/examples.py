"""Pictures of single decisions: the worst errors, and some drawn blindly."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

import cv2
import keras
import numpy as np
import pandas as pd

from fer_keras.config.run import DataConfig
from fer_keras.data.batches import evaluation_batches
from fer_keras.data.splits import Source
from fer_keras.evaluation.document import Picture
from fer_keras.evaluation.predictions import PROBABILITY, label_names_of
from fer_keras.inference.explanations import build_grad_cam, explain

FOLDER = 'examples'
_COUNT = 8
_JPEG_QUALITY = 90
_SMALLEST_SIDE_PX = 128


def worst_errors(rows: pd.DataFrame, count: int = _COUNT) -> list[int]:
    """Positions of the errors made with the greatest confidence, the worst first."""
    confidence = rows[[PROBABILITY.format(name) for name in label_names_of(rows)]].max(axis=1)
    is_wrong = (rows['label'] != rows['predicted']).to_numpy()
    order = np.argsort(-confidence.to_numpy(), kind='stable')
    return [int(position) for position in order if is_wrong[position]][:count]


def random_sample(rows: pd.DataFrame, count: int = _COUNT, seed: int = 0) -> list[int]:
    """Positions of images drawn without looking, in the order of the data set."""
    drawn = np.random.default_rng(seed).choice(len(rows), min(count, len(rows)), replace=False)
    return sorted(int(position) for position in drawn)


def draw_examples(
    model: keras.Model,
    source: Source,
    data: DataConfig,
    rows: pd.DataFrame,
    positions: Sequence[int],
    report_dir: str,
) -> list[Picture]:
    """Draws face, saliency overlay, attended image and Grad-CAM of some images side by side.

    Args:
        model: From `models.classifier`.
        source: What `rows` are the predictions on, in the same order.
        data: Image and batch size.
        rows: From `predictions.predict_split`.
        positions: Which rows.
        report_dir: The pictures are written into its folder `examples`.

    Raises:
        OSError: A picture cannot be written.
    """
    wanted = sorted(set(positions))
    batches = evaluation_batches(source.at(wanted), data, num_classes=len(label_names_of(rows)))
    grad_cam = build_grad_cam(model)
    strips = np.concatenate([explain(grad_cam, images.numpy())[0] for images, _ in batches])
    os.makedirs(os.path.join(report_dir, FOLDER), exist_ok=True)
    of_position = dict(zip(wanted, strips, strict=True))
    return [_write(of_position[one], rows.iloc[one], one, report_dir) for one in positions]


def remove_examples(report_dir: str) -> None:
    """Removes the pictures of an earlier report."""
    shutil.rmtree(os.path.join(report_dir, FOLDER), ignore_errors=True)


def _write(strip: np.ndarray, row: pd.Series, position: int, report_dir: str) -> Picture:
    file = f'{FOLDER}/{position}.jpg'
    if strip.shape[0] < _SMALLEST_SIDE_PX:
        size = (4 * _SMALLEST_SIDE_PX, _SMALLEST_SIDE_PX)
        strip = cv2.resize(strip, size, interpolation=cv2.INTER_CUBIC)
    path = os.path.join(report_dir, file)
    if not cv2.imwrite(path, strip[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]):
        raise OSError(f'{path} cannot be written: check the folder and the disk.')
    share = row[PROBABILITY.format(row['predicted'])]
    decision = 'recognised' if row['label'] == row['predicted'] else f'taken for {row["predicted"]}'
    return Picture(file, f'{row["label"]}, {decision} ({share:.0%}): {row["file_name"]}')
