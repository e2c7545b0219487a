"""What the commands are asked that answer for pictures."""

from __future__ import annotations

import dataclasses

from fer_keras.config import shared
from fer_keras.config.fields import check, setting
from fer_keras.errors import InvalidInputError
from fer_keras.pretrained.names import answers_alone

SHARD_FORMATS = ('jsonl', 'parquet')


@dataclasses.dataclass(frozen=True)
class PredictionConfig:
    """What `fer_keras.predict` takes.

    >>> PredictionConfig(model='runs/cross', output='faces.jsonl').every
    1
    """

    model: str = shared.model()
    input: tuple[str, ...] = setting(
        (), 'Pictures, videos, folders, patterns, or `camera:0`, with commas between.', 'input'
    )
    input_list: str = setting(
        '',
        'Text file that names pictures and videos, one a line, for more than a command line takes.',
        'input',
        is_path=True,
    )
    crops: bool = setting(False, 'They are face crops: do not look for faces.', 'input')
    small_faces: bool = setting(
        True,
        'Look for faces down to a 25th of the longer side; without, to an 11th. YuNet: down to a '
        '32nd; without, to a 16th, in up to a quarter of the time.',
        'input',
    )
    detector: str = shared.detector()
    every: int = setting(1, 'Use every n-th frame of a video.', 'input', low=1)
    max_frames: int = setting(0, 'Used frames of a video or camera; 0: all.', 'input', low=0)
    track: bool = setting(
        True,
        'Follow faces through a video, so that each person has a number, `track`. Needs the extra '
        '`video`.',
        'input',
    )
    search_s: float = setting(
        0.2,
        'Seconds of a video from one search for faces to the next; between, they are followed. '
        '0: search every used frame.',
        'input',
        low=0,
        high=2,
    )
    smoothing_s: float = setting(
        0.5,
        'Smoothed answers of a video are means over so many seconds, half before and half after '
        'the frame, of the same person. 0: not smoothed.',
        'input',
        low=0,
        high=2,
    )
    batch_size: int = setting(8, 'Pictures at a time.', 'execution', low=1)
    beam_pipeline_options: str = setting(
        '',
        'Options of a pipeline of Apache Beam, with commas between, to read millions of files on '
        'many machines: runner=DirectRunner,direct_num_workers=8. Needs the extra `beam`. The same '
        'command goes on where it was ended.',
        'execution',
    )
    output: str = setting(
        '',
        'File to write, .csv or .jsonl, with all probabilities; empty: a table on the screen. On '
        'Beam the folder of the shards.',
        'output',
        is_path=True,
    )
    format: str = setting('jsonl', 'What shards on Beam are.', 'output', choices=SHARD_FORMATS)
    files_a_shard: int = setting(
        500, 'Photos in a shard on Beam; a video has one for itself.', 'output', low=1
    )
    overlay_dir: str = setting(
        '', 'Folder for pictures with boxes and labels.', 'output', is_path=True
    )
    overlay_video: str = setting(
        '',
        'Video to write, .mp4 or .mkv, with boxes, numbers of people, labels and a timeline, of '
        'the one video that is given.',
        'output',
        is_path=True,
    )
    summary_dir: str = setting(
        '',
        'Folder for a page and a table about the people of the videos: a timeline for each, and '
        'the seconds of each expression.',
        'output',
        is_path=True,
    )
    thumbnails: bool = setting(True, 'Show the faces of people on that page.', 'output')

    def __post_init__(self) -> None:
        check(self)
        if self.beam_pipeline_options:
            self._check_shards()
        elif self.output and not self.output.endswith(('.csv', '.jsonl')):
            raise InvalidInputError(
                '`output` must end in .csv or .jsonl, or be a folder with '
                f'`beam_pipeline_options`. Received: {self.output!r}.'
            )
        if self.overlay_video and not self.overlay_video.endswith(('.mp4', '.mkv')):
            raise InvalidInputError(
                f'`overlay_video` must end in .mp4 or .mkv. Received: {self.overlay_video!r}.'
            )
        wanted = [name for name in ('overlay_video', 'summary_dir') if getattr(self, name)]
        if wanted and (self.crops or not self.track):
            raise InvalidInputError(
                f'`{wanted[0]}` shows people, whom it must follow. Received: '
                f'{"crops=True" if self.crops else "track=False"}.'
            )

    def _check_shards(self) -> None:
        if not self.output or self.output.endswith(('.csv', '.jsonl', '.parquet')):
            raise InvalidInputError(
                '`output` must be a folder for `beam_pipeline_options`, which write many files: '
                f'--output=answers. Received: {self.output!r}.'
            )
        for name in ('overlay_dir', 'overlay_video', 'summary_dir'):
            if getattr(self, name):
                raise InvalidInputError(
                    f'`{name}` is not written on Beam: leave out `beam_pipeline_options`. '
                    f'Received: {name}={getattr(self, name)!r}.'
                )


@dataclasses.dataclass(frozen=True)
class ExplanationConfig:
    """What `fer_keras.explain` takes.

    >>> ExplanationConfig(model='runs/cross').output
    'explanations'
    """

    model: str = shared.model(formerly='run_dir')
    photos: bool = setting(
        False,
        'They are whole photos: explain each face that is found. Without, they are face crops.',
        'input',
    )
    detector: str = shared.detector()
    output: str = setting('explanations', 'Folder to write to.', 'output', is_path=True)

    def __post_init__(self) -> None:
        check(self)


@dataclasses.dataclass(frozen=True)
class DemoAppConfig:
    """What `fer_keras.demo_app` takes.

    >>> DemoAppConfig(model='runs/cross').host
    '127.0.0.1'
    """

    model: str = shared.model()
    detector: str = shared.detector()
    host: str = setting('127.0.0.1', 'Address to listen on; 0.0.0.0 is everywhere.', 'execution')
    port: int = setting(7860, 'Port to listen on; 0: a free one.', 'execution', low=0, high=65535)
    largest_upload_mb: int = setting(10, 'Largest file that is taken, MB.', 'execution', low=1)

    def __post_init__(self) -> None:
        check(self)


def needs_tensorflow(config: PredictionConfig) -> bool:
    """Whether the model is one that TensorFlow's Python code answers for."""
    return not answers_alone(config.model)
