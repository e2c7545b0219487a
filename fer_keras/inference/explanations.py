"""Where a classifier looks: the face, its saliency map, what passes on, and Grad-CAM."""

from __future__ import annotations

import functools

import cv2
import keras
import numpy as np
import tensorflow as tf
from keras import ops

from fer_keras.figures import overlay
from fer_keras.models.classifier import build_explainer, decision_kernel


def build_grad_cam(model: keras.Model) -> keras.Model:
    """The explainer of a classifier with a Grad-CAM map for each of its classes.

    Grad-CAM weighs the feature maps by the mean gradient of the class score before the softmax and
    keeps what is positive (Selvaraju et al. 2017, ICCV, equations 1 and 2). Our head is an average
    and a linear layer, so that mean is the kernel of the linear layer, up to the factor
    1 / (height * width) that a division by the maximum removes (there, section 3.1): no gradient
    is needed, and every backbone will do. Of a classifier with histograms of oriented
    gradients it explains the backbone's decision alone.

    Args:
        model: From `models.classifier`.

    Returns:
        A model with the outputs of `build_explainer` and `grad_cam`, float32
        `[batch, height, width, num_classes]`, not negative, at the backbone's last resolution.
    """
    explainer = build_explainer(model)
    feature_maps = ops.cast(model.get_layer('features').input, 'float32')
    kernel = decision_kernel(model)
    grad_cam = ops.relu(ops.tensordot(feature_maps, ops.convert_to_tensor(kernel), axes=1))
    return keras.Model(model.input, {**explainer.output, 'grad_cam': grad_cam}, name='grad_cam')


def explain(grad_cam: keras.Model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draws, for each image, four pictures side by side.

    These are the face that the network sees, its saliency overlay, the attended image, and the
    overlay of the Grad-CAM map of the class that it decides for, divided by its maximum.

    Args:
        grad_cam: From `build_grad_cam`.
        images: As the classifier takes them, float32 `[batch, size, size, 3 or 4]`.

    Returns:
        uint8 `[batch, face_size, 4 * face_size, 3]`, RGB, and the probabilities, float32
        `[batch, num_classes]`.
    """
    found = {name: values.numpy() for name, values in _trace(grad_cam)(images).items()}
    strips = []
    for position, decided in enumerate(found['probabilities'].argmax(axis=1)):
        face = found['face'][position, :, :, :3]
        cam = found['grad_cam'][position, :, :, decided]
        cam = cv2.resize(cam / max(cam.max(), 1e-7), face.shape[1::-1])
        attended = np.round(np.clip(found['attended_image'][position], 0, 255)).astype(np.uint8)
        saliency_map = found['saliency_map'][position, :, :, 0]
        pictures = [face.astype(np.uint8), overlay(face, saliency_map), attended]
        strips.append(np.concatenate([*pictures, overlay(face, cam)], axis=1))
    return np.stack(strips), found['probabilities']


@functools.lru_cache(maxsize=1)
def _trace(grad_cam: keras.Model) -> tf.types.experimental.GenericFunction:
    """The model, traced once for any number of images; `predict` traces for one and for many."""
    signature = [tf.TensorSpec((None, *grad_cam.input_shape[1:]), tf.float32)]

    @tf.function(input_signature=signature, autograph=False)
    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return grad_cam(images, training=False)

    return answer
