"""What a model is trained for, and how it is judged: losses and sums over images.

Sums are added up over batches, parts and replicas and divided once, so that the last, partial batch
counts by its images.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from fer_keras.saliency.losses import cc, nss

Sums = dict[str, float]


class Objective(abc.ABC):
    """The loss of each image, and the sums that are reported; the engine knows nothing else of it.

    Attributes:
        measures: Each measure that is reported, and the sum that it is when divided by the images.
            `loss` is among them.

    >>> class SquaredError(Objective):
    ...     measures = {'loss': 'loss'}
    ...
    ...     def losses(self, targets, outputs):
    ...         return (targets - outputs) ** 2
    >>> error = SquaredError()
    >>> sums = error.validation_sums(tf.constant([1.0, 2.0]), tf.constant([3.0, 2.0]))
    >>> error.means({name: float(value) for name, value in sums.items()})
    {'loss': 2.0}
    """

    measures: ClassVar[Mapping[str, str]]

    @abc.abstractmethod
    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """What is minimised: the loss of each image, float32 `[batch]`."""

    def training_sums(
        self, losses: tf.Tensor, targets: tf.Tensor, outputs: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Sums over the images of a training batch: `images`, `loss` and those of `measures`."""
        return {
            'loss': tf.reduce_sum(losses),
            'images': tf.cast(tf.shape(losses)[0], tf.float32),
        }

    def validation_sums(self, targets: tf.Tensor, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The same of a validation batch, which may be empty; others too, of any shape.

        Args:
            targets: As for `losses`.
            outputs: float32, of the model.
        """
        return self.training_sums(self.losses(targets, outputs), targets, outputs)

    def means(self, sums: Mapping[str, Any]) -> dict[str, float]:
        """Each of `measures` an image; 0 where there is none yet."""
        images = max(float(sums.get('images', 0.0)), 1.0)
        return {
            name: float(sums.get(summed, 0.0)) / images for name, summed in self.measures.items()
        }


class ClassificationObjective(Objective):
    """A loss of labels and probabilities, and the accuracy; confusions when it validates.

    Args:
        loss: Of labels (one-hot, or shares of the sum 1) and probabilities, such as that of a
            compiled classifier.
        class_weights: Factor of the training loss of each class, or nothing. An image of several
            classes has the mean of theirs, by its shares.

    >>> objective = ClassificationObjective(keras.losses.CategoricalCrossentropy())
    >>> labels = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    >>> sums = objective.validation_sums(labels, tf.constant([[0.9, 0.1], [0.8, 0.2]]))
    >>> sums['confusion'].numpy().tolist()
    [[1, 0], [1, 0]]
    """

    measures: ClassVar[Mapping[str, str]] = {'loss': 'loss', 'accuracy': 'correct'}

    def __init__(self, loss: keras.losses.Loss, class_weights: Sequence[float] = ()) -> None:
        self._loss = loss
        self._class_weights = class_weights

    def losses(self, labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        losses = self._loss.call(labels, tf.cast(probabilities, tf.float32))
        if self._class_weights:
            losses *= tf.linalg.matvec(labels, tf.constant(self._class_weights, tf.float32))
        return losses

    def training_sums(
        self, losses: tf.Tensor, labels: tf.Tensor, probabilities: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        is_correct = tf.argmax(labels, -1) == tf.argmax(probabilities, -1)
        return {
            **super().training_sums(losses, labels, probabilities),
            'correct': tf.reduce_sum(tf.cast(is_correct, tf.float32)),
        }

    def validation_sums(self, labels: tf.Tensor, probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
        """Also `confusion`, the counts `[true, predicted]`.

        The loss is the cross-entropy of the labels as they are, whatever trains: smoothing asks
        for answers that are less certain, and would prefer an epoch for giving them.
        """
        losses = keras.losses.categorical_crossentropy(labels, probabilities)
        confusion = tf.math.confusion_matrix(
            tf.argmax(labels, -1), tf.argmax(probabilities, -1), labels.shape[-1]
        )
        return {**self.training_sums(losses, labels, probabilities), 'confusion': confusion}


class SaliencyObjective(Objective):
    """A loss of fixations and logits of a density, its NSS and its correlation with the map.

    Args:
        loss: From targets `[batch, h, w, 2]` and logits `[batch, h, w, 1]` to `[batch]`, such as
            those of `fer_keras.saliency.losses`.

    >>> from fer_keras.saliency.losses import saliency_loss
    >>> objective = SaliencyObjective(saliency_loss)
    >>> mark = tf.one_hot([[0, 9]], 2)[..., None]  # One of four pixels is looked at.
    >>> sums = objective.validation_sums(tf.concat([mark, mark], -1), 20 * mark)
    >>> round(float(sums['nss']), 3), round(float(sums['cc']), 3)
    (1.732, 1.0)
    """

    measures: ClassVar[Mapping[str, str]] = {'loss': 'loss', 'nss': 'nss', 'cc': 'cc'}

    def __init__(self, loss: Callable[[Any, Any], Any]) -> None:
        self._loss = loss

    def losses(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        return self._loss(targets, logits)

    def training_sums(
        self, losses: tf.Tensor, targets: tf.Tensor, logits: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return {
            **super().training_sums(losses, targets, logits),
            'nss': tf.reduce_sum(nss(targets, logits)),
            'cc': tf.reduce_sum(cc(targets, logits)),
        }

    def validation_sums(self, targets: tf.Tensor, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        count = tf.shape(logits)[0]
        # An empty batch has no largest logit: an image is added, and not counted.
        padding = [[0, tf.cast(tf.equal(count, 0), tf.int32)], [0, 0], [0, 0], [0, 0]]
        targets, logits = tf.pad(targets, padding), tf.pad(logits, padding)
        of_images = {
            'loss': self.losses(targets, logits),
            'nss': nss(targets, logits),
            'cc': cc(targets, logits),
        }
        sums = {name: tf.reduce_sum(values[:count]) for name, values in of_images.items()}
        return {**sums, 'images': tf.cast(count, tf.float32)}


def add(one: Sums, other: Sums) -> Sums:
    """Sums over the images of both."""
    return {name: one.get(name, 0.0) + value for name, value in other.items()}
