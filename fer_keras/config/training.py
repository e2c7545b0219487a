"""How a classifier is trained."""

from __future__ import annotations

import dataclasses

from fer_keras.config import choices, shared
from fer_keras.config.fields import check, setting


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """Two-stage fine-tuning: `head_epochs` with a frozen backbone, then all up to `epochs`.

    Raises:
        InvalidInputError: A value is not allowed, or they disagree.

    >>> TrainingConfig(epochs=20, head_epochs=2).optimizer
    'adamw'
    """

    run_dir: str = setting('runs/latest', 'Folder of the run.', 'output', is_path=True)
    epochs: int = setting(30, 'Epochs of both stages together.', 'recipe', low=1)
    head_epochs: int = setting(3, 'First epochs, with a frozen backbone.', 'recipe', low=0)
    head_learning_rate: float = setting(1e-3, 'Rate of the first stage.', 'recipe', low=0)
    learning_rate: float = setting(
        1e-4,
        'Peak rate of the second stage; it decays to zero along a cosine.',
        'recipe',
        low=0,
    )
    weight_decay: float = setting(1e-4, 'Decoupled weight decay.', 'recipe', low=0)
    optimizer: str = setting(
        'adamw',
        'AdamW, or SGD with Nesterov momentum 0.9, which wants rates a hundred times higher.',
        'recipe',
        choices=choices.OPTIMIZERS,
    )
    sam_radius: float = setting(
        0.0,
        'Radius of sharpness-aware minimisation (Foret 2021), at twice the cost; 0 is off.',
        'recipe',
        low=0,
    )
    clip_norm: float = setting(0.0, 'Largest norm of the gradient; 0 is off.', 'recipe', low=0)
    label_smoothing: float = setting(
        0.1, 'Mass spread over all classes in the training loss.', 'recipe', low=0, high=0.9
    )
    focal_gamma: float = setting(
        0.0,
        'Focus of the training loss on images that are still wrong (Lin 2017); 0 is cross-entropy.',
        'recipe',
        low=0,
    )
    freeze_batch_norm: bool = setting(
        False, 'Keep batch normalisation as it was pretrained, in both stages.', 'recipe'
    )
    ema_momentum: float = setting(
        0.0,
        'Momentum of the averaged weights that are validated and kept; 0 is off.',
        'recipe',
        low=0,
        high=0.9999,
    )
    calibrate: bool = setting(
        False,
        'Fit one temperature (Guo 2017) to the validation split in the end, and keep it in the '
        'weights.',
        'recipe',
    )
    patience: int = setting(10, 'Epochs without a better `monitor` to stop after.', 'recipe', low=1)
    steps_per_call: int = setting(1, 'Steps in one call of the graph.', 'execution', low=1)
    accumulate: int = setting(
        1,
        'Parts in which a replica takes its share of a batch, where its memory is too small.',
        'execution',
        low=1,
    )
    precision: str = setting(
        'float32',
        'Of the layers; variables stay float32. mixed_float16 scales the loss.',
        'execution',
        choices=choices.PRECISIONS,
    )
    xla: bool = setting(
        False,
        'Compile the gradient with XLA: for GPUs; on CPUs it was seven times slower.',
        'execution',
    )
    checkpoint_steps: int = shared.checkpoint_steps()
    monitor: str = setting(
        'val_accuracy',
        "What chooses the epoch, always on the source's validation split.",
        'recipe',
        choices=choices.MONITORS,
    )
    seed: int = shared.seed()
    deterministic: bool = shared.deterministic()
    strategy: str = shared.strategy()

    def __post_init__(self) -> None:
        check(self)
        shared.require_stages(self.head_epochs, self.epochs)
