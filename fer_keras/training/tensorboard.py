"""What TensorBoard shows beside curves: hyper-parameters, saliency overlays, confusions."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from tensorboard.plugins.hparams import api as hparams

from fer_keras.config.run import RunConfig
from fer_keras.figures import draw_confusion_matrix, overlay
from fer_keras.models.classifier import build_explainer, has_saliency
from fer_keras.run_dir import RunDir

_OVERLAYS = 8


class Pictures:
    """Writes them under `train` and `validation` of a run's folder."""

    def __init__(self, run_dir: RunDir, names: Sequence[str]) -> None:
        self._names = list(names)
        self._train, self._validation = (
            tf.summary.create_file_writer(os.path.join(run_dir.path, part))
            for part in ('train', 'validation')
        )

    def write_flags(self, run: RunConfig) -> None:
        """Writes every flag as a hyper-parameter."""
        parts = (run.data, run.model, run.training)
        values = {name: value for part in parts for name, value in dataclasses.asdict(part).items()}
        with self._train.as_default():
            hparams.hparams(values)
        self._train.flush()

    def write_overlays(self, model: keras.Model, images: np.ndarray) -> None:
        """Writes faces with their saliency maps, and what passes on, where there is saliency.

        Args:
            model: The classifier.
            images: float32 `[batch, size, size, channels]`, as the classifier takes them.
        """
        if not has_saliency(model):
            return
        found = build_explainer(model).predict_on_batch(images[:_OVERLAYS])
        faces, maps = found['face'][..., :3], found['saliency_map'][..., 0]
        overlays = [overlay(face, one) for face, one in zip(faces, maps, strict=True)]
        attended = np.clip(found['attended_image'], 0, 255).astype(np.uint8)
        with self._validation.as_default():
            tf.summary.image('saliency_overlay', np.stack(overlays), 0, max_outputs=_OVERLAYS)
            tf.summary.image('attended_image', attended, 0, max_outputs=_OVERLAYS)
        self._validation.flush()

    def write_confusion(self, counts: np.ndarray, epoch: int) -> None:
        """Writes the counts `[true, predicted]` of an epoch, from 0."""
        table = pd.DataFrame(counts, self._names, self._names)
        figure = draw_confusion_matrix(table, f'validation, epoch {epoch + 1}')
        figure.set_dpi(70)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = np.asarray(canvas.buffer_rgba())[..., :3]
        plt.close(figure)
        with self._validation.as_default():
            tf.summary.image('confusion_matrix', picture[None], epoch)
        self._validation.flush()
