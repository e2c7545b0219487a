"""Maps for pictures of any size, in batches: what the commands share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import keras
import numpy as np

from fer_keras.models.saliency import build_saliency_model

Size = tuple[int, int]


class SaliencyPredictor:
    """Builds one model a picture size, and keeps it.

    >>> predict = SaliencyPredictor('center')
    >>> maps = predict(np.zeros((2, 9, 15, 3), np.uint8))
    >>> maps.shape, float(maps[0, 4, 7, 0])
    ((2, 9, 15, 1), 1.0)
    """

    def __init__(self, kind: str, *, weights: str | None = None) -> None:
        self.kind = kind
        self.weights = weights
        self._models: dict[Size, keras.Model] = {}

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """float32 or uint8 `[n, h, w, 3]` RGB in [0, 255] -> float32 `[n, h, w, 1]` in [0, 1]."""
        size = (images.shape[1], images.shape[2])
        if size not in self._models:
            self._models[size] = build_saliency_model(
                self.kind, image_size_px=size, weights=self.weights
            )
        return np.asarray(self._models[size].predict_on_batch(images.astype(np.float32)))


def batches_of_one_size(
    pictures: Iterable[tuple[str, np.ndarray]], batch_size: int
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Groups (name, picture) into batches; a new size begins a new batch."""
    names: list[str] = []
    waiting: list[np.ndarray] = []
    for name, picture in pictures:
        if waiting and (len(waiting) == batch_size or picture.shape != waiting[0].shape):
            yield names, np.stack(waiting)
            names, waiting = [], []
        names.append(name)
        waiting.append(picture)
    if waiting:
        yield names, np.stack(waiting)
