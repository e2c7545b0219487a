"""What is exported: a SavedModel whose graph goes from bytes or images to named expressions."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from fer_keras.data.decoding import to_model_input
from fer_keras.errors import InvalidInputError, UnwritableFileError
from fer_keras.files import write_bytes, write_text
from fer_keras.models.batch_norm_folding import fold_scales
from fer_keras.models.classifier import build_explainer
from fer_keras.models.inner_layers import inner_layers
from fer_keras.models.saliency_layers import MapOfAnother
from fer_keras.provenance import names as record_names
from fer_keras.serving.model_card import describe_model
from fer_keras.serving.requests import decode_each, require_any
from fer_keras.serving.warmup import write_warmup_requests
from fer_keras.serving.whole_photos import add_photo_endpoints
from tfds_builders.detectors import PREFERRED

# A server's settings, for all versions: about a core's worth of small batches, no added waiting.
BATCHING_FILE = 'batching_parameters.txt'
_BATCHING = """\
max_batch_size { value: 32 }
batch_timeout_micros { value: 1000 }
num_batch_threads { value: 4 }
max_enqueued_batches { value: 100 }
"""
# What TensorFlow takes for a pattern that does not fit itself.
_PATTERN = re.compile(r'\[.*\]|\\')
Answer = dict[str, tf.Tensor]


def export_classifier(
    model: keras.Model,
    names: Sequence[str],
    base_dir: str,
    *,
    card: str | None = None,
    record: bytes = b'',
    detector: str = PREFERRED,
) -> str:
    """Writes the next version of a SavedModel, under a temporary name first.

    Signatures, each giving `probabilities` float32 `[batch, classes]`, `label` string `[batch]`,
    its `score` float32 `[batch]`, and `label_names` string `[batch, classes]`:

    - `serving_default`: `image_bytes`, string `[batch]`: JPEG, PNG or WebP files of face crops.
    - `explain`: as the first; gives besides what the network sees, uint8 `face` and
      `attended_image` `[batch, size, size, 3]`, RGB, and `saliency_map`, float32
      `[batch, size, size, 1]` in [0, 1] (one everywhere in a model without saliency).
    - `predict_images`: `images`, uint8 `[batch, height, width, 3]`, RGB.
    - `predict_float_images`: the same as float32 in [0, 255].

    And those of `whole_photos`. The weights are constants of the graph; beside it lie what
    `_write_beside_graph` writes.

    Args:
        model: From `image`, float32 `[batch, size, size, 3]`, to probabilities.
        names: Label names in the model's order.
        base_dir: Of the numbered versions.
        card: Text of `model_card.md`; None: a short one.
        record: Of who taught it, as a file; empty: not known.
        detector: Of whole photos, a key of `whole_photos.DETECTORS`.

    Returns:
        The folder of the new version.

    Raises:
        InvalidInputError: Another number of names than outputs, maps from a folder, the control
            `shuffled`, a saliency model with tables, or a folder that TensorFlow cannot load from.
        UnwritableFileError: The folder cannot be written.
    """
    check_can_be_served(model)
    if model.output_shape[-1] != len(names):
        outputs = model.output_shape[-1]
        raise InvalidInputError(
            f'`names` must have one an output. Received: {len(names)} for {outputs} outputs.'
        )
    _check_can_be_loaded_from(base_dir)
    archive = make_archive(model, names, detector)
    # TF Serving loads whatever has a number for a name. No other process has this one.
    unfinished = os.path.join(base_dir, f'unfinished.{secrets.token_hex(4)}')
    try:
        os.makedirs(base_dir, exist_ok=True)
        archive.write_out(unfinished, verbose=False)
        _write_beside_graph(unfinished, names, card or describe_model(names), record)
        return _claim_next_version(base_dir, unfinished)
    except OSError as error:
        reason = error.strerror or error
        raise UnwritableFileError(f'{base_dir} cannot be written: {reason}.') from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_can_be_loaded_from(base_dir: str) -> None:
    path = os.path.abspath(base_dir)
    if _PATTERN.search(path):
        raise InvalidInputError(
            'A SavedModel must have no [...] and no \\ in its path: TensorFlow takes them for a '
            f'pattern and finds no weights. Received: {path}. Rename the folder.'
        )


def check_can_be_served(model: keras.Model) -> None:
    """Raises `InvalidInputError` where a photo alone is not all that the model needs."""
    if model.input_shape[-1] != 3:
        raise InvalidInputError(
            'A classifier must make its saliency maps itself to be served: a new photo has no map '
            'in a folder. Received: an input of 4 channels, from `saliency=folder:...`. Train '
            'with `saliency=saved_model:/path` or a kind of our own.'
        )
    if any(isinstance(layer, MapOfAnother) for layer in inner_layers(model)):
        raise InvalidInputError(
            'A classifier must not depend on what else is in its batch to be served. Received: one '
            'of `saliency=shuffled`, which is a control for experiments only.'
        )


def make_archive(
    model: keras.Model, names: Sequence[str], detector: str = PREFERRED
) -> keras.export.ExportArchive:
    """The signatures of `export_classifier`, not yet written."""
    size = model.input_shape[1]
    answer = _make_answer(names)
    look = _freeze(build_explainer(model), model.input_shape)

    files = tf.TensorSpec([None], tf.string, name='image_bytes')
    pixels = tf.TensorSpec([None, None, None, 3], tf.uint8, name='images')
    floats = tf.TensorSpec(pixels.shape, tf.float32, name='images')

    # Functions of their own, so that they are traced and stored once for all signatures.
    @tf.function(input_signature=[files], autograph=False)
    def decode_faces(image_bytes: tf.Tensor) -> tf.Tensor:
        row = (tf.TensorSpec((size, size, 3), tf.float32),)
        _, (images,) = decode_each(
            image_bytes, lambda image: (to_model_input(image, size)[None],), row
        )
        return images

    def serve_bytes(image_bytes: tf.Tensor) -> Answer:
        return answer(look(decode_faces(image_bytes)))

    def explain(image_bytes: tf.Tensor) -> Answer:
        found = look(decode_faces(image_bytes))
        pictures = {name: _to_pixels(found[name]) for name in ('face', 'attended_image')}
        return {**answer(found), **pictures, 'saliency_map': found['saliency_map']}

    def serve_images(images: tf.Tensor) -> Answer:
        return answer(look(to_model_input(images, size)))

    def serve_float_images(images: tf.Tensor) -> Answer:
        return serve_images(_check_range(images))

    archive = keras.export.ExportArchive()
    archive.add_endpoint('serving_default', serve_bytes, [files])
    archive.add_endpoint('explain', explain, [files])
    archive.add_endpoint('predict_images', serve_images, [pixels])
    archive.add_endpoint('predict_float_images', serve_float_images, [floats])
    add_photo_endpoints(archive, lambda images: answer(look(images)), size, detector)
    return archive


def _freeze(explainer: keras.Model, shape: tuple[int | None, ...]) -> Callable[..., Answer]:
    """One function for all signatures, each of which keeps the outputs that it needs.

    Weights that are constants are folded into each other, which makes single crops faster.
    """

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)], autograph=False)
    def look(images: tf.Tensor) -> Answer:
        return explainer(images, training=False)

    traced = look.get_concrete_function()
    weights = explainer.get_weights()
    try:
        fold_scales(explainer)
        frozen = convert_variables_to_constants_v2(traced)
    finally:
        explainer.set_weights(weights)

    if len(frozen.inputs) > 1:
        raise InvalidInputError(
            'A classifier must hold nothing but weights to be served. Received: one with tables or '
            'other resources. Export its saliency model (`saved_model:`) without them.'
        )
    return lambda images: tf.nest.pack_sequence_as(
        traced.structured_outputs, frozen(require_any(images))
    )


def _make_answer(names: Sequence[str]) -> Callable[[Answer], Answer]:
    label_names = tf.constant(list(names))

    def answer(found: Answer) -> Answer:
        probabilities = found['probabilities']
        return {
            'probabilities': probabilities,
            'label': tf.gather(label_names, tf.argmax(probabilities, axis=-1)),
            'score': tf.reduce_max(probabilities, axis=-1),
            'label_names': tf.tile(label_names[None], [tf.shape(probabilities)[0], 1]),
        }

    return answer


def _check_range(images: tf.Tensor) -> tf.Tensor:
    """Refuses NaN, values outside [0, 255], and images that somebody has scaled to [0, 1]."""
    low, high = tf.reduce_min(images), tf.reduce_max(images)
    is_scaled = (high > 0) & (high <= 1)
    is_right = (low >= 0) & (high <= 255) & ~is_scaled | (tf.size(images) == 0)
    message = tf.strings.format(
        'images must be in [0, 255]. Received: {} to {}. Multiply images in [0, 1] by 255.',
        (low, high),
    )
    with tf.control_dependencies([tf.debugging.Assert(is_right, [message], summarize=1)]):
        return tf.identity(images)


def _to_pixels(image: tf.Tensor) -> tf.Tensor:
    return tf.saturate_cast(tf.round(tf.cast(image, tf.float32)), tf.uint8)


def _write_beside_graph(version_dir: str, names: Sequence[str], card: str, record: bytes) -> None:
    """Labels, card, who taught it, and, with the extra `serving`, what a server asks first.

    Beside the versions lie settings for the server's batches.
    """
    if record:
        write_bytes(os.path.join(version_dir, record_names.IN_SAVED_MODEL), record)
    write_text(os.path.join(version_dir, 'labels.txt'), ''.join(f'{name}\n' for name in names))
    write_text(os.path.join(version_dir, 'model_card.md'), card)
    write_warmup_requests(version_dir)
    batching_file = os.path.join(os.path.dirname(version_dir), BATCHING_FILE)
    # What somebody has tuned stays.
    if not os.path.exists(batching_file):
        write_text(batching_file, _BATCHING)


def _claim_next_version(base_dir: str, unfinished: str) -> str:
    number = 1 + max((int(name) for name in os.listdir(base_dir) if name.isdigit()), default=0)
    while True:
        path = os.path.join(base_dir, str(number))
        try:
            os.rename(unfinished, path)
            return path
        except OSError:
            # Another export was faster.
            if not os.path.isdir(path):
                raise
            number += 1
