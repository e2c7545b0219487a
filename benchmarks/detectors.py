"""Detectors of faces beside each other: `python -m benchmarks.detectors --photos LONDON`.

`python -m benchmarks.detectors --photos LONDON --detectors mtcnn yunet:FILE --models wild runs/x`

Each folder of photographs holds a folder for each expression. Every photograph goes to the
detectors in turn, in one process of one thread, as `predict` asks them; where others use the
processor too, its own milliseconds say more than those of the clock. A photograph without a face
is answered wrongly. What the crops of two detectors do to a network is seen where a model
that the faces of one taught is asked with those of the other: give both runs as `--models`. Without
such runs, `--teach` teaches a linear classifier on the features of each model with the crops of
each detector, in five folds of people, and asks it with those of each. The name of a file begins
with the person then, up to a `_` or the dot.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from tfds_builders.detectors import Detector
from tfds_builders.faces import CROP_MARGIN, Face, crop_face, face_square
from tfds_builders.pictures import read_picture
from tfds_builders.quiet import load_tensorflow

_THREADS = ('TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS')


def main() -> None:
    """Prints, for each folder, a row a detector, a row a pair of them, and a row a model."""
    options = parse()
    # Read when TensorFlow makes its threads, at its first operation.
    os.environ.update(dict.fromkeys(_THREADS, '1'))
    cv2.setNumThreads(1)
    load_tensorflow()
    # Here, for the threads.
    from benchmarks.recognition import pictures_in
    from fer_keras.inference.choosing import open_detector

    detectors = {text.partition(':')[0]: open_detector(text) for text in options.detectors}
    for folder in options.photos:
        labelled = pictures_in(folder, options.most)
        truth, photos = [label for label, _ in labelled], [f for _, f in labelled]
        found, times = find_in_turn(photos, detectors, small_faces=not options.large_faces)
        print(f'\n{folder}: {len(photos)} photographs')
        show(describe(name, found[name], times[name]) for name in detectors)
        pairs = itertools.combinations(detectors, 2)
        crops = {name: crop_all(photos, people) for name, people in found.items()}
        show(compare(found[a], found[b], f'{b} for {a}') for a, b in pairs)
        show(row for model in options.models for row in answer(model, crops, truth))
        if options.teach:
            people = [os.path.basename(file).partition('.')[0].split('_')[0] for file in photos]
            show(row for model in options.models for row in teach(model, crops, truth, people))


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--photos', nargs='+', required=True, help='folders of photographs')
    parser.add_argument('--detectors', nargs='+', default=['mtcnn'], help='mtcnn, yunet:FILE')
    parser.add_argument('--models', nargs='+', default=['wild'], help='as for predict')
    parser.add_argument('--most', type=int, default=0, help='photographs of each class; 0: all')
    parser.add_argument('--teach', action='store_true', help='linear classifiers of our own')
    parser.add_argument('--large_faces', action='store_true', help='as predict --nosmall_faces')
    return parser.parse_args()


def show(rows: Iterable[dict[str, object]]) -> None:
    """Prints a table, if it has rows."""
    table = pd.DataFrame(rows)
    if len(table):
        print(table.to_string(index=False))


def find_in_turn(
    files: Sequence[str], detectors: dict[str, Detector], *, small_faces: bool
) -> tuple[dict[str, list[Face | None]], dict[str, list[tuple[float, float]]]]:
    """The largest face of each photograph by each detector, and the seconds of each search.

    These are two: of the clock, and of the processor.
    """
    found: dict[str, list[Face | None]] = {name: [] for name in detectors}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in detectors}
    for detector in detectors.values():
        detector.find_all_faces([read_picture(files[0])], small_faces=small_faces)  # Is loaded.
    for file in tqdm(files, disable=not sys.stderr.isatty()):
        photo = read_picture(file)
        for name, detector in detectors.items():
            start, start_busy = time.perf_counter(), time.process_time()
            (people,) = detector.find_all_faces([photo], small_faces=small_faces)
            busy = time.process_time() - start_busy
            times[name].append((time.perf_counter() - start, busy))
            found[name].append(people[0] if people else None)
    return found, times


def describe(
    name: str, found: Sequence[Face | None], times: Sequence[tuple[float, float]]
) -> dict[str, object]:
    """How many photographs a detector misses, and how long one takes."""
    clock, busy = 1000 * np.median(times, axis=0)
    return {
        'detector': name,
        'missed': sum(face is None for face in found),
        'ms, median': f'{clock:.1f}',
        'ms of the processor': f'{busy:.1f}',
    }


def compare(
    first: Sequence[Face | None], second: Sequence[Face | None], name: str
) -> dict[str, object]:
    """How the squares of the second lie to those of the first, in shares of the first's side."""
    rows = []
    for one, other in zip(first, second, strict=True):
        if one and other:
            (center, side, angle), (moved, size, turned) = (
                face_square(face.landmarks, CROP_MARGIN) for face in (one, other)
            )
            # Against the first's eyes, which are level in its crop.
            cos, sin = np.cos(angle), np.sin(angle)
            shift = np.array([[cos, sin], [-sin, cos]]) @ (moved - center) / side
            rows.append([*(100 * shift), 100 * (size / side - 1), np.degrees(turned - angle)])
    names = ('right, %', 'down, %', 'larger, %', 'turned, degrees')
    values = np.array(rows).reshape(-1, len(names))
    said = {
        what: f'{column.mean():.2f} (sd {column.std():.2f})'
        for what, column in zip(names, values.T, strict=True)
    }
    return {'crops': name, 'photographs': len(values), **said}


def crop_all(files: Sequence[str], people: Sequence[Face | None]) -> list[np.ndarray | None]:
    """The crop of each photograph that has a face."""
    return [
        crop_face(read_picture(file), face) if face else None
        for file, face in zip(files, people, strict=True)
    ]


def answer(
    model: str, crops: dict[str, list[np.ndarray | None]], truth: Sequence[str]
) -> list[dict[str, object]]:
    """How often a model is right with the crops of each detector, and agrees with the first."""
    from fer_keras.inference.predictor import load

    predictor = load(model)
    asked = {name: _labels(predictor, of_detector) for name, of_detector in crops.items()}
    first = next(iter(asked.values()))
    possible = sorted(set(truth))
    taught = predictor.record.detectors if predictor.record else ()
    rows = []
    for name, labels in asked.items():
        right = np.array(labels) == np.array(truth)
        both = [a == b for a, b in zip(first, labels, strict=True) if a and b]
        recall = [right[np.array(truth) == label].mean() for label in possible]
        rows.append(
            {
                'model': model,
                'taught by': ', '.join(one.partition(':')[0] for one in taught) or 'unknown',
                'asked with': name,
                'accuracy': f'{right.mean():.3f}',
                'UAR': f'{np.mean(recall):.3f}',
                'same label as the first': f'{np.mean(both):.3f}',
            }
        )
    return rows


def teach(
    model: str,
    crops: dict[str, list[np.ndarray | None]],
    truth: Sequence[str],
    people: Sequence[str],
) -> list[dict[str, object]]:
    """How often linear classifiers are right about people who did not teach them.

    They see the features of a model, which stay as they are. Photographs are those in which each
    detector has found a face.
    """
    import keras

    from fer_keras.data.decoding import to_model_input
    from fer_keras.inference.predictor import load

    network = load(model).model
    features = keras.Model(network.input, network.get_layer('features').output)
    at = np.flatnonzero(
        [all(one is not None for one in row) for row in zip(*crops.values(), strict=True)]
    )
    seen = {}
    for name, of_detector in crops.items():
        images = [to_model_input(of_detector[i][None], network.input_shape[1]) for i in at]
        seen[name] = np.concatenate([features(image, training=False).numpy() for image in images])
    labels, groups = np.array(truth)[at], np.array(people)[at]
    rows = []
    for taught in seen:
        right = {asked: np.zeros(len(at), bool) for asked in seen}
        for learned, tested in GroupKFold(5).split(at, labels, groups):
            pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
            pipeline.fit(seen[taught][learned], labels[learned])
            for asked in seen:
                right[asked][tested] = pipeline.predict(seen[asked][tested]) == labels[tested]
        for asked, found in right.items():
            what = {'features of': model, 'taught by': taught, 'asked with': asked}
            rows.append({**what, 'photographs': len(at), 'accuracy': f'{found.mean():.3f}'})
    return rows


def _labels(predictor: object, crops: Sequence[np.ndarray | None]) -> list[str]:
    """The label of each crop; empty without one."""
    labels = iter(predictor.predict_crops([c for c in crops if c is not None])['label'])
    return [next(labels) if crop is not None else '' for crop in crops]


if __name__ == '__main__':
    main()
