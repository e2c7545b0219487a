"""What is exported: a SavedModel whose graph goes from bytes or images to named expressions."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

import keras
import tensorflow as tf

from fer_keras.input_pipeline import decode, to_model_input
from fer_keras.models.saliency_layers import MapOfAnother
from fer_keras.serving.whole_photos import add_photo_endpoint


def export_classifier(model: keras.Model, names: Sequence[str], base_dir: str) -> str:
    """Writes the next version of a SavedModel, under a temporary name first.

    Signatures, each giving `probabilities` float32 `[batch, classes]`, `label` string `[batch]`,
    `score` float32 `[batch]` (of that label) and `label_names` string `[batch, classes]`:

    - `serving_default`: `image_bytes`, string `[batch]`: JPEG or PNG files of face crops.
    - `predict_images`: `images`, uint8 `[batch, height, width, 3]`, RGB.

    And `predict_photos` for whole photos: see `fer_keras.serving.whole_photos`.

    Args:
        model: From `image`, float32 `[batch, size, size, 3]`, to probabilities.
        names: Label names in the model's order.
        base_dir: Folder that holds the numbered versions.

    Returns:
        The folder of the new version.

    Raises:
        ValueError: Another number of names than outputs, a model that reads saliency maps from a
            folder (a new photo has none), or the control `shuffled`.
    """
    if model.input_shape[-1] != 3:
        raise ValueError(
            'A classifier must make its saliency maps itself to be served: a new photo has no map '
            'in a folder. Received: an input of 4 channels, from `saliency=folder:...`. Train '
            'with `saliency=saved_model:/path` or a kind of our own.'
        )
    if any(isinstance(layer, MapOfAnother) for layer in model._flatten_layers()):
        raise ValueError(
            'A classifier must not depend on what else is in its batch to be served. Received: one '
            'of `saliency=shuffled`, which is a control for experiments only.'
        )
    if model.output_shape[-1] != len(names):
        raise ValueError(
            f'`names` must have one name an output. Received: {len(names)} names for '
            f'{model.output_shape[-1]} outputs.'
        )
    path = os.path.join(base_dir, str(_next_version(base_dir)))
    # TF Serving loads whatever has a number for a name, so the unfinished one has none.
    unfinished = f'{path}.unfinished'
    shutil.rmtree(unfinished, ignore_errors=True)
    _make_archive(model, names).write_out(unfinished, verbose=False)
    os.rename(unfinished, path)
    return path


def _make_archive(model: keras.Model, names: Sequence[str]) -> keras.export.ExportArchive:
    image_size_px = model.input_shape[1]
    label_names = tf.constant(list(names))

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        probabilities = model(images, training=False)
        return {
            'probabilities': probabilities,
            'label': tf.gather(label_names, tf.argmax(probabilities, axis=-1)),
            'score': tf.reduce_max(probabilities, axis=-1),
            'label_names': tf.tile(label_names[None], [tf.shape(probabilities)[0], 1]),
        }

    def serve_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        size = (image_size_px, image_size_px, 3)
        images = tf.map_fn(
            lambda one: decode(one, image_size_px),
            image_bytes,
            fn_output_signature=tf.TensorSpec(size, tf.float32),
        )
        return answer(images)

    def serve_images(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(to_model_input(images, image_size_px))

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        'serving_default', serve_bytes, [tf.TensorSpec([None], tf.string, name='image_bytes')]
    )
    archive.add_endpoint(
        'predict_images',
        serve_images,
        [tf.TensorSpec([None, None, None, 3], tf.uint8, name='images')],
    )
    add_photo_endpoint(archive, model, names)
    return archive


def _next_version(base_dir: str) -> int:
    os.makedirs(base_dir, exist_ok=True)
    return 1 + max((int(name) for name in os.listdir(base_dir) if name.isdigit()), default=0)
