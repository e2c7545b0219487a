"""The detector's graph beside the package `mtcnn`: `python benchmarks/face_detection.py PHOTOS...`

Each photo goes through both in turn, on both canvases of `tfds_builders.faces`, one at a time as a
server gets them. Seconds are medians; the ratio is that of the same photos in the same process.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from fer_keras.faces.detector import detect_rows
from fer_keras.inference.folders import list_inputs
from tfds_builders import faces
from tfds_builders.pictures import read_picture


def main() -> None:
    """Prints a row a canvas size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('photos', nargs='+')
    parser.add_argument('--most', type=int, default=100, help='photos of each argument')
    options = parser.parse_args()
    rows = []
    for given in options.photos:
        files = list_inputs([given])
        photos = [read_picture(file) for file in files[:: max(1, len(files) // options.most)]]
        for side_px in faces.SEARCH_SIDES_PX:
            canvases = [faces._on_canvas(photo, side_px)[0] for photo in photos]
            rows.append({'photos': given, 'canvas px': side_px, **compare(canvases)})
    print(pd.DataFrame(rows).round(4).to_string(index=False))


def compare(canvases: list[np.ndarray]) -> dict[str, float]:
    """How far the graph is from the package, and how much faster."""
    differences, package_ms, graph_ms = [], [], []
    faces.detect_with_package(canvases[:1]), detect_rows(canvases[:1])
    for canvas in canvases:
        expected = timed(faces.detect_with_package, canvas, package_ms)
        found = timed(detect_rows, canvas, graph_ms)
        is_same = len(expected) == len(found)
        if is_same and len(found):
            differences.append(np.abs(expected - found).max())
        else:
            differences.append(0.0 if is_same else np.inf)
    distance = np.array(differences)
    return {
        'count': len(canvases),
        'within 0.01 px': int((distance <= 0.01).sum()),
        'farther': int(((distance > 0.01) & np.isfinite(distance)).sum()),
        'farthest, px': distance[np.isfinite(distance)].max(),
        'other number of faces': int(np.isinf(distance).sum()),
        'package ms': np.median(package_ms),
        'graph ms': np.median(graph_ms),
        'ratio': np.median(package_ms) / np.median(graph_ms),
    }


def timed(
    detect: Callable[[list[np.ndarray]], np.ndarray], canvas: np.ndarray, milliseconds: list[float]
) -> np.ndarray:
    """The rows of one canvas; what it took is appended."""
    start = time.perf_counter()
    rows = detect([canvas])
    milliseconds.append(1000 * (time.perf_counter() - start))
    return rows


if __name__ == '__main__':
    main()
