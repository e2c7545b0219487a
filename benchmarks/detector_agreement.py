"""Who finds whom: `python -m benchmarks.detector_agreement PHOTOS... --detectors mtcnn yunet:FILE`

Every photograph goes to the detectors in turn, in one process of one thread. Each is held against
the first: how many of its faces it finds (an intersection over union of 0.4 or more), how many it
finds besides, and how far the landmarks lie from those of the first, in shares of the distance
between the eyes. What was missed or found besides is to be looked at: `--sheets=FOLDER` writes
pictures of it, of which some are no faces, whoever found them.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import time
from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd

from fer_keras.inference.choosing import open_detector
from fer_keras.inference.folders import list_inputs
from tfds_builders.detectors import Detector
from tfds_builders.faces import Face
from tfds_builders.mtcnn import overlaps
from tfds_builders.pictures import read_picture

_SAME = 0.4
_TILE_PX, _COLUMNS = 128, 10
# A photograph, and a face in it.
_Place = tuple[str, Face]


def main() -> None:
    """Prints a row a folder and detector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('photos', nargs='+', help='folders')
    parser.add_argument('--detectors', nargs='+', default=['mtcnn', 'single_shot'])
    parser.add_argument('--most', type=int, default=0, help='photographs of each folder; 0: all')
    parser.add_argument('--sheets', default='', help='folder for pictures of what differs')
    options = parser.parse_args()
    os.environ['TF_NUM_INTRAOP_THREADS'] = '1'
    cv2.setNumThreads(1)
    detectors = [open_detector(text) for text in options.detectors]
    rows = []
    for folder in options.photos:
        files = list_inputs([folder])
        if options.most:
            files = files[:: max(1, len(files) // options.most)]
        found, times = find_all(files, detectors)
        for detector in detectors:
            people, missed, extra, apart = hold(files, found[detectors[0]], found[detector])
            rows.append(
                {
                    'photographs': f'{folder}, {len(files)}',
                    'detector': detector.name,
                    'found': f'{people - len(missed)} of {people}',
                    'besides': len(extra),
                    'landmarks apart, median': f'{100 * np.median(apart):.1f} %',
                    '90 %': f'{100 * np.percentile(apart, 90):.1f} %',
                    'ms': f'{1000 * np.median(times[detector]):.1f}',
                }
            )
            if options.sheets:
                stem = f'{pathlib.Path(folder).name}_{detector.name}'
                write_sheet(missed, os.path.join(options.sheets, f'{stem}_missed.png'))
                write_sheet(extra, os.path.join(options.sheets, f'{stem}_besides.png'))
    print(pd.DataFrame(rows).to_string(index=False))


def find_all(
    files: Sequence[str], detectors: Sequence[Detector]
) -> tuple[dict[Detector, list[list[Face]]], dict[Detector, list[float]]]:
    """The faces of each file, and the seconds of the processor, by detector."""
    found: dict[Detector, list[list[Face]]] = {detector: [] for detector in detectors}
    times: dict[Detector, list[float]] = {detector: [] for detector in detectors}
    for detector in detectors:
        detector.find_all_faces([read_picture(files[0])])  # Is loaded.
    for file in files:
        photo = read_picture(file)
        for detector in detectors:
            start = time.process_time()
            found[detector] += detector.find_all_faces([photo])
            times[detector].append(time.process_time() - start)
    return found, times


def hold(
    files: Sequence[str], first: Sequence[Sequence[Face]], second: Sequence[Sequence[Face]]
) -> tuple[int, list[_Place], list[_Place], list[float]]:
    """How many faces the first found, which the second did not, which it did besides, and how far
    apart the landmarks are of those that both found.
    """
    missed, extra, apart = [], [], []
    for file, expected, people in zip(files, first, second, strict=True):
        boxes = np.array([face.box for face in (*expected, *people)], np.float32).reshape(-1, 4)
        is_same = overlaps(boxes)[: len(expected), len(expected) :] >= _SAME
        missed += [
            (file, face) for face, row in zip(expected, is_same, strict=True) if not row.any()
        ]
        extra += [
            (file, face) for face, row in zip(people, is_same.T, strict=True) if not row.any()
        ]
        for face, row in zip(expected, is_same, strict=True):
            if row.any():
                other = people[int(row.argmax())]
                eyes = np.linalg.norm(face.landmarks[0] - face.landmarks[1])
                between = np.linalg.norm(face.landmarks - other.landmarks, axis=1).mean()
                apart.append(float(between / eyes))
    return sum(map(len, first)), missed, extra, apart


def write_sheet(places: Sequence[_Place], path: str) -> None:
    """A picture of each face with its surroundings."""
    tiles = []
    for file, face in places:
        left, top, right, bottom = face.box
        side = round(2.2 * max(right - left, bottom - top))
        middle = ((left + right) / 2, (top + bottom) / 2)
        photo = read_picture(file)[..., ::-1]
        # Unlike a slice, it may reach over the rim.
        corner = cv2.getRotationMatrix2D(middle, 0, 1)
        corner[:, 2] += side / 2 - np.array(middle)
        tile = cv2.warpAffine(np.ascontiguousarray(photo), corner, (side, side))
        tiles.append(cv2.resize(tile, (_TILE_PX, _TILE_PX), interpolation=cv2.INTER_AREA))
    if not tiles:
        return
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % _COLUMNS)
    rows = [np.hstack(tiles[i : i + _COLUMNS]) for i in range(0, len(tiles), _COLUMNS)]
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    cv2.imwrite(path, np.vstack(rows))


if __name__ == '__main__':
    main()
