"""Two-stage fine-tuning that can be cut off anywhere: the head on a frozen backbone, then all."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fer_keras.config import RunConfig, TrainingConfig, as_flags
from fer_keras.input_pipeline import (
    Source,
    TrainingBatches,
    evaluation_batches,
    open_sources,
    read_split,
    trained_label_names,
)
from fer_keras.models.classifier import build_classifier, freeze_for_stage
from fer_keras.run_dir import RunDir
from fer_keras.training.callbacks import (
    forget_epochs_after,
    make_best_checkpoint,
    make_callbacks,
)
from fer_keras.training.checkpoints import (
    Checkpoints,
    TrainingState,
    assign,
    plain_values,
    values_of,
)
from fer_keras.training.distribution import is_chief, make_strategy
from fer_keras.training.engine import Engine, Sums, add, means_of
from fer_keras.training.environment import describe_environment


def train(run: RunConfig, run_dir: RunDir) -> bool:
    """Trains the classifier; its best epoch on the source's validation split is kept.

    A run that was cut off goes on where it was, to the very weights that it would have had. Of
    several workers only the chief writes; all must see the folder, to go on from one state.

    Returns:
        Whether this process is the one that writes the files of the run.

    Raises:
        FileNotFoundError: A data set is not prepared, or a weights file is missing.
        FileExistsError: The folder holds a finished run, or one of other flags.
        ValueError: The configuration does not fit the data or the devices.
    """
    make_repeatable(run.training)
    keras.config.set_dtype_policy(run.training.precision)
    strategy = make_strategy(
        run.training.strategy, batch_size=run.data.batch_size, parts=run.training.accumulate
    )
    sources = open_sources(run.data)
    names = trained_label_names(sources, run.data.fold)
    chief = is_chief(strategy)
    if chief:
        run_dir.claim(as_flags(run))
        write_beginning(run_dir, sources, names)
    else:
        run_dir.refuse_others(as_flags(run))
    maps_folder, fold = run.model.maps_folder, run.data.fold
    training = read_split(sources, 'train', names, maps_folder, fold)
    validation = read_split(sources, 'validation', names, maps_folder, fold)
    batches = TrainingBatches(training, run.data, num_classes=len(names), seed=run.training.seed)
    with strategy.scope():
        model = build_classifier(
            run.model, num_classes=len(names), image_size_px=run.data.image_size_px
        )
    weights = balanced_weights(training, len(names)) if run.training.balance_classes else ()
    loop = Loop(run.training, run_dir, model, strategy, weights)
    loop.run(batches, evaluation_batches(validation, run.data, num_classes=len(names)))
    return chief


# What was best, and the step that TensorBoard counts, are the run's and not the stage's.
SPAN_THE_RUN = ('ModelCheckpoint', 'TensorBoard')


class Loop:
    """The two stages over one model, with ordinary Keras callbacks around the steps."""

    def __init__(
        self,
        config: TrainingConfig,
        run_dir: RunDir,
        model: keras.Model,
        strategy: tf.distribute.Strategy,
        class_weights: Sequence[float] = (),
    ) -> None:
        self._config = config
        self._class_weights = class_weights
        self._run_dir = run_dir
        self._model = model
        self._strategy = strategy
        self._is_chief = is_chief(strategy)
        self._checkpoints = Checkpoints(run_dir.state_dir)
        self._best_checkpoint = make_best_checkpoint(config, run_dir)

    def run(self, batches: TrainingBatches, validation: tf.data.Dataset) -> None:
        """Trains from the newest state, or from the beginning, to the end."""
        state = self._checkpoints.latest() or TrainingState()
        if self._is_chief:
            forget_epochs_after(self._run_dir.history_file, state.epoch)
        for index, (first, last) in enumerate(_stages(self._config)):
            if not state.is_finished and state.epoch < last:
                state = self._run_stage(index, first, last, state, batches, validation)

    def _run_stage(
        self,
        index: int,
        first: int,
        last: int,
        state: TrainingState,
        batches: TrainingBatches,
        validation: tf.data.Dataset,
    ) -> TrainingState:
        """Trains what is left of the epochs `first` to before `last`; returns the new state."""
        config, model = self._config, self._model
        is_head_stage = last <= config.head_epochs
        if state.model:
            assign(model.variables, state.model, 'model')
        with self._strategy.scope():
            freeze_for_stage(model, train_backbone=not is_head_stage)
            if config.freeze_batch_norm:
                freeze_batch_norm(model)
            optimizer = make_optimizer(
                config, is_head_stage=is_head_stage, steps=batches.steps_per_epoch * (last - first)
            )
            compile_classifier(model, optimizer, config)
            engine = Engine(
                model,
                self._strategy,
                parts=config.accumulate,
                clip_norm=config.clip_norm,
                class_weights=self._class_weights,
            )
        callbacks = keras.callbacks.CallbackList(
            make_callbacks(
                config,
                self._run_dir,
                self._best_checkpoint,
                stops_early=not is_head_stage,
                writes=self._is_chief,
            ),
            add_progbar=self._is_chief,
            model=model,
            epochs=last,
            steps=batches.steps_per_epoch,
            verbose=1 if sys.stdout.isatty() else 2,
        )
        model.stop_training = False
        callbacks.on_train_begin()
        _restore(state, index, model.optimizer, callbacks)
        epoch, step, sums = state.epoch, state.step, state.sums
        while epoch < last and not model.stop_training:
            callbacks.on_epoch_begin(epoch)
            iterator = engine.distribute(functools.partial(batches.epoch, epoch, step))
            while step < batches.steps_per_epoch:
                callbacks.on_train_batch_begin(step)
                count = min(config.steps_per_call, batches.steps_per_epoch - step)
                sums = add(sums, engine.train(iterator, count))
                step += count
                callbacks.on_train_batch_end(step - 1, means_of(sums))
                if config.checkpoint_steps and step % config.checkpoint_steps < count:
                    self._save(index, epoch, step, sums, callbacks)
            callbacks.on_test_begin()
            measured = engine.evaluate(validation)
            callbacks.on_test_end(measured)
            validated = {f'val_{name}': value for name, value in measured.items()}
            callbacks.on_epoch_end(epoch, means_of(sums) | validated)
            epoch, step, sums = epoch + 1, 0, {}
            state = self._save(index, epoch, step, sums, callbacks)
        callbacks.on_train_end()
        return state

    def _save(
        self,
        index: int,
        epoch: int,
        step: int,
        sums: Sums,
        callbacks: keras.callbacks.CallbackList,
    ) -> TrainingState:
        state = TrainingState(
            epoch=epoch,
            step=step,
            stage=index,
            sums=sums,
            callbacks={type(one).__name__: plain_values(one) for one in callbacks.callbacks},
            is_finished=self._model.stop_training or epoch >= self._config.epochs,
            model=values_of(self._model.variables),
            optimizer=values_of(self._model.optimizer.variables),
        )
        if self._is_chief:
            self._checkpoints.save(state)
        return state


def _restore(
    state: TrainingState,
    index: int,
    optimizer: keras.optimizers.Optimizer,
    callbacks: keras.callbacks.CallbackList,
) -> None:
    """Gives optimizer and callbacks what they knew; a new stage keeps only what spans the run."""
    is_same_stage = state.stage == index and state.optimizer
    if is_same_stage:
        assign(optimizer.variables, state.optimizer, 'optimizer')
    for callback in callbacks.callbacks:
        name = type(callback).__name__
        if name == 'CSVLogger':
            continue  # It looks into its file whether the header is there.
        if is_same_stage or name in SPAN_THE_RUN:
            vars(callback).update(state.callbacks.get(name, {}))


def write_beginning(run_dir: RunDir, sources: Sequence[Any], names: Sequence[str]) -> None:
    """Writes what is known before the first step: labels and environment."""
    with open(run_dir.labels_file, 'w', encoding='utf-8') as file:
        file.write(''.join(f'{name}\n' for name in names))
    with open(run_dir.environment_file, 'w', encoding='utf-8') as file:
        json.dump(describe_environment(sources), file, indent=2)


def make_repeatable(config: TrainingConfig) -> None:
    """Seeds Python, NumPy and TensorFlow; `deterministic` also makes every op repeatable."""
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()


def make_optimizer(
    config: TrainingConfig, *, is_head_stage: bool, steps: int
) -> keras.optimizers.Optimizer:
    """A constant rate for the head, then warm-up over a tenth and a cosine to zero.

    Biases and the scales and offsets of normalisation do not decay.
    """
    warmup_steps = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, steps - warmup_steps),
        warmup_target=config.learning_rate,
        warmup_steps=warmup_steps,
    )
    make = {
        'adamw': keras.optimizers.AdamW,
        'sgd': functools.partial(keras.optimizers.SGD, momentum=0.9, nesterov=True),
    }[config.optimizer]
    optimizer = make(
        learning_rate=config.head_learning_rate if is_head_stage else schedule,
        weight_decay=config.weight_decay,
        use_ema=config.ema_momentum > 0,
        ema_momentum=config.ema_momentum or 0.99,
    )
    optimizer.exclude_from_weight_decay(var_names=['bias', 'gamma', 'beta', 'gain'])
    return optimizer


def compile_classifier(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, config: TrainingConfig
) -> None:
    """Compiles with the label-smoothed cross-entropy, or the focal loss (Lin et al. 2017, eq. 4).

    For `mixed_float16` Keras wraps the optimizer in one that scales the loss.
    """
    model.compile(
        optimizer=optimizer,
        # gamma = 0 is the cross-entropy; alpha = 1 leaves the balance to `balance_classes`.
        loss=keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=config.focal_gamma, label_smoothing=config.label_smoothing
        ),
    )


def freeze_batch_norm(model: keras.Model) -> None:
    """Keeps the statistics, scales and offsets of every batch normalisation as they are."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def balanced_weights(source: Source, num_classes: int) -> list[float]:
    """The weight of each class: `images / (classes * images of the class)`, 0 for an absent one."""
    labels = [int(label) for label in source.examples.map(lambda example: example['label'])]
    counts = np.bincount(labels, minlength=num_classes)
    present = np.count_nonzero(counts)
    return [len(labels) / (present * count) if count else 0.0 for count in counts.tolist()]


def _stages(config: TrainingConfig) -> Sequence[tuple[int, int]]:
    """First epoch and the one after the last of each stage that is not empty."""
    stages = [(0, config.head_epochs), (config.head_epochs, config.epochs)]
    return [(first, last) for first, last in stages if first < last]
