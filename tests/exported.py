"""One classifier, exported once for all tests, whichever of several processes asks first."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fer_keras.models.classifier import build_classifier, load_classifier
from fer_keras.provenance.record import TrainingRecord
from fer_keras.serving.portable import write_onnx, write_tflite
from fer_keras.serving.signatures import export_classifier
from tests.fakes import BASIC, add_tiny_backbone, class_image, tiniest_model
from tfds_builders.locks import hold

RECORD = TrainingRecord((), {'backbone': 'drawn at random'})


@dataclasses.dataclass(frozen=True)
class Served:
    """A classifier, its file, and the first version of its SavedModel."""

    model: keras.Model
    model_file: Path
    version_dir: str

    @property
    def loaded(self):
        return tf.saved_model.load(self.version_dir)


def lively_classifier(saliency: str = 'center') -> keras.Model:
    """An untrained classifier whose probabilities depend on the image, as a trained one's do."""
    keras.utils.set_random_seed(1)
    # It has few ops, which are soon converted.
    config = tiniest_model(saliency=saliency)
    model = build_classifier(config, num_classes=len(BASIC), image_size_px=32)
    images = class_images(64)
    enliven(model, 'probabilities', images)
    assert np.std(model.predict(images, verbose=0), axis=0).mean() > 0.05
    return model


def enliven(model: keras.Model, name: str, images: np.ndarray) -> None:
    """Scales a linear layer with a softmax so that what it says of these images differs."""
    head = model.get_layer(name)
    features = keras.Model(model.input, head.input).predict(images, verbose=0)
    # Not the logarithm of its answers, which may be 0.
    scores = features @ head.kernel.numpy()
    scale = 1 / np.std(scores, axis=0).mean()
    head.kernel.assign(head.kernel * scale)
    head.bias.assign(-scale * scores.mean(axis=0))


def class_images(count: int) -> np.ndarray:
    """float32 `[count, 32, 32, 3]`, some of each class."""
    images = [class_image(number % len(BASIC), number, 32) for number in range(count)]
    return np.stack(images).astype(np.float32)


def export_once(folder: Path) -> Served:
    """Exports `lively_classifier` into a folder that all processes of the tests share."""
    model_file, version_dir = folder / 'best.keras', folder / 'saved_model' / '1'
    with hold(folder / 'lock.json', 'written by the tests', wait=lambda message: None):
        if not version_dir.exists():
            model = lively_classifier()
            model.save(model_file)
            export_classifier(model, BASIC, str(version_dir.parent))
    add_tiny_backbone()
    return Served(load_classifier(str(model_file)), model_file, str(version_dir))


def write_portable_once(served: Served) -> Path:
    """A folder of the same classifier, beside its SavedModel, as ONNX and TFLite files."""
    folder = Path(served.version_dir).parents[1] / 'portable'
    folder.mkdir(exist_ok=True)
    with hold(folder / 'lock.json', 'written by the tests', wait=lambda message: None):
        if not (folder / 'classifier.onnx').exists():
            record = RECORD.to_bytes()
            write_tflite(served.model, BASIC, class_images(8), str(folder), record)
            write_onnx(served.model, BASIC, str(folder), record)
    return folder
