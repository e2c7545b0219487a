"""How well, and how fast, beside `fer` and `facex`: `python -m benchmarks.recognition`.

`python -m benchmarks.recognition --rivals_python=RIVALS/bin/python --crops FER2013/test
--photos LONDON`

Each folder holds a folder of pictures for each expression. `inference.py` says how the environment
of the two packages is made. A picture without a found face is answered wrongly. Besides all answers
that a package has, those are counted that are named like a folder: of London's neutral and happy
people the likelier of the two. The packages take turns, picture by picture, so that all see the
same machine. Accuracy has a 95 % interval over images (Clopper and Pearson): where people have
several pictures, as London's have two, it is somewhat too narrow.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import recall_score
from tqdm import tqdm

from benchmarks.inference import RIVALS, Worker
from fer_keras.evaluation.interval_formulas import clopper_pearson
from tfds_builders.expressions import canonical, find
from tfds_builders.picture_formats import IMAGE_SUFFIXES

OURS = 'fer_keras'


def ask(worker: Worker, file: str, *, is_crop: bool) -> dict[str, Any]:
    """`scores` by canonical names, or None where no face was found; and `seconds`."""
    pictures = {'crops': [file], 'batch': 1} if is_crop else {'photos': [file]}
    answer = worker.ask({**pictures, 'scores': True})
    (scores,) = answer['scores']
    named = scores and {canonical(name): score for name, score in scores.items()}
    return {'scores': named, 'seconds': answer['seconds'][0]}


def main() -> None:
    """Prints a table for each folder."""
    options = parse()
    pythons = {OURS: sys.executable}
    if options.rivals_python:
        pythons |= dict.fromkeys(RIVALS, options.rivals_python)
    # One thread an operation of ours, as README advises for single photos.
    workers = {
        package: Worker(python, package, '', threads_an_op=int(package == OURS))
        for package, python in pythons.items()
    }
    for folder, is_crop in (
        *((f, True) for f in options.crops),
        *((f, False) for f in options.photos),
    ):
        files = pictures_in(folder, options.most)
        print(f'\n{folder}: {len(files)} {"face crops" if is_crop else "whole photographs"}')
        answers = ask_all(workers, files, is_crop=is_crop)
        print(summarize(answers, [name for name, _ in files]).to_string(index=False))
    for worker in workers.values():
        worker.close()


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--crops', nargs='*', default=[], help='folders of face crops by class')
    parser.add_argument('--photos', nargs='*', default=[], help='folders of photographs by class')
    parser.add_argument('--rivals_python', default='', help='with fer and facex; empty: without')
    parser.add_argument('--most', type=int, default=0, help='pictures of each class; 0: all')
    return parser.parse_args()


def pictures_in(folder: str, most: int) -> list[tuple[str, str]]:
    """The expression of each picture, and its file."""
    found = []
    for place in sorted(pathlib.Path(folder).iterdir()):
        name = find(place.name) if place.is_dir() else None
        if name:
            files = [f for f in sorted(place.iterdir()) if f.suffix.lower() in IMAGE_SUFFIXES]
            found += [(name, str(file)) for file in files[: most or None]]
    return found


def ask_all(
    workers: dict[str, Worker], files: Sequence[tuple[str, str]], *, is_crop: bool
) -> dict[str, list[dict[str, Any]]]:
    """The answers of each package to each picture, asked in turns."""
    for worker in workers.values():
        ask(worker, files[0][1], is_crop=is_crop)  # The first takes seconds.
    answers: dict[str, list[dict[str, Any]]] = {package: [] for package in workers}
    for _, file in tqdm(files, disable=not sys.stderr.isatty()):
        for package, worker in workers.items():
            answers[package].append(ask(worker, file, is_crop=is_crop))
    return answers


def summarize(answers: dict[str, list[dict[str, Any]]], truth: Sequence[str]) -> pd.DataFrame:
    """A row a package: how often right, of all its answers and of those that stand in a folder."""
    possible = set(truth)
    rows = []
    for package, given in answers.items():
        labels = [_best(answer['scores'], None) for answer in given]
        among = [_best(answer['scores'], possible) for answer in given]
        right = np.array(labels) == np.array(truth)
        recall = recall_score(truth, labels, average='macro', labels=sorted(possible))
        low, high = clopper_pearson(right.mean(), np.array(len(truth)))
        rows.append(
            {
                'package': package,
                'accuracy': f'{right.mean():.3f}',
                '95 %': f'{low:.3f} to {high:.3f}',
                'UAR': f'{recall:.3f}',
                f'of {len(possible)} answers': f'{np.mean(np.array(among) == np.array(truth)):.3f}',
                'no face': sum(answer['scores'] is None for answer in given),
                'ms, median': f'{1000 * np.median([answer["seconds"] for answer in given]):.1f}',
            }
        )
    return pd.DataFrame(rows)


def _best(scores: dict[str, float] | None, among: set[str] | None) -> str:
    if scores is None:
        return 'no face'
    allowed = {name: score for name, score in scores.items() if among is None or name in among}
    return max(allowed, key=lambda name: allowed[name])


if __name__ == '__main__':
    main()
