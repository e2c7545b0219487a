"""Small data sets and models for the tests."""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import keras
import numpy as np
import tensorflow_datasets as tfds

from fer_keras.config import choices
from fer_keras.config.model import ModelConfig
from fer_keras.models.backbones import BACKBONES, Backbone
from fer_keras.models.classifier import build_classifier
from fer_keras.run_dir import RunDir
from tfds_builders import demo
from tfds_builders.faces import Face

# The smallest thing that has every part: tests of the graph need no ImageNet weights.
TINY_MODEL = ModelConfig(backbone='mobilenet_v2', backbone_weights='none')


def _tiny_network(**options: object) -> keras.Model:
    """A backbone that is traced in a second: two layers with normalisation."""
    image = keras.Input(options['input_shape'])
    x = keras.layers.Conv2D(8, 5, strides=4, use_bias=False, name='first')(image)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(name='first_norm')(x))
    x = keras.layers.Conv2D(16, 3, strides=2, name='second')(x)
    return keras.Model(image, keras.layers.ReLU()(x), name='tiny')


TINY_BACKBONE = Backbone(_tiny_network, lambda image: image / 127.5 - 1)


def add_tiny_backbone() -> None:
    """Lets `backbone=tiny` be chosen in this process."""
    BACKBONES['tiny'] = TINY_BACKBONE
    if 'tiny' not in choices.BACKBONES:
        choices.BACKBONES.append('tiny')


def tiniest_model(**choices: object) -> ModelConfig:
    """For what does not depend on the backbone: it is built and traced in a second."""
    add_tiny_backbone()
    return ModelConfig(backbone='tiny', backbone_weights='none', **choices)


BASIC = ('neutral', 'happy', 'sad', 'angry', 'surprised', 'disgusted', 'fearful')


def write_untrained_run(folder: Path, config: ModelConfig | None = None) -> RunDir:
    """A run folder with a model that learned nothing, of 48 px and the seven basic classes."""
    run_dir = RunDir(str(folder))
    run_dir.claim('')
    keras.utils.set_random_seed(0)
    config = config or tiniest_model()
    build_classifier(config, num_classes=len(BASIC), image_size_px=48).save(run_dir.model_file)
    Path(run_dir.labels_file).write_text(''.join(f'{name}\n' for name in BASIC))
    return run_dir


def random_images(count: int, size_px: int, seed: int = 0) -> np.ndarray:
    """uint8 `[count, size, size, 3]`."""
    shape = (count, size_px, size_px, 3)
    return np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)


def png_bytes(image_rgb: np.ndarray) -> bytes:
    """The image as a PNG file."""
    return cv2.imencode('.png', image_rgb[..., ::-1])[1].tobytes()


def portraits(count: int) -> list[np.ndarray]:
    """Photos of drawn people whose faces can be found, uint8 `[height, width, 3]`."""
    shots = itertools.islice(demo.rafd_shots(subjects=count, seed=0), 0, None, 24)
    return [demo.photograph(shot, seed=0) for shot in shots]


def face_at(x: float, y: float = 100, size: float = 60) -> Face:
    """A face of a detector around a point, in pixels."""
    box = (x - size / 2, y - size / 2, x + size / 2, y + size / 2)
    return Face(box, np.full((5, 2), (x, y), np.float32), confidence=0.99)


def class_image(label: int, seed: int, size_px: int = 48) -> np.ndarray:
    """A noisy picture whose class can be learned in seconds: a bright column, one a class."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 120, size=(size_px, size_px, 3), dtype=np.uint8)
    width = size_px // len(BASIC)
    image[:, label * width : (label + 1) * width] = 255 - image[:, :width] // 4
    return image


def write_dataset(
    data_dir: Path,
    *,
    name: str = 'fake',
    names: Sequence[str] = BASIC,
    declared: Sequence[str] = (),
    people: dict[str, int] | None = None,
    images_a_class: int = 1,
    named: bool = True,
    deal: Sequence[str] = (),
    metadata: dict[str, object] | None = None,
    votes: Sequence[int] = (),
) -> str:
    """Prepares a data set of `class_image`s that `builder_from_files` finds; returns its name.

    With a `deal` its splits hold, in turn, the people and images of these splits of another one.
    With `votes`, the first of them are for the class itself, the next for the one behind it, and so
    on around; two more of seven each are for no expression.
    """
    people = people or {'train': 6, 'validation': 2, 'test': 3}
    num_votes = len(declared or names) + 2
    features = tfds.features.FeaturesDict(
        {
            'image': tfds.features.Image(shape=(None, None, 3), encoding_format='png'),
            'label': tfds.features.ClassLabel(names=list(declared or names)),
            'subject_id': tfds.features.Text(),
            'file_name': tfds.features.Text(),
            'fold': np.int64,
            **(
                {'votes': tfds.features.Tensor(shape=(num_votes,), dtype=np.int64)} if votes else {}
            ),
        }
    )
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version='1.0.0',
        data_dir=data_dir,
        features=features,
        split_datasets={
            split: _examples(drawn, people[split], names, images_a_class, features, named, votes)
            for split, drawn in zip(people, deal or people, strict=True)
        },
        disable_shuffling=True,
    )
    if metadata:
        folder = Path(data_dir) / name / '1.0.0'
        (folder / 'metadata.json').write_text(json.dumps(metadata))
    return name


def _examples(
    split: str,
    people: int,
    names: Sequence[str],
    images_a_class: int,
    features: tfds.features.FeaturesDict,
    named: bool,
    votes: Sequence[int],
) -> list[tuple[int, dict[str, object]]]:
    rows = []
    for person in range(people):
        for class_name in names:
            label = features['label'].str2int(class_name)
            for shot in range(images_a_class):
                # Not `hash`, which is another one in each process.
                seed = zlib.crc32(f'{split} {person} {label} {shot}'.encode())
                around = (*votes, *[0] * (features['label'].num_classes - len(votes)))
                voted = {'votes': np.array([*np.roll(around, label), 7, 7])} if votes else {}
                rows.append(
                    {
                        'image': class_image(BASIC.index(class_name), seed),
                        'label': label,
                        'subject_id': f'{split}{person}' if named else '',
                        'file_name': f'{split}{person}_{class_name}_{shot}.png',
                        'fold': person % 10,
                        **voted,
                    }
                )
    return list(enumerate(rows))
