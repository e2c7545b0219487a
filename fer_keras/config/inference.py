"""What the commands are asked that answer for pictures."""

from __future__ import annotations

import dataclasses

from fer_keras.config import shared
from fer_keras.config.fields import check, setting
from fer_keras.errors import InvalidInputError


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
    crops: bool = setting(False, 'They are face crops: do not look for faces.', 'input')
    small_faces: bool = setting(
        True,
        'Look for faces down to a 25th of the longer side; without, to an 11th, in a third of '
        'the time.',
        'input',
    )
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
    output: str = setting(
        '',
        'File to write, .csv or .jsonl, with all probabilities; empty: a table on the screen.',
        'output',
        is_path=True,
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
        if self.output and not self.output.endswith(('.csv', '.jsonl')):
            raise InvalidInputError(
                f'`output` must end in .csv or .jsonl. Received: {self.output!r}.'
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


@dataclasses.dataclass(frozen=True)
class ExplanationConfig:
    """What `fer_keras.explain` takes.

    >>> ExplanationConfig(model='runs/cross').output
    'explanations'
    """

    model: str = shared.model(formerly='run_dir')
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
    host: str = setting('127.0.0.1', 'Address to listen on; 0.0.0.0 is everywhere.', 'execution')
    port: int = setting(7860, 'Port to listen on; 0: a free one.', 'execution', low=0, high=65535)
    largest_upload_mb: int = setting(10, 'Largest file that is taken, MB.', 'execution', low=1)

    def __post_init__(self) -> None:
        check(self)
