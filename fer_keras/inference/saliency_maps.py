"""Saliency maps as pictures: one map and one overlay an image, and the means of a whole folder."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Iterator

import cv2
import numpy as np
import tensorflow_datasets as tfds

from fer_keras.config.choices import FOLDER
from fer_keras.config.saliency import SaliencyMapsConfig
from fer_keras.data.datasets import open_dataset
from fer_keras.data.map_folder import read_precomputed
from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.figures import overlay
from fer_keras.files import write_bytes
from fer_keras.inference.folders import walk
from fer_keras.inference.photos import read_head, read_photo
from fer_keras.saliency.metrics import cc
from fer_keras.saliency.predictor import SaliencyPredictor, batches_of_one_size
from tfds_builders.picture_formats import IMAGE_SUFFIXES, find_format
from tfds_builders.pictures import shrink

MEAN_SIZE = (224, 224)


@dataclasses.dataclass(frozen=True)
class Summary:
    """What was written, and the correlation of maps with a centre Gaussian.

    Attributes:
        images: Of which maps were written.
        skipped: Files that cannot be read.
        mean_map_cc: Correlation of the mean of all maps.
        mean_cc: Mean of the correlations of single maps.
        mean_overlay: The file with the mean of all images under that of all maps.

    >>> Summary(2, 0, mean_map_cc=0.9, mean_cc=0.7, mean_overlay='maps/mean_overlay.png').images
    2
    """

    images: int
    skipped: int
    mean_map_cc: float
    mean_cc: float
    mean_overlay: str


def write_saliency_maps(config: SaliencyMapsConfig) -> Summary:
    """Writes `maps/`, `overlays/`, `mean_map.png` and `mean_overlay.png` below `output`.

    Raises:
        MissingFileError: `input` is missing or holds no image.
        InvalidInputError: None of its images can be read.
    """
    if config.data_dir:
        pictures, count = _read_dataset(config)
    else:
        files = list_images(config.input)
        pictures, count = _read_files(files, config), len(files)
    output = pathlib.Path(config.output).expanduser()
    predictor = SaliencyPredictor(config.saliency, weights=config.weights or None)
    mean_image, mean_map = np.zeros((*MEAN_SIZE, 3)), np.zeros(MEAN_SIZE)
    center = SaliencyPredictor('center')(np.zeros((1, *MEAN_SIZE, 3)))[0, :, :, 0]
    correlations = []
    for names, images in batches_of_one_size(pictures, config.batch_size):
        for name, image, saliency_map in zip(
            names, images, _maps(names, images, predictor), strict=True
        ):
            _write(_inside(output / 'maps', name), saliency_map * 255)
            _write(_inside(output / 'overlays', name), overlay(image, saliency_map))
            small = cv2.resize(saliency_map, MEAN_SIZE, interpolation=cv2.INTER_AREA)
            mean_image += cv2.resize(image, MEAN_SIZE, interpolation=cv2.INTER_AREA)
            mean_map += small
            correlations.append(cc(small, center))
    if not correlations:
        raise InvalidInputError(f'None of the {count} files in {config.input} could be read.')
    mean_map, mean_image = mean_map / len(correlations), mean_image / len(correlations)
    _write(output / 'mean_map', mean_map / max(mean_map.max(), 1e-7) * 255)
    _write(output / 'mean_overlay', overlay(mean_image, mean_map / max(mean_map.max(), 1e-7)))
    return Summary(
        images=len(correlations),
        skipped=count - len(correlations),
        mean_map_cc=cc(mean_map, center),
        mean_cc=float(np.mean(correlations)),
        mean_overlay=str(output / 'mean_overlay.png'),
    )


def list_images(folder: str) -> list[pathlib.Path]:
    """One image, or all images below a folder, told by their content or their names.

    Hidden files are left out, and links are followed once.
    """
    root = pathlib.Path(folder).expanduser()
    if root.is_file():
        return [root]
    images = [file for file in walk(str(root)) if _is_image(file)] if root.is_dir() else []
    if not images:
        raise MissingFileError(
            f'{root} must be an image or a folder of images ({", ".join(IMAGE_SUFFIXES)}). '
            'Received: none.'
        )
    return [pathlib.Path(file) for file in images]


def _is_image(file: str) -> bool:
    has_suffix = pathlib.PurePath(file).suffix.lower() in IMAGE_SUFFIXES
    return has_suffix or find_format(read_head(file)) is not None


def _read_dataset(config: SaliencyMapsConfig) -> tuple[Iterator[tuple[str, np.ndarray]], int]:
    """(file name, RGB uint8) of every example of all splits, and their number."""
    builder = open_dataset(config.input, config.data_dir)
    examples = tfds.as_numpy(builder.as_dataset(split='all', shuffle_files=False))
    pictures = (
        (example['file_name'].decode(), shrink(example['image'], config.longest_side_px))
        for example in examples
    )
    return pictures, sum(split.num_examples for split in builder.info.splits.values())


def _read_files(
    files: list[pathlib.Path], config: SaliencyMapsConfig
) -> Iterator[tuple[str, np.ndarray]]:
    """(path below `input`, RGB uint8) of every file that is an image."""
    root = pathlib.Path(config.input).expanduser()
    root = root if root.is_dir() else root.parent
    of_stem: dict[pathlib.Path, pathlib.Path] = {}
    for file in files:
        first = of_stem.setdefault(file.with_suffix(''), file)
        if first != file:
            print(
                f'skipped: {file} would have the map of {first}, whose name is the same but for '
                'its suffix. Rename one.',
                file=sys.stderr,
            )
            continue
        try:
            photo, note = read_photo(str(file))
        except (ValueError, OSError) as error:
            print(f'skipped: {error}', file=sys.stderr)
            continue
        if note:
            print(f'note: {note}', file=sys.stderr)
        yield str(file.relative_to(root)), shrink(photo, config.longest_side_px)


def _maps(names: list[str], images: np.ndarray, predictor: SaliencyPredictor) -> np.ndarray:
    if predictor.kind.startswith(FOLDER):
        folder = predictor.kind.removeprefix(FOLDER)
        return np.stack(
            [read_precomputed(folder, name, images.shape[1:3])[:, :, 0] for name in names]
        )
    return predictor(images)[:, :, :, 0]


def _inside(folder: pathlib.Path, name: str) -> pathlib.Path:
    """The path of a name below the folder; a data set may hold names that lead out of it."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InvalidInputError(f'`file_name` must be a path below its folder. Received: {name!r}.')
    return path


def _write(stem: pathlib.Path, picture: np.ndarray) -> None:
    """Writes `stem`.png, grey or RGB."""
    path = stem.with_suffix('.png')
    bgr = picture[:, :, ::-1] if picture.ndim == 3 else picture
    write_bytes(path, cv2.imencode('.png', np.round(bgr).astype(np.uint8))[1].tobytes())
