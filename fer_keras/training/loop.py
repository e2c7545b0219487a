"""Two-stage fine-tuning: the head on a frozen backbone, then everything."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from fer_keras.config import RunConfig, TrainingConfig, as_flags
from fer_keras.input_pipeline import (
    evaluation_batches,
    label_names,
    open_sources,
    read_split,
    training_batches,
)
from fer_keras.models.classifier import build_classifier, freeze_for_stage
from fer_keras.run_dir import RunDir
from fer_keras.training.callbacks import make_best_checkpoint, make_callbacks
from fer_keras.training.distribution import make_strategy
from fer_keras.training.environment import describe_environment


def train(run: RunConfig, run_dir: RunDir) -> None:
    """Trains the classifier; its best epoch on the source's validation split is kept.

    Raises:
        FileNotFoundError: A data set is not prepared, or a weights file is missing.
        ValueError: The configuration does not fit the data or the devices.
    """
    make_repeatable(run.training)
    strategy = make_strategy(run.training.strategy, batch_size=run.data.batch_size)
    sources = open_sources(run.data)
    names = label_names(sources)
    write_beginning(run, run_dir, sources, names)
    training = read_split(sources, 'train', names, run.model.maps_folder)
    validation = read_split(sources, 'validation', names, run.model.maps_folder)
    steps_per_epoch = max(1, training.size // run.data.batch_size)
    batches = training_batches(training, run.data, num_classes=len(names), seed=run.training.seed)
    validation_batches = evaluation_batches(validation, run.data, num_classes=len(names))
    with strategy.scope():
        model = build_classifier(
            run.model, num_classes=len(names), image_size_px=run.data.image_size_px
        )
    best_checkpoint = make_best_checkpoint(run.training, run_dir)
    for first_epoch, last_epoch in _stages(run.training):
        is_head_stage = last_epoch <= run.training.head_epochs
        with strategy.scope():
            freeze_for_stage(model, train_backbone=not is_head_stage)
            optimizer = make_optimizer(
                run.training,
                is_head_stage=is_head_stage,
                steps=steps_per_epoch * (last_epoch - first_epoch),
            )
            compile_classifier(model, optimizer, run.training)
        model.fit(
            batches,
            epochs=last_epoch,
            initial_epoch=first_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_data=validation_batches,
            callbacks=make_callbacks(
                run.training, run_dir, best_checkpoint, stops_early=not is_head_stage
            ),
            shuffle=False,  # The pipeline does; Keras would only warn that it cannot.
            verbose=1 if sys.stdout.isatty() else 2,
        )


def write_beginning(
    run: RunConfig, run_dir: RunDir, sources: Sequence[Any], names: Sequence[str]
) -> None:
    """Writes what is known before the first step: flags, labels, environment."""
    run_dir.create()
    with open(run_dir.flags_file, 'w', encoding='utf-8') as file:
        file.write(as_flags(run))
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
    """AdamW: a constant rate for the head, then warm-up over a tenth and a cosine to zero.

    Biases and the scales and offsets of normalisation do not decay.
    """
    warmup_steps = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, steps - warmup_steps),
        warmup_target=config.learning_rate,
        warmup_steps=warmup_steps,
    )
    optimizer = keras.optimizers.AdamW(
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
    """Compiles with the label-smoothed cross-entropy and accuracy."""
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=config.label_smoothing),
        metrics=['accuracy'],
    )


def _stages(config: TrainingConfig) -> Sequence[tuple[int, int]]:
    """First epoch and the one after the last of each stage that is not empty."""
    stages = [(0, config.head_epochs), (config.head_epochs, config.epochs)]
    return [(first, last) for first, last in stages if first < last]
