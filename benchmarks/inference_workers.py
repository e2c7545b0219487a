"""One way to recognise expressions in a process of its own, for `inference` and `recognition`.

`python benchmarks/inference_workers.py FORM MODEL_DIR` reads lines of JSON, `{"photos": [files]}`
or `{"crops": [files], "batch": 32}`, and answers each with the seconds that it took and the peak of
its memory; with `"scores": true` also with what it says of the largest face of each, by its own
names (null: no face). The packages `fer` and `facex` are called as their own pages show it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'

import cv2
import numpy as np

# Behind the name of a form: with `small_faces=False`, or the signature `predict_portraits`.
LARGE_FACES = ', large faces'
# From a photo's file to an answer, and from crops, uint8 RGB of 256 px, to answers.
Ways = tuple[Callable[[str], Any], Callable[[np.ndarray], Any]]


def fer_package(model_dir: str) -> Ways:
    """The package `fer`: a Haar cascade, and a network on grey 64 px."""
    from fer.fer import FER

    detector = FER()

    def crop(image: np.ndarray) -> Any:
        height, width = image.shape[:2]
        # It adds ten pixels on each side of a box: what it then looks at is the whole crop.
        whole = [(10, 10, width - 20, height - 20)]
        return detector.detect_emotions(image[:, :, ::-1], face_rectangles=whole)

    photo = lambda file: detector.detect_emotions(cv2.imread(file))  # noqa: E731
    return photo, lambda images: [crop(image) for image in images]


def facex_package(model_dir: str) -> Ways:
    """The package `facex`: a Haar cascade, and a network on grey 200 px."""
    import facex

    pool = facex.PoolManager(pool_size=1)
    worker = pool.pool[0]

    def crop(image: np.ndarray) -> Any:
        return worker.detect_emotion(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))

    return lambda file: pool.predict(cv2.imread(file)), lambda images: [*map(crop, images)]


def shipped(model_dir: str) -> Ways:
    """`fer_keras.load().predict`, as README has it."""
    import fer_keras

    return _ways(fer_keras.load())


def saved_model(model_dir: str) -> Ways:
    """`fer_keras.load(SAVED_MODEL).predict`."""
    import fer_keras

    return _ways(fer_keras.load(f'{model_dir}/saved_model'))


def served_graph(model_dir: str) -> Ways:
    """The signatures for whole photos and `predict_images`, in a session, as TF Serving has it."""
    from fer_keras.inference import c_api

    session = c_api.Session(c_api.open_library(), f'{model_dir}/saved_model/1')
    look = 'predict_photos' if _finds_small_faces() else 'predict_portraits'

    def ask(signature: str, batch: Any) -> Any:
        return session.run(signature, batch, *session.signatures[signature].outputs)

    def photo(file: str) -> Any:
        with open(file, 'rb') as opened:
            return ask(look, [opened.read()])

    return photo, lambda images: ask('predict_images', images)


def tflite(model_dir: str) -> Ways:
    """`fer_keras.load` of the float32 TFLite file."""
    import fer_keras

    return _ways(fer_keras.load(f'{model_dir}/portable/classifier.tflite'))


def onnx(model_dir: str) -> Ways:
    """`fer_keras.load` of the ONNX file."""
    import fer_keras

    return _ways(fer_keras.load(f'{model_dir}/portable/classifier.onnx'))


def _ways(predictor: Any) -> Ways:
    small_faces = _finds_small_faces()

    def photo(file: str) -> Any:
        return predictor.predict([file], small_faces=small_faces)

    return photo, predictor.predict_crops


def _finds_small_faces() -> bool:
    return not sys.argv[1].endswith(LARGE_FACES)


FORMS = {
    'fer_keras': shipped,
    'fer': fer_package,
    'facex': facex_package,
    'SavedModel': saved_model,
    'served graph': served_graph,
    'TFLite': tflite,
    'ONNX': onnx,
}


def stages(model_dir: str, files: list[str]) -> dict[str, float]:
    """Milliseconds a photo in each part of `Predictor.predict`, one photo after the other."""
    import fer_keras
    from tfds_builders import faces
    from tfds_builders.pictures import read_picture

    predictor = fer_keras.load(f'{model_dir}/saved_model')
    seconds = {
        name: []
        for name in ('read and decode', 'find faces', 'large faces alone', 'crop', 'classify')
    }
    for file in [*files[:3], *files]:
        times = [time.perf_counter()]
        photo = read_picture(file)
        times.append(time.perf_counter())
        (people,) = predictor.detector.find_all_faces([photo])
        times.append(time.perf_counter())
        predictor.detector.find_all_faces([photo], small_faces=False)
        times.append(time.perf_counter())
        crops = [faces.crop_face(photo, face) for face in people]
        times.append(time.perf_counter())
        predictor.predict_crops(crops)
        times.append(time.perf_counter())
        for name, passed in zip(seconds, np.diff(times), strict=True):
            seconds[name].append(1000 * passed)
    return {name: float(np.median(values[3:])) for name, values in seconds.items()}


def main() -> None:
    """Answers until its input ends."""
    form, model_dir = sys.argv[1:]
    # Packages print; what they print must not be taken for an answer.
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    photo, crops = (
        FORMS[form.removesuffix(LARGE_FACES)](model_dir) if form != 'stages' else (None, None)
    )
    for line in sys.stdin:
        answers.write(json.dumps(_answer(json.loads(line), photo, crops, model_dir)) + '\n')
        answers.flush()


def _answer(request: dict[str, Any], photo: Any, crops: Any, model_dir: str) -> dict[str, Any]:
    if 'stages' in request:
        return stages(model_dir, request['stages'])
    times, found_all = [], []
    if 'photos' in request:
        for file in request['photos']:
            start = time.perf_counter()
            found = photo(file)
            times.append(time.perf_counter() - start)
            found_all.append(found)
    else:
        images = np.stack([cv2.imread(file)[:, :, ::-1] for file in request['crops']])
        for first in range(0, len(images), request['batch']):
            start = time.perf_counter()
            found = crops(images[first : first + request['batch']])
            times.append(time.perf_counter() - start)
            found_all += _one_by_one(found)
    answer = {'seconds': times, 'peak_mb': _peak_mb()}
    is_asked = request.get('scores')
    return {**answer, 'scores': [_of_largest(one) for one in found_all]} if is_asked else answer


def _one_by_one(answers: Any) -> list[Any]:
    """What was said of each of several crops; ours is a table."""
    if hasattr(answers, 'iloc'):
        return [answers.iloc[[row]] for row in range(len(answers))]
    return list(answers)


def _of_largest(answer: Any) -> dict[str, float] | None:
    if hasattr(answer, 'iloc'):
        row = answer.iloc[0]
        found = {name[2:]: row[name] for name in answer if name.startswith('p_')}
        return {name: float(score) for name, score in found.items()} if row['face'] >= 0 else None
    if isinstance(answer, list):  # The faces of a package, each with its box.
        boxes = [face.get('box', face.get('bbox')) for face in answer]
        areas = [box[2] * box[3] for box in boxes]
        face = answer[int(np.argmax(areas))] if answer else {}
        answer = face.get('emotions', face.get('emot'))
    return answer and {str(name): float(score) for name, score in answer.items()}


def _peak_mb() -> float:
    # `getrusage` would count the memory of the process that started this one.
    with open('/proc/self/status', encoding='utf-8') as file:
        (line,) = (line for line in file if line.startswith('VmHWM'))
    return int(line.split()[1]) / 1024


if __name__ == '__main__':
    main()
