"""What is exported, and how it is checked."""

from __future__ import annotations

import dataclasses

from fer_keras.config import choices, shared
from fer_keras.config.fields import check, setting
from fer_keras.errors import InvalidInputError


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """What `fer_keras.export` takes besides the flags of a run.

    >>> ExportConfig(formats=('saved_model', 'onnx')).check
    False
    """

    model: str = setting(
        '',
        f'Instead of --run_dir: run folder, .keras file, or {shared.SHIPPED}.',
        'input',
        is_path=True,
    )
    formats: tuple[str, ...] = setting(
        ('saved_model',), 'What to write.', 'output', choices=choices.EXPORT_FORMATS
    )
    check: bool = setting(
        False, 'Compare what was written with the graph that was trained.', 'output'
    )
    calibration_images: int = setting(
        100,
        'Training images on which the ranges of int8 are measured; 0: no int8 file.',
        'output',
        low=0,
    )
    detector: str = setting(
        choices.DETECTORS[-1],
        'What finds the faces of whole photos in a SavedModel.',
        'output',
        choices=choices.DETECTORS,
    )
    output: str = setting(
        '',
        'Folder to write to; empty: the run, or one named after a classifier of the package.',
        'output',
        is_path=True,
    )

    def __post_init__(self) -> None:
        check(self)
        if not self.formats:
            raise InvalidInputError(
                f'`formats` must be some of {choices.EXPORT_FORMATS}. Received: none.'
            )
