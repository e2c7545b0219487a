"""What is trained: the border between the loop and a classifier or a saliency model."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from fer_keras.config.saliency import SaliencyTrainingConfig
from fer_keras.config.training import TrainingConfig
from fer_keras.models.classifier import freeze_for_stage
from fer_keras.models.mlnet_light import is_encoder_layer
from fer_keras.saliency.losses import mlnet_loss_of_target, saliency_loss
from fer_keras.training.engine import Engine
from fer_keras.training.fused_norm import fuse_batch_norm
from fer_keras.training.objectives import ClassificationObjective, SaliencyObjective
from fer_keras.training.recipe import (
    average_batch_norm,
    compile_classifier,
    freeze_batch_norm,
    make_optimizer,
    warm_up_and_cosine,
)
from fer_keras.training.stages import Schedule, Stage
from fer_keras.training.tensorboard import TensorBoardImages


class Task(abc.ABC):
    """A model and how it is trained; the loop knows nothing else of what it trains.

    Args:
        model: What is saved at its best epoch, and whose variables a state holds.
        strategy: The strategy that it was built in.
        schedule: Its stages, and when it is saved.

    >>> class Nothing(Task):
    ...     def begin_stage(self, stage, steps):
    ...         raise NotImplementedError
    >>> schedule = Schedule(epochs=3, head_epochs=0, monitor='val_loss')
    >>> Nothing(keras.Sequential(), tf.distribute.get_strategy(), schedule).schedule.epochs
    3
    """

    def __init__(
        self, model: keras.Model, strategy: tf.distribute.Strategy, schedule: Schedule
    ) -> None:
        self.model = model
        self.strategy = strategy
        self.schedule = schedule

    def begin(self) -> None:  # noqa: B027, most tasks have nothing to do
        """What is done before the first step of a run, and not where one goes on."""

    @abc.abstractmethod
    def begin_stage(self, stage: Stage, steps: int) -> Engine:
        """Freezes what the stage freezes, and compiles with a fresh optimizer.

        Args:
            stage: The stage.
            steps: Steps of all its epochs.
        """

    def show(self, totals: Mapping[str, np.ndarray], epoch: int) -> None:  # noqa: B027
        """Draws what an epoch, from 0, was validated to."""


class ClassifierTask(Task):
    """Two-stage fine-tuning of a classifier.

    Args:
        model: The classifier.
        strategy: The strategy that it was built in.
        config: The recipe.
        class_weights: Factor of the training loss of each class, or nothing.
        forward: Another graph over the model's variables that takes what the batches give, or None.
        images: Draws for TensorBoard, or None.
        begin: Called before the first step of a run, or None.

    >>> backbone = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)], name='backbone')
    >>> model = keras.Sequential([backbone, keras.layers.Dense(2, 'softmax')])
    >>> task = ClassifierTask(model, tf.distribute.get_strategy(), TrainingConfig(epochs=4))
    >>> first, second = task.schedule.stages()
    >>> engine = task.begin_stage(first, steps=10)
    >>> len(model.trainable_variables)
    2
    """

    def __init__(
        self,
        model: keras.Model,
        strategy: tf.distribute.Strategy,
        config: TrainingConfig,
        *,
        class_weights: Sequence[float] = (),
        forward: keras.Model | None = None,
        images: TensorBoardImages | None = None,
        begin: Callable[[], None] | None = None,
    ) -> None:
        schedule = Schedule(
            epochs=config.epochs,
            head_epochs=config.head_epochs,
            monitor=config.monitor,
            patience=config.patience,
            averages_weights=config.ema_momentum > 0,
            steps_per_call=config.steps_per_call,
            checkpoint_steps=config.checkpoint_steps,
        )
        super().__init__(model, strategy, schedule)
        self._config = config
        self._class_weights = class_weights
        self._forward = forward
        self._images = images
        self._begin = begin

    def begin(self) -> None:
        if self._begin:
            self._begin()

    def begin_stage(self, stage: Stage, steps: int) -> Engine:
        config = self._config
        freeze_for_stage(self.model, train_backbone=not stage.is_head_stage)
        if config.freeze_batch_norm:
            freeze_batch_norm(self.model)
        average_batch_norm(self.model, config.ema_momentum)
        fuse_batch_norm(self.model)
        optimizer = make_optimizer(config, is_head_stage=stage.is_head_stage, steps=steps)
        compile_classifier(self.model, optimizer, config)
        return Engine(
            self.model,
            ClassificationObjective(self.model.loss, self._class_weights),
            self.strategy,
            parts=config.accumulate,
            clip_norm=config.clip_norm,
            sam_radius=config.sam_radius,
            xla=config.xla,
            forward=self._forward,
        )

    def show(self, totals: Mapping[str, np.ndarray], epoch: int) -> None:
        if self._images:
            self._images.write_confusion(totals['confusion'].astype(np.int64), epoch)


class SaliencyTask(Task):
    """Two-stage training of a saliency model; the best epoch is that of the highest NSS.

    Args:
        model: From images to logits at the resolution of the images.
        strategy: The strategy that it was built in.
        config: The recipe.

    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(1, 1, name='block1')])
    >>> config = SaliencyTrainingConfig(epochs=4, head_epochs=2)
    >>> task = SaliencyTask(model, tf.distribute.get_strategy(), config)
    >>> frozen, free = task.schedule.stages()
    >>> engine = task.begin_stage(free, steps=10)
    >>> len(model.trainable_variables), task.schedule.monitor
    (2, 'val_nss')
    """

    def __init__(
        self,
        model: keras.Model,
        strategy: tf.distribute.Strategy,
        config: SaliencyTrainingConfig,
    ) -> None:
        schedule = Schedule(
            epochs=config.epochs,
            head_epochs=config.head_epochs,
            monitor='val_nss',
            checkpoint_steps=config.checkpoint_steps,
        )
        super().__init__(model, strategy, schedule)
        self._config = config

    def begin_stage(self, stage: Stage, steps: int) -> Engine:
        config = self._config
        freeze_encoder(self.model, frozen=stage.is_head_stage)
        schedule = warm_up_and_cosine(config.learning_rate, steps)
        optimizer = keras.optimizers.AdamW(
            config.head_learning_rate if stage.is_head_stage else schedule,
            weight_decay=config.weight_decay,
        )
        self.model.compile(optimizer)
        loss = mlnet_loss_of_target if config.kind == 'mlnet' else saliency_loss
        return Engine(self.model, SaliencyObjective(loss), self.strategy)


def freeze_encoder(model: keras.Model, *, frozen: bool) -> None:
    """Freezes or frees the encoder. Its normalisation keeps ImageNet's statistics throughout."""
    for layer in model.layers:
        if is_encoder_layer(layer):
            is_norm = isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = not frozen and not is_norm
