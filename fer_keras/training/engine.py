"""Steps under any strategy: what `fit` does, on one machine or many, several steps a call."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import tensorflow as tf

Sums = dict[str, float]


class Engine:
    """Trains and evaluates one compiled model; its optimizer must be the model's own.

    The loss of a step is the sum over the global batch divided by its size, so that replicas
    together take the very step that one would. Batch normalisation takes its statistics over each
    replica's share of the batch.
    """

    def __init__(self, model: keras.Model, strategy: tf.distribute.Strategy) -> None:
        self._model = model
        self._strategy = strategy
        with strategy.scope():
            model.optimizer.build(model.trainable_variables)
        # Of this engine alone: the second stage trains other variables.
        self._train = tf.function(self._train_steps, reduce_retracing=True)
        self._test = tf.function(self._test_step, reduce_retracing=True)

    def distribute(self, batches: tf.data.Dataset) -> Iterator:
        """An iterator that gives each replica its share of every global batch."""
        options = tf.data.Options()
        # By batch and not by file: every worker reads the same order.
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.DATA
        )
        return iter(self._strategy.experimental_distribute_dataset(batches.with_options(options)))

    def train(self, iterator: Iterator, steps: int) -> Sums:
        """Takes `steps` steps; returns sums over their images, for `means_of`."""
        return _to_floats(self._train(iterator, tf.constant(steps)))

    def evaluate(self, batches: tf.data.Dataset) -> dict[str, float]:
        """Mean `loss` and `accuracy` over all the images."""
        total: Sums = {}
        for batch in self.distribute(batches):
            total = add(total, _to_floats(self._test(batch)))
        return means_of(total)

    def _train_steps(self, iterator: Iterator, steps: tf.Tensor) -> dict[str, tf.Tensor]:
        total = {name: tf.zeros((), tf.float32) for name in ('loss', 'correct', 'images')}
        for _ in tf.range(steps):
            sums = self._reduce(self._strategy.run(self._step, (next(iterator),)))
            total = {name: total[name] + sums[name] for name in total}
        return total

    def _step(self, batch: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        images, labels = batch
        model = self._model
        replicas = self._strategy.num_replicas_in_sync
        with tf.GradientTape() as tape:
            probabilities = model(images, training=True)
            losses = self._losses(labels, probabilities)
            global_batch = tf.cast(tf.shape(images)[0] * replicas, tf.float32)
            # Penalties of layers are no sum over images: each replica adds its part of them.
            loss = tf.reduce_sum(losses) / global_batch + sum(model.losses) / replicas
            scaled = model.optimizer.scale_loss(loss)
        variables = model.trainable_variables
        model.optimizer.apply_gradients(
            zip(tape.gradient(scaled, variables), variables, strict=True)
        )
        return _sums(losses, labels, probabilities)

    def _test_step(self, batch: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        def step(images: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
            probabilities = self._model(images, training=False)
            return _sums(self._losses(labels, probabilities), labels, probabilities)

        return self._reduce(self._strategy.run(step, batch))

    def _losses(self, labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        """The loss of each image, `[batch]`."""
        loss = self._model.loss
        return loss.call(labels, tf.cast(probabilities, tf.float32))

    def _reduce(self, sums: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {
            name: self._strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in sums.items()
        }


def add(one: Sums, other: Sums) -> Sums:
    """Adds sums; an empty one is zero."""
    return {name: one.get(name, 0.0) + value for name, value in other.items()}


def means_of(sums: Sums) -> dict[str, float]:
    """`loss` and `accuracy` an image."""
    images = max(sums.get('images', 0.0), 1.0)
    return {'loss': sums.get('loss', 0.0) / images, 'accuracy': sums.get('correct', 0.0) / images}


def _sums(losses: tf.Tensor, labels: tf.Tensor, probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
    is_correct = tf.argmax(labels, -1) == tf.argmax(probabilities, -1)
    return {
        'loss': tf.reduce_sum(losses),
        'correct': tf.reduce_sum(tf.cast(is_correct, tf.float32)),
        'images': tf.cast(tf.shape(losses)[0], tf.float32),
    }


def _to_floats(sums: dict[str, tf.Tensor]) -> Sums:
    return {name: float(value) for name, value in sums.items()}
