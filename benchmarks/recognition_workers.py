"""A package that recognises expressions, in a process of its own; `recognition.py` starts it.

`python benchmarks/recognition_workers.py PACKAGE` reads lines of JSON, `{"file": ..., "is_crop":
...}`, and answers each with the scores of the largest face, by the package's own names (null: no
face), and the seconds from the file to the answer. Each is called as its own page shows.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'

Scores = dict[str, float] | None
# From a file to its scores, and whether it is a crop.
Recogniser = Callable[[str, bool], Scores]


def fer_package() -> Recogniser:
    """The package `fer`, with its default detector; it takes the box of a crop."""
    import cv2
    from fer.fer import FER

    detector = FER()

    def recognise(file: str, is_crop: bool) -> Scores:
        image = cv2.imread(file)
        height, width = image.shape[:2]
        # It adds ten pixels on each side of a box: what it then looks at is the whole crop.
        boxes = [(10, 10, width - 20, height - 20)] if is_crop else None
        found = detector.detect_emotions(image, face_rectangles=boxes)
        largest = max(found, key=lambda face: face['box'][2] * face['box'][3], default=None)
        return largest and largest['emotions']

    return recognise


def facex_package() -> Recogniser:
    """The package `facex`, with its default detector; its worker takes grey crops."""
    import cv2
    import facex

    pool = facex.PoolManager(pool_size=1)
    worker = pool.pool[0]

    def recognise(file: str, is_crop: bool) -> Scores:
        image = cv2.imread(file)
        if is_crop:
            return worker.detect_emotion(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
        found = pool.predict(image)
        largest = max(found, key=lambda face: face['bbox'][2] * face['bbox'][3], default=None)
        return largest and largest['emot']

    return recognise


def our_package() -> Recogniser:
    """`fer_keras.load()`, as README has it."""
    import fer_keras

    predictor = fer_keras.load()

    def recognise(file: str, is_crop: bool) -> Scores:
        table = (predictor.predict_crops if is_crop else predictor.predict)(file)
        row = table.iloc[0]
        if row['status'] != 'ok':
            return None
        return {name: row[f'p_{name}'] for name in predictor.names}

    return recognise


PACKAGES = {'fer_keras': our_package, 'fer': fer_package, 'facex': facex_package}


def main() -> None:
    """Answers until its input ends."""
    # Packages print; what they print must not be taken for an answer.
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    recognise = PACKAGES[sys.argv[1]]()
    for line in sys.stdin:
        request = json.loads(line)
        start = time.perf_counter()
        scores = recognise(request['file'], request['is_crop'])
        answer = {'seconds': time.perf_counter() - start, 'scores': scores and _floats(scores)}
        answers.write(json.dumps(answer) + '\n')
        answers.flush()


def _floats(scores: dict[str, float]) -> dict[str, float]:
    return {str(name): float(score) for name, score in scores.items()}


if __name__ == '__main__':
    main()
