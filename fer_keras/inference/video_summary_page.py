"""The page about the people of videos, in one file that asks for no other."""

from __future__ import annotations

import base64
import importlib.resources
import os
from collections.abc import Iterator, Sequence
from typing import Any

import jinja2
import numpy as np

from fer_keras.inference.expression_colours import colours_of
from fer_keras.inference.video_people import Person, Video
from tfds_builders.picture_files import printable

PAGE, TABLE = 'summary.html', 'people.csv'
# Of each video the page shows those who were seen longest, none who passed by.
_MOST_PEOPLE, _SHORTEST_S = 60, 0.4
# Width and height of a timeline in units of its drawing.
_WIDTH, _HEIGHT = 1000, 100
# Seconds from one mark of the time axis to the next, and how many there may be.
_MARKS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_MOST_MARKS = 6


def make_page(videos: Sequence[Video], names: Sequence[str]) -> str:
    """The page, HTML.

    Args:
        videos: With their people.
        names: Of the classes.
    """
    file = importlib.resources.files(__package__).joinpath('video_summary.html')
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    classes = list(zip(names, colours_of(names), strict=True))
    shown = [_show_video(video, classes) for video in videos]
    return environment.from_string(file.read_text('utf-8')).render(
        videos=shown, classes=classes, table=TABLE, width=_WIDTH, height=_HEIGHT
    )


def _show_video(video: Video, classes: Sequence[tuple[str, str]]) -> dict[str, Any]:
    by_time = sorted(video.people.values(), key=lambda person: -person.seen_s)[:_MOST_PEOPLE]
    shown = [person for person in by_time if person.seen_s >= _SHORTEST_S]
    length_s = max(video.length_s, 1e-3)
    return {
        'name': os.path.basename(printable(video.source)),
        'length': _clock(video.length_s),
        'people': [
            _show_person(person, length_s, classes)
            for person in sorted(shown, key=lambda person: person.track)
        ],
        'left_out': len(video.people) - len(shown),
        'marks': [
            (f'{100 * time_s / length_s:.3f}', _clock(time_s)) for time_s in _marks(length_s)
        ],
    }


def _show_person(
    person: Person, length_s: float, classes: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    shares = person.seconds / max(person.seen_s, 1e-9)
    order = np.argsort(-person.seconds, kind='stable')
    return {
        'track': person.track,
        'seen': f'{person.seen_s:.1f}',
        'first': _clock(person.first_s),
        'last': _clock(person.last_s),
        'thumbnail': base64.b64encode(person.thumbnail).decode(),
        'seconds': [
            (*classes[place], f'{person.seconds[place]:.1f}', f'{100 * shares[place]:.2f}')
            for place in order
            if person.seconds[place] > 0
        ],
        'areas': [
            (name, colour, path)
            for (name, colour), path in zip(classes, _areas(person, length_s), strict=True)
        ],
    }


def _areas(person: Person, length_s: float) -> Iterator[str]:
    """For each class the outline of its share of the timeline, from the bottom up, as SVG."""
    timeline = person.timeline
    runs = []
    for run in timeline.runs():
        starts = np.array([start for start, _ in run])
        edges = np.stack([starts, starts + timeline.step_s], axis=1).ravel()
        xs = np.clip(edges, 0, length_s) * _WIDTH / length_s
        tops = np.cumsum([mean for _, mean in run], axis=1)
        heights = np.repeat(np.hstack([np.zeros((len(run), 1)), tops]), 2, axis=0)
        runs.append((xs, _HEIGHT * (1 - np.clip(heights, 0, 1))))
    for place in range(len(person.seconds)):
        paths = []
        for xs, ys in runs:
            there = zip(xs, ys[:, place + 1], strict=True)
            back = zip(xs[::-1], ys[::-1, place], strict=True)
            points = (f'{x:.1f},{y:.1f}' for x, y in (*there, *back))
            paths.append('M' + 'L'.join(points) + 'Z')
        yield ''.join(paths)


def _marks(length_s: float) -> list[float]:
    """Times to be named on an axis from 0 to `length_s`."""
    fitting = (step for step in _MARKS_S if length_s / step <= _MOST_MARKS)
    step = next(fitting, _MARKS_S[-1])
    return [number * step for number in range(int(length_s / step) + 1)]


def _clock(time_s: float) -> str:
    """Hours where there are any, minutes and seconds.

    >>> _clock(75.25), _clock(3600), _clock(0.5)
    ('1:15.3', '1:00:00', '0:00.5')
    """
    tenths = int(time_s * 10 + 0.5)
    minutes, seconds = divmod(tenths // 10, 60)
    hours, minutes = divmod(minutes, 60)
    start = f'{hours}:{minutes:02d}' if hours else f'{minutes}'
    return f'{start}:{seconds:02d}' + (f'.{tenths % 10}' if tenths % 10 else '')
