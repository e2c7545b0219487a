"""The table of saliency models: every metric, averaged over the images of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow_datasets as tfds

from fer_keras import files
from fer_keras.config.choices import FOLDER
from fer_keras.data.map_folder import read_precomputed
from fer_keras.errors import InvalidInputError
from fer_keras.run_dir import ReportDir
from fer_keras.saliency import metrics
from fer_keras.saliency.predictor import SaliencyPredictor

Array = npt.NDArray[np.floating[Any]]
# An image with its fixations and their map.
Example = Mapping[str, Any]
COLUMNS = ('NSS', 'CC', 'SIM', 'KL', 'AUC-Judd', 'sAUC', 'IG (bit)')


def saliency_table(
    builder: tfds.core.DatasetBuilder, split: str, kinds: Sequence[str], weights: str = ''
) -> pd.DataFrame:
    """One row a kind; images without fixations are left out.

    Args:
        builder: A data set with `image`, `fixations` and `map`.
        split: Of the data set.
        kinds: Keys of `SALIENCY_KINDS`, `saved_model:/path` or `folder:/path`.
        weights: A file for the kinds that have weights; empty: the shipped ones.

    Returns:
        The columns `COLUMNS`, indexed by kind.

    Raises:
        InvalidInputError: No image has fixations.
    """
    examples = [
        example
        for example in tfds.as_numpy(builder.as_dataset(split, shuffle_files=False))
        if len(example['fixations'])
    ]
    if not examples:
        raise InvalidInputError(
            f'{split!r} has no image with fixations, so there is nothing to measure.'
        )
    baselines = list(predict(examples, 'center', ''))
    rows = {}
    for kind in kinds:
        needs_weights = weights if kind.startswith('mlnet') else ''
        maps = predict(examples, kind, needs_weights)
        rows[kind] = np.mean(list(_scores(examples, maps, baselines)), axis=0)
    return pd.DataFrame.from_dict(rows, orient='index', columns=list(COLUMNS))


def predict(examples: Sequence[Example], kind: str, weights: str) -> Iterable[Array]:
    """Maps of the examples, one at a time: float32 `[h, w]` in [0, 1]."""
    predictor = SaliencyPredictor(kind, weights=weights or None)
    for example in examples:
        image = example['image']
        if kind.startswith(FOLDER):
            name = example['file_name'].decode()
            folder = kind.removeprefix(FOLDER)
            yield read_precomputed(folder, name, image.shape[:2])[:, :, 0]
        else:
            yield predictor(image[None])[0, :, :, 0]


def write_table(table: pd.DataFrame, folder: str) -> str:
    """Writes `saliency.csv`; returns its path."""
    path = ReportDir(folder).saliency_file
    files.write_text(path, table.to_csv(float_format='%.4f', index_label='saliency'))
    return path


def _scores(
    examples: Sequence[Example], maps: Iterable[Array], baselines: Sequence[Array]
) -> Iterable[list[float]]:
    everywhere = [_relative(example) for example in examples]
    for number, (example, saliency_map) in enumerate(zip(examples, maps, strict=True)):
        fixations, target = example['fixations'], example['map'][:, :, 0]
        others = np.concatenate(everywhere[:number] + everywhere[number + 1 :] or everywhere)
        others = others * saliency_map.shape[::-1]
        yield [
            metrics.nss(saliency_map, fixations),
            metrics.cc(saliency_map, target),
            metrics.sim(saliency_map, target),
            metrics.kl_divergence(saliency_map, target),
            metrics.auc_judd(saliency_map, fixations),
            metrics.auc_shuffled(saliency_map, fixations, others),
            metrics.information_gain(saliency_map, fixations, baselines[number]),
        ]


def _relative(example: Example) -> Array:
    """Fixations as shares of the sides, so that they carry over to an image of another size."""
    height, width = example['map'].shape[:2]
    shares: Array = example['fixations'] / (width, height)
    return shares
