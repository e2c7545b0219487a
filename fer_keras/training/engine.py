"""Steps under any strategy: what `fit` does, on one machine or many, several steps a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from fer_keras.data.batches import EvaluationBatches
from fer_keras.models.inner_layers import inner_layers
from fer_keras.training.objectives import Objective, Sums


class Engine:
    """Trains and evaluates one compiled model; its optimizer must be the model's own.

    The loss of a step is the sum over the global batch divided by its size, so that replicas
    together take the very step that one would. Batch normalisation takes its statistics over each
    part of a replica's share of the batch; its moving statistics are the means over the replicas.

    Args:
        model: The compiled model.
        objective: What it is trained for.
        strategy: The strategy that it was built in.
        parts: Parts that a replica takes one after the other, for batches larger than its memory.
        clip_norm: Largest norm of the gradient of the global batch; 0 leaves it as it is.
        sam_radius: Of sharpness-aware minimisation (Foret et al. 2021, ICLR, algorithm 1): the
            gradient is that at the worst point at this distance, of the global batch; 0: here.
        xla: Whether the gradient is compiled with XLA.
        forward: What gives the outputs, where it is not the model itself but another graph over
            the same variables.

    >>> from fer_keras.training.objectives import ClassificationObjective
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, 'softmax')])
    >>> model.compile(keras.optimizers.SGD(), keras.losses.CategoricalCrossentropy())
    >>> engine = Engine(model, ClassificationObjective(model.loss), tf.distribute.get_strategy())
    >>> batches = tf.data.Dataset.from_tensors((tf.ones((4, 3)), tf.one_hot([0, 1, 1, 1], 2)))
    >>> engine.train(engine.share(batches.repeat(5)), 5)['images']
    20.0
    >>> measured, totals = engine.evaluate(batches)
    >>> sorted(measured), int(totals['confusion'].sum())
    (['accuracy', 'loss'], 4)
    """

    def __init__(
        self,
        model: keras.Model,
        objective: Objective,
        strategy: tf.distribute.Strategy,
        *,
        parts: int = 1,
        clip_norm: float = 0.0,
        sam_radius: float = 0.0,
        xla: bool = False,
        forward: keras.Model | None = None,
    ) -> None:
        self._model = model
        self._objective = objective
        self._forward = forward or model
        self._sam_radius = sam_radius
        self._strategy = strategy
        self._parts = parts
        self._clip_norm = clip_norm
        if not model.optimizer.built:  # A second time would reset the scale of the loss.
            with strategy.scope():
                model.optimizer.build(model.trainable_variables)
        # Of this engine alone: the second stage trains other variables.
        self._train = tf.function(self._train_steps, reduce_retracing=True)
        self._test = tf.function(self._test_step, reduce_retracing=True, autograph=False)
        # Only what needs no other replica: XLA cannot compile the sum over them on every device.
        self._gradient = (
            tf.function(self._gradient_of, jit_compile=True) if xla else self._gradient_of
        )

    def distribute(self, read: Callable[[tf.distribute.InputContext], tf.data.Dataset]) -> Iterator:
        """Iterates over what `read` gives each worker: a replica's share of a batch at a time."""
        return iter(self._strategy.distribute_datasets_from_function(read))

    def share(self, batches: tf.data.Dataset) -> Iterator:
        """Iterates over global batches, also partial ones, and gives each replica its share."""
        options = tf.data.Options()
        # By batch and not by file: every worker reads the same order.
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.DATA
        )
        return iter(self._strategy.experimental_distribute_dataset(batches.with_options(options)))

    def train(self, iterator: Iterator, steps: int) -> Sums:
        """Takes `steps` steps; returns sums over their images, for the means of the objective.

        `finite_steps` counts those before the first with a loss that is no number.
        """
        return _to_floats(self._train(iterator, tf.constant(steps)))

    def evaluate(
        self, batches: tf.data.Dataset | EvaluationBatches
    ) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """The measures of the objective over all the images, and the sums that they are made of.

        Of a dataset each of several workers prepares all of it and takes its share.
        """
        totals: dict[str, np.ndarray] = {}
        for batch in self._validate(batches):
            for name, value in self._test(batch).items():
                # Counts and sums of many batches: float64 adds them exactly enough.
                totals[name] = totals.get(name, 0.0) + value.numpy().astype(np.float64)
        return self._objective.means(totals), totals

    def _validate(self, batches: tf.data.Dataset | EvaluationBatches) -> Iterator:
        if isinstance(batches, tf.data.Dataset):
            return self.share(batches)
        if isinstance(self._strategy, tf.distribute.MultiWorkerMirroredStrategy):
            return self.distribute(batches.read)
        return self.share(batches.read())

    def means(self, sums: Sums) -> dict[str, float]:
        """The measures of the objective of what `train` gave."""
        return self._objective.means(sums)

    def _train_steps(self, iterator: Iterator, steps: tf.Tensor) -> dict[str, tf.Tensor]:
        names = ('images', *self._objective.measures.values())
        total = {name: tf.zeros((), tf.float32) for name in names}
        finite = tf.zeros((), tf.float32)
        for _ in tf.range(steps):
            sums = self._reduce(self._strategy.run(self._step, (next(iterator),)))
            total = {name: total[name] + sums[name] for name in total}
            finite += tf.cast(tf.math.is_finite(total['loss']), tf.float32)
        return {**total, 'finite_steps': finite}

    @tf.autograph.experimental.do_not_convert  # Only the loop around it is Python's.
    def _step(self, batch: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        gradients, total = self._accumulate(batch)
        if self._sam_radius:
            gradients = self._sharpness_aware(gradients, batch)
        if self._clip_norm:
            gradients = self._clip(gradients)
        self._model.optimizer.apply_gradients(
            zip(gradients, self._model.trainable_variables, strict=True)
        )
        self._average_statistics()
        return total

    def _accumulate(
        self, batch: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
        """The gradient of a replica's share of a batch, part by part, and its sums."""
        gradients = [tf.zeros(variable.shape) for variable in self._model.trainable_variables]
        total: dict[str, tf.Tensor] = {}
        for images, targets in zip(*(tf.split(one, self._parts) for one in batch), strict=True):
            # One after the other: the memory of a part is free before the next begins.
            with tf.control_dependencies(gradients):
                images = tf.identity(images)
            more, sums = self._gradient(images, targets)
            gradients = [one + other for one, other in zip(gradients, more, strict=True)]
            total = {name: total.get(name, 0.0) + value for name, value in sums.items()}
        return gradients, total

    def _gradient_of(
        self, images: tf.Tensor, targets: tf.Tensor
    ) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
        """What these images add to the gradient of the global batch, and to its sums."""
        model = self._forward
        shares = self._strategy.num_replicas_in_sync * self._parts
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            losses = self._objective.losses(targets, outputs)
            global_batch = tf.cast(tf.shape(images)[0] * shares, tf.float32)
            # Penalties of layers are no sum over images: each share adds its part of them.
            loss = tf.reduce_sum(losses) / global_batch + sum(model.losses) / shares
            scaled = self._model.optimizer.scale_loss(loss)
        gradients = tape.gradient(
            scaled,
            self._model.trainable_variables,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return gradients, self._objective.training_sums(losses, targets, outputs)

    def _sharpness_aware(
        self, gradients: list[tf.Tensor], batch: tuple[tf.Tensor, tf.Tensor]
    ) -> list[tf.Tensor]:
        """Climbs along the gradient by the radius, takes the gradient there, and comes back."""
        context = tf.distribute.get_replica_context()
        whole = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        step = self._sam_radius / tf.maximum(tf.linalg.global_norm(whole), 1e-12)
        variables = self._model.trainable_variables
        here = [tf.identity(variable.value) for variable in variables]
        # What a batch normalisation remembers is of the weights as they are.
        statistics = self._statistics()
        remembered = [tf.identity(variable.value) for variable in statistics]
        self._assign([one + step * slope for one, slope in zip(here, whole, strict=True)])
        gradients, _ = self._accumulate(batch)
        self._assign(here)
        for variable, value in zip(statistics, remembered, strict=True):
            variable.assign(value)
        return gradients

    def _assign(self, values: list[tf.Tensor]) -> None:
        """Gives the weights values that are the same on all replicas."""

        def assign(strategy: tf.distribute.Strategy, values: list[tf.Tensor]) -> None:
            for variable, value in zip(self._model.trainable_variables, values, strict=True):
                strategy.extended.update(
                    variable.value, lambda one, new: one.assign(new), args=(value,), group=False
                )

        tf.distribute.get_replica_context().merge_call(assign, args=(values,))

    def _statistics(self) -> list[keras.Variable]:
        """The moving statistics of every batch normalisation that follows its batches."""
        return [
            variable
            for layer in inner_layers(self._model)
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
            for variable in (layer.moving_mean, layer.moving_variance)
        ]

    def _average_statistics(self) -> None:
        """Gives all replicas the mean of their batch normalisations' moving statistics.

        Keras leaves each replica its own: what is saved and validated would be one of several.
        """
        context = tf.distribute.get_replica_context()
        statistics = self._statistics()
        if context.num_replicas_in_sync > 1 and statistics:
            values = []
            for variable in statistics:
                with tf.device(
                    variable.value.device
                ):  # The reduction of a plain tensor asks for it.
                    values.append(tf.identity(variable.value))
            means = context.all_reduce(tf.distribute.ReduceOp.MEAN, values)
            for variable, mean in zip(statistics, means, strict=True):
                variable.assign(mean)

    def _clip(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Shortens by the norm of the sum over replicas, which the optimizer does not know."""
        context = tf.distribute.get_replica_context()
        norm = tf.linalg.global_norm(context.all_reduce(tf.distribute.ReduceOp.SUM, gradients))
        limit = self._model.optimizer.scale_loss(self._clip_norm)
        return [gradient * (limit / tf.maximum(norm, limit)) for gradient in gradients]

    def _test_step(self, batch: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        def step(images: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
            # A replica's share of the last batch may be empty, which some operations refuse.
            count = tf.shape(images)[0]
            is_empty = tf.cast(tf.equal(count, 0), tf.int32)
            images = tf.pad(images, [[0, is_empty], *[[0, 0]] * (images.shape.rank - 1)])
            outputs = tf.cast(self._forward(images, training=False), tf.float32)[:count]
            return self._objective.validation_sums(targets, outputs)

        return self._reduce(self._strategy.run(step, batch))

    def _reduce(self, sums: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {
            name: self._strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in sums.items()
        }


def _to_floats(sums: dict[str, tf.Tensor]) -> Sums:
    return {name: float(value) for name, value in sums.items()}
