"""Single decisions shown: the worst errors, and some drawn blindly."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Sequence
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_keras import files
from fer_keras.config.data import DataConfig
from fer_keras.data.batches import evaluation_batches
from fer_keras.data.splits import Source
from fer_keras.evaluation.document import ReportFigure
from fer_keras.evaluation.predictions import is_right, label_names_of, probabilities_of
from fer_keras.inference.answers import PROBABILITY
from fer_keras.inference.explanations import build_grad_cam, explain
from fer_keras.run_dir import ReportDir

_COUNT = 8
_JPEG_QUALITY = 90
_SMALLEST_SIDE_PX = 128


def worst_errors(rows: pd.DataFrame, count: int = _COUNT) -> list[int]:
    """Positions of the errors made with the greatest confidence, the worst first."""
    confidence = probabilities_of(rows, label_names_of(rows)).max(axis=1)
    is_wrong = ~is_right(rows)
    order = np.argsort(-confidence, kind='stable')
    return [int(position) for position in order if is_wrong[position]][:count]


def random_sample(rows: pd.DataFrame, count: int = _COUNT, seed: int = 0) -> list[int]:
    """Positions of images drawn without looking, in the order of the data set."""
    drawn = np.random.default_rng(seed).choice(len(rows), min(count, len(rows)), replace=False)
    return sorted(int(position) for position in drawn)


def draw_chosen_examples(
    model: keras.Model, source: Source, data: DataConfig, rows: pd.DataFrame, report: ReportDir
) -> tuple[list[ReportFigure], list[ReportFigure]]:
    """Draws the worst errors, and the images drawn without looking: see `draw_examples`."""
    worst, sample = worst_errors(rows), random_sample(rows)
    drawn = draw_examples(model, source, data, rows, [*worst, *sample], report)
    return drawn[: len(worst)], drawn[len(worst) :]


def draw_examples(
    model: keras.Model,
    source: Source,
    data: DataConfig,
    rows: pd.DataFrame,
    positions: Sequence[int],
    report: ReportDir,
) -> list[ReportFigure]:
    """Draws face, saliency overlay, attended image and Grad-CAM of some images side by side.

    Args:
        model: From `models.classifier`.
        source: What `rows` are the predictions on, in the same order.
        data: Image and batch size.
        rows: As `evaluation.predictions` describes them.
        positions: Which rows.
        report: They are written into its folder of examples.

    Raises:
        UnwritableFileError: One cannot be written.
    """
    wanted = sorted(set(positions))
    streamed = dataclasses.replace(data, cache=False)
    chosen = source.at(wanted)
    batches = evaluation_batches(chosen, streamed, num_classes=len(label_names_of(rows)))
    grad_cam = build_grad_cam(model)
    strips = np.concatenate([explain(grad_cam, images.numpy())[0] for images, _ in batches])
    of_position = dict(zip(wanted, strips, strict=True))
    return [_write(of_position[one], rows.iloc[one], one, report) for one in positions]


def remove_examples(report: ReportDir) -> None:
    """Removes the examples of an earlier report."""
    shutil.rmtree(report.examples_dir, ignore_errors=True)


def _write(
    strip: npt.NDArray[Any], row: pd.Series, position: int, report: ReportDir
) -> ReportFigure:
    if strip.shape[0] < _SMALLEST_SIDE_PX:
        size = (4 * _SMALLEST_SIDE_PX, _SMALLEST_SIDE_PX)
        strip = cv2.resize(strip, size, interpolation=cv2.INTER_CUBIC)
    _, encoded = cv2.imencode('.jpg', strip[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    path = os.path.join(report.examples_dir, f'{position}.jpg')
    files.write_bytes(path, encoded.tobytes())
    share = row[PROBABILITY.format(row['predicted'])]
    decision = 'recognised' if row['label'] == row['predicted'] else f'taken for {row["predicted"]}'
    caption = f'{row["label"]}, {decision} ({share:.0%}): {row["file_name"]}'
    return ReportFigure(os.path.relpath(path, report.path), caption)
