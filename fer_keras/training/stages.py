"""The stages of a run: the head, or the decoder, on a frozen encoder, then all of the network."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Stage:
    """Some epochs with one optimizer.

    Attributes:
        index: Which of the run's stages, from 0.
        first: Its first epoch, from 0.
        last: The epoch after its last one.
        is_head_stage: Whether the encoder is frozen.

    >>> Stage(index=1, first=2, last=5, is_head_stage=False).epochs
    3
    """

    index: int
    first: int
    last: int
    is_head_stage: bool

    @property
    def epochs(self) -> int:
        """How many epochs it has."""
        return self.last - self.first


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long a run is, by what its best epoch is chosen, and when it is saved.

    Attributes:
        epochs: Of both stages together.
        head_epochs: Of the first stage.
        monitor: The measure of the best epoch; the lowest where it ends in `loss`.
        patience: Epochs without a better one after which the second stage ends, or None: never.
        averages_weights: Whether the optimizer keeps averages, which are validated and saved.
        steps_per_call: Steps between two looks at whether the run shall end.
        checkpoint_steps: Steps between two states within an epoch; 0: only at its end.

    >>> for stage in Schedule(epochs=5, head_epochs=2, monitor='val_loss').stages():
    ...     print(stage)
    Stage(index=0, first=0, last=2, is_head_stage=True)
    Stage(index=1, first=2, last=5, is_head_stage=False)
    """

    epochs: int
    head_epochs: int
    monitor: str
    patience: int | None = None
    averages_weights: bool = False
    steps_per_call: int = 1
    checkpoint_steps: int = 0

    def stages(self) -> list[Stage]:
        """Those that are not empty, in their order."""
        spans = [(0, self.head_epochs), (self.head_epochs, self.epochs)]
        return [
            Stage(index, first, last, is_head_stage=last <= self.head_epochs)
            for index, (first, last) in enumerate(span for span in spans if span[0] < span[1])
        ]
