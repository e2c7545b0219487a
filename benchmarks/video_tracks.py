"""Who is who in videos, and how fast: `python -m benchmarks.video_tracks`.

`python -m benchmarks.video_tracks --rivals_python=RIVALS/bin/python`

Draws the videos of `drawn_videos`, of whose people everything is known, and asks the package's
classifier with its default settings. A found face belongs to the person whose box it overlaps
most. `switches` counts how often the track of a person changes, and `shared` the tracks that were
given to more than one person; who comes back after more than a second, or after a cut, is to be
somebody new. `raw right` and `smoothed right` are shares of the found faces. The time is from the
opened file to the last row of the table, without loading.

Beside it, on one video of 1280 x 720, stands the class `Video` of the package `fer` (`inference.py`
says how its environment is made), without the files that it writes for each frame.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

import fer_keras
from benchmarks.drawn_videos import SCENES, SIZE, Truth, write_scene
from fer_keras.config.inference import PredictionConfig
from fer_keras.inference.answers import BOX, OK
from fer_keras.inference.photos import read_pictures
from fer_keras.inference.predictor import Predictor
from fer_keras.inference.video_answers import answer_video

_LARGE = (1280, 720)
_SAME_FACE = 0.25  # Of intersection over union; a drawn box is none of the detector's.
RIVAL = """
import json, sys, time
from fer.fer import FER
try:
    from fer import Video
except ImportError:
    from fer.classes import Video
video, detector = Video(sys.argv[1]), FER()
start = time.perf_counter()
found = video.analyze(
    detector, display=False, save_frames=False, save_video=False, annotate_frames=False,
    zip_images=False,
)
print(json.dumps([len(found), time.perf_counter() - start]))
"""


def main() -> None:
    """Prints a table of the scenes, and one of speed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--scenes', nargs='*', default=list(SCENES), help='some of them alone')
    parser.add_argument('--search_s', type=float, default=PredictionConfig.search_s)
    parser.add_argument('--smoothing_s', type=float, default=PredictionConfig.smoothing_s)
    parser.add_argument('--detector', help='of faces, as for predict')
    parser.add_argument('--rivals_python', default='', help='with fer; empty: without')
    parser.add_argument('--nolarge', action='store_true', help='without the video of 1280 x 720')
    options = parser.parse_args()
    config = PredictionConfig(search_s=options.search_s, smoothing_s=options.smoothing_s)
    predictor = fer_keras.load(detector=options.detector)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, 'scene.mp4')
        rows = []
        for number, name in enumerate(options.scenes):
            truths = write_scene(SCENES[name], str(path))
            if not number:
                answer(predictor, path, config)  # The first takes seconds.
            table, seconds = answer(predictor, path, config)
            counts = compare(table, truths)
            speed = f'{len(truths) / seconds:.0f}'
            rows.append({'scene': name, 'frames': len(truths), **counts, 'frames/s': speed})
        print(f'{SIZE[0]} x {SIZE[1]}')
        print(pd.DataFrame(rows).to_string(index=False))
        if not options.nolarge:
            truths = write_scene(SCENES['crossing'], str(path), _LARGE)
            _, seconds = answer(predictor, path, config)
            print(f'\n{_LARGE[0]} x {_LARGE[1]}, two people, 25 frames/s')
            print(f'fer_keras: {len(truths) / seconds:.1f} frames/s')
            if options.rivals_python:
                frames, seconds = ask_rival(options.rivals_python, path)
                print(f'fer: {frames / seconds:.1f} frames/s')


def answer(
    predictor: Predictor, path: pathlib.Path, config: PredictionConfig
) -> tuple[pd.DataFrame, float]:
    """The table of a video, and the seconds that it took."""
    start = time.perf_counter()
    pictures = read_pictures([str(path)], every=1, max_frames=0)
    tables = [table for _, table in answer_video(predictor, pictures, config)]
    return pd.concat(tables, ignore_index=True), time.perf_counter() - start


def compare(table: pd.DataFrame, truths: Sequence[Sequence[Truth]]) -> dict[str, object]:
    """Holds the rows of a video against who is in its frames.

    Args:
        table: A row a face, with the columns of videos.
        truths: Of each frame.
    """
    known = table[table['status'] == OK]
    tracks: dict[tuple[int, int], list[int]] = {}
    right = []
    for number, truth in enumerate(truths):
        rows = known[known['frame'] == number].to_dict('records')
        overlaps = np.array(
            [[_overlap(one.box, [row[side] for side in BOX]) for row in rows] for one in truth]
        ).reshape(len(truth), len(rows))
        for place, found in zip(*linear_sum_assignment(overlaps, maximize=True), strict=True):
            if overlaps[place, found] >= _SAME_FACE:
                row, one = rows[found], truth[place]
                tracks.setdefault(one.who, []).append(int(row['track']))
                right.append([row[name] == one.expression for name in ('label', 'smoothed_label')])
    used = [track for seen in tracks.values() for track in set(seen)]
    shares = np.mean(right, axis=0) if right else (np.nan, np.nan)
    return {
        'people': len({one.who for truth in truths for one in truth}),
        'tracks': known['track'].nunique(),
        'found': f'{len(right) / max(1, sum(map(len, truths))):.3f}',
        'switches': sum(int((np.diff(seen) != 0).sum()) for seen in tracks.values()),
        'shared': len(used) - len(set(used)),
        'raw right': f'{shares[0]:.3f}',
        'smoothed right': f'{shares[1]:.3f}',
    }


def ask_rival(python: str, path: pathlib.Path) -> tuple[int, float]:
    """The frames that `fer` has read, and the seconds that it took."""
    completed = subprocess.run(
        [python, '-c', RIVAL, str(path)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # It writes a folder into the one that it runs in.
        cwd=path.parent,
        env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL='3'),
    )
    frames, seconds = json.loads(completed.stdout.splitlines()[-1])
    return frames, seconds


def _overlap(first: Sequence[float], second: Sequence[float]) -> float:
    """Intersection over union of two boxes."""
    a, b = np.reshape(first, (2, 2)), np.reshape(second, (2, 2))
    both = np.prod(np.maximum(0, np.minimum(a[1], b[1]) - np.maximum(a[0], b[0])))
    return float(both / (np.prod(a[1] - a[0]) + np.prod(b[1] - b[0]) - both))


if __name__ == '__main__':
    main()
