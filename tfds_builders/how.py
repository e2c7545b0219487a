"""Where the examples of a set are made: in this process, in several, or on Apache Beam."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from etils import epath

from tfds_builders.errors import InvalidArchiveError


@dataclasses.dataclass(frozen=True)
class How:
    """How a set is built; what is built is the same.

    Attributes:
        workers: Processes of one thread each; 1 is this process, with its threads.
        beam: Options of a pipeline of Apache Beam, as `tfds build --beam_pipeline_options` takes
            them, with commas between; empty without Beam.

    Raises:
        InvalidArchiveError: Both are given, or fewer than one process.

    >>> How(workers=4).pipeline_options() is None
    True
    """

    workers: int = 1
    beam: str | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InvalidArchiveError(f'--workers must be at least 1. Received: {self.workers}.')
        if self.workers > 1 and self.beam:
            raise InvalidArchiveError(
                '--workers are processes without Beam, which has its own: leave out one of '
                f'--workers and --beam_pipeline_options. Received: --workers={self.workers} and '
                f'--beam_pipeline_options={self.beam}.'
            )

    def place(self, folder: str) -> epath.Path:
        """The path of a folder: absolute for Beam, whose workers may be elsewhere."""
        is_local = '://' not in folder
        return epath.Path(os.path.abspath(folder) if self.beam and is_local else folder)

    def pipeline_options(self) -> Any:
        """The `PipelineOptions` of Beam; None without it.

        Raises:
            InvalidArchiveError: Beam is not installed, or does not know the runner.
        """
        if not self.beam:
            return None
        try:
            from apache_beam import Pipeline
            from apache_beam.options.pipeline_options import PipelineOptions
        except ImportError as error:
            raise InvalidArchiveError(
                '--beam_pipeline_options needs Apache Beam. Type: pip install "fer_keras[beam]"'
            ) from error
        options = PipelineOptions(flags=[f'--{option}' for option in self.beam.split(',')])
        try:
            Pipeline(options=options)  # Finds the runner, and what it lacks.
        except (ImportError, ValueError) as error:
            raise InvalidArchiveError(
                f'--beam_pipeline_options must name a runner of Beam, and what that needs. '
                f'Received: {self.beam}. ({error})'
            ) from error
        return options
