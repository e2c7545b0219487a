"""What a stage trains with: optimizer, loss, what is frozen, how classes weigh."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from fer_keras.config.run import TrainingConfig


class _GroupRates(keras.optimizers.Optimizer):
    """Gives each variable its own share of an optimizer's learning rate and weight decay.

    Args:
        rates: Factor of each variable, in the order in which the optimizer is built.
    """

    def __init__(self, *, rates: Sequence[float], **options: Any) -> None:
        super().__init__(**options)
        self.rates = tuple(rates)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        rate = self.rates[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * rate)

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        whole: float | None = self.weight_decay  # type: ignore[has-type]
        for rate in sorted(set(self.rates)):
            group = [v for v in variables if self.rates[self._get_variable_index(v)] == rate]
            self.weight_decay = None if whole is None else whole * rate
            super()._apply_weight_decay(group)
        self.weight_decay = whole

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {'rates': self.rates}


@keras.saving.register_keras_serializable(package='fer_keras')
class GroupedAdamW(_GroupRates, keras.optimizers.AdamW):
    """AdamW with a rate for each variable."""


@keras.saving.register_keras_serializable(package='fer_keras')
class GroupedSGD(_GroupRates, keras.optimizers.SGD):
    """SGD with a rate for each variable."""


def group_rates(model: keras.Model, rates: Sequence[float]) -> list[float]:
    """The rate of each trainable variable.

    Args:
        model: The classifier.
        rates: One a group: the backbone's layers with weights, cut into as many equal groups, from
            the image to the head. What is not of the backbone has 1.
    """
    layers = [layer for layer in model.get_layer('backbone')._flatten_layers() if not _parts(layer)]
    layers = [layer for layer in layers if layer.trainable_weights]
    found: dict[int, float] = {}
    for group, members in enumerate(np.array_split(np.arange(len(layers)), len(rates))):
        for position in members:
            found |= {id(weight): rates[group] for weight in layers[position].trainable_weights}
    return [found.get(id(variable), 1.0) for variable in model.trainable_variables]


def make_optimizer(
    config: TrainingConfig, *, is_head_stage: bool, steps: int, rates: Sequence[float] = ()
) -> keras.optimizers.Optimizer:
    """A constant rate for the head, then warm-up over a tenth and a cosine to zero.

    Biases and the scales and offsets of normalisation do not decay.

    Args:
        config: Rates, decay and averages.
        is_head_stage: Whether the head alone is trained.
        steps: Steps of the stage.
        rates: From `group_rates`; empty: the same for all.
    """
    warmup_steps = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, steps - warmup_steps),
        warmup_target=config.learning_rate,
        warmup_steps=warmup_steps,
    )
    plain, grouped = {
        'adamw': (keras.optimizers.AdamW, GroupedAdamW),
        'sgd': (keras.optimizers.SGD, GroupedSGD),
    }[config.optimizer]
    make: Any = functools.partial(grouped, rates=rates) if rates else plain
    optimizer = make(
        learning_rate=config.head_learning_rate if is_head_stage else schedule,
        weight_decay=config.weight_decay,
        use_ema=config.ema_momentum > 0,
        ema_momentum=config.ema_momentum or 0.99,
        **({'momentum': 0.9, 'nesterov': True} if config.optimizer == 'sgd' else {}),
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


def balanced_weights(counts: Sequence[int]) -> list[float]:
    """The weight of each class: `images / (classes * images of the class)`, 0 for an absent one."""
    present = np.count_nonzero(counts)
    return [sum(counts) / (present * count) if count else 0.0 for count in counts]


def stages(config: TrainingConfig) -> Sequence[tuple[int, int]]:
    """First epoch and the one after the last of each stage that is not empty."""
    both = [(0, config.head_epochs), (config.head_epochs, config.epochs)]
    return [(first, last) for first, last in both if first < last]


def _parts(layer: keras.Layer) -> list[keras.Layer]:
    return list(layer._flatten_layers(include_self=False))
