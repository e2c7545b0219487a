"""What is exported, and how it is checked."""

from __future__ import annotations

import dataclasses

from fer_keras.config import choices
from fer_keras.config.fields import check, setting
from fer_keras.errors import InvalidInputError


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """What `fer_keras.export` takes besides the flags of a run.

    >>> ExportConfig(formats=('saved_model', 'onnx')).check
    False
    """

    formats: tuple[str, ...] = setting(
        ('saved_model',), 'What to write.', 'output', choices=choices.EXPORT_FORMATS
    )
    check: bool = setting(
        False, 'Compare what was written with the graph that was trained.', 'output'
    )
    calibration_images: int = setting(
        100, 'Training images on which the ranges of int8 are measured.', 'output', low=1
    )

    def __post_init__(self) -> None:
        check(self)
        if not self.formats:
            raise InvalidInputError(
                f'`formats` must be some of {choices.EXPORT_FORMATS}. Received: none.'
            )
