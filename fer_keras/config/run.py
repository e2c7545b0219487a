"""What a run is made of."""

from __future__ import annotations

import dataclasses

from fer_keras.config.data import DataConfig
from fer_keras.config.model import ModelConfig
from fer_keras.config.training import TrainingConfig
from fer_keras.errors import InvalidInputError


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """The whole of a run.

    Raises:
        InvalidInputError: The parts disagree.

    >>> RunConfig(DataConfig(source='rafd/frontal_faces')).data.target_name
    'rafd/frontal_faces'
    """

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.data.hog_source and not self.model.hog_branch:
            raise InvalidInputError(
                '`hog_source` teaches the branch that `hog_branch` adds. '
                f'Received: hog_source={self.data.hog_source!r}, hog_branch=False. '
                'Give --hog_branch, or --hog_source= for none.'
            )
