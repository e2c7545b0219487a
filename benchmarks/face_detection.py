"""MTCNN in three ways beside each other: `python -m benchmarks.face_detection PHOTOS...`

The package `mtcnn`, `tfds_builders.mtcnn` on ONNX Runtime, and the graph of `fer_keras.faces` for
servers. Each photo goes through all in turn, on both canvases of `tfds_builders.faces`, one at a
time as a server gets them, one thread an operation. Milliseconds are the processor's, medians.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable

import cv2
import numpy as np
import pandas as pd

from fer_keras.inference.folders import list_inputs
from tfds_builders import faces, mtcnn
from tfds_builders.mtcnn_weights import unpack_weights
from tfds_builders.pictures import read_picture
from tfds_builders.quiet import load_tensorflow

# From a canvas to a row a face, as `mtcnn.detect_rows`, without the number of the image.
Detect = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Prints a row a canvas size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('photos', nargs='+')
    parser.add_argument('--most', type=int, default=100, help='photos of each argument')
    options = parser.parse_args()
    # Read when the threads are made, at the first operation.
    os.environ |= dict.fromkeys(('TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS'), '1')
    cv2.setNumThreads(1)
    load_tensorflow()
    package, graph = load_package(), load_graph()
    rows = []
    for given in options.photos:
        files = list_inputs([given])
        photos = [read_picture(file) for file in files[:: max(1, len(files) // options.most)]]
        for side_px in faces.SEARCH_SIDES_PX:
            canvases = [faces.on_canvas(photo, side_px)[0] for photo in photos]
            for name, detect in (('ONNX Runtime', detect_alone), ('graph', graph)):
                measured = compare(package, detect, canvases)
                rows.append({'photos': given, 'canvas px': side_px, 'way': name, **measured})
    print(pd.DataFrame(rows).round(4).to_string(index=False))


def detect_alone(canvas: np.ndarray) -> np.ndarray:
    """By `tfds_builders.mtcnn`."""
    return mtcnn.detect_rows([canvas])[:, 1:]


def load_package() -> Detect:
    """The package itself, with weights from nowhere else."""
    from mtcnn import MTCNN, stages

    kinds = {'pnet': stages.StagePNet, 'rnet': stages.StageRNet, 'onet': stages.StageONet}
    loaded = []
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in kinds.items():
            path = os.path.join(folder, name)
            with open(path, 'wb') as file:
                file.write(unpack_weights(name))
            loaded.append(kind(weights=path))
    # `detect_faces(min_face_size=...)` stays unset: in mtcnn 1.0.0 it changes the first scale but
    # not the number of scales, and large faces are lost.
    detector = MTCNN(loaded)

    def detect(canvas: np.ndarray) -> np.ndarray:
        # One at a time: it mixes up the offsets of a batch whose sizes differ. The rounded values
        # of the other output type would turn a face by a degree or two.
        rows = detector.detect_faces([canvas], box_format='xyxy', output_type='numpy')
        # Without a face it forgets the columns of the landmarks.
        return rows[:, 1:] if len(rows) else np.zeros((0, mtcnn.COLUMNS - 1))

    return detect


def load_graph() -> Detect:
    """The graph for servers."""
    import tensorflow as tf

    from fer_keras.faces.detector import FaceDetector

    graph = tf.function(FaceDetector().detect, autograph=False)  # Traced for each side.

    def detect(canvas: np.ndarray) -> np.ndarray:
        boxes, points, scores = (v.numpy() for v in graph(tf.constant(canvas, tf.float32)))
        return np.concatenate([boxes, scores[:, None], points[..., 0], points[..., 1]], axis=1)

    return detect


def compare(package: Detect, detect: Detect, canvases: list[np.ndarray]) -> dict[str, float]:
    """How far the one is from the package, and how much faster."""
    differences, package_ms, own_ms = [], [], []
    package(canvases[0]), detect(canvases[0])
    for canvas in canvases:
        expected = timed(package, canvas, package_ms)
        found = timed(detect, canvas, own_ms)
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
        'own ms': np.median(own_ms),
    }


def timed(detect: Detect, canvas: np.ndarray, milliseconds: list[float]) -> np.ndarray:
    """The rows of one canvas; what it took is appended."""
    start = time.process_time()
    rows = detect(canvas)
    milliseconds.append(1000 * (time.process_time() - start))
    return rows


if __name__ == '__main__':
    main()
