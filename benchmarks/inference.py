"""What an answer costs, beside the packages `fer` and `facex`: `python benchmarks/inference.py`.

`python benchmarks/inference.py --rivals_python=RIVALS/bin/python PHOTOS`

The two packages need OpenCV 4, so they have an environment of their own:

    python -m venv RIVALS
    RIVALS/bin/pip install tensorflow 'opencv-contrib-python<5' 'setuptools<81' scikit-image \
        pandas requests tqdm pillow
    RIVALS/bin/pip install --no-deps fer facex

Each form runs in a process of its own (see `inference_workers.py`). `large faces` is
`small_faces=False`, in the served graph `predict_portraits`: down to an 11th of a photo's longer
side, about as far as the packages look.
The processes take turns, round by round, so that all see the same machine; the numbers are medians
over the rounds. TensorFlow has `--threads_an_op`: 1 as the README advises for single photos, 0 for
its own choice, as many as cores. The packages have what they choose. Weights are random: they cost
what trained ones cost. The network is the plain one: `--average_mirrored` has its backbone run
twice, and the HOG branch costs next to nothing.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import cv2
import keras
import numpy as np
import pandas as pd

from fer_keras.config.model import ModelConfig
from fer_keras.inference.folders import list_inputs
from fer_keras.models.classifier import build_classifier
from fer_keras.serving.portable import write_onnx, write_tflite
from fer_keras.serving.signatures import export_classifier
from tfds_builders import expressions, faces
from tfds_builders.pictures import read_picture

RIVALS = ('fer', 'facex')
OURS = (
    'SavedModel',
    'SavedModel, large faces',
    'served graph',
    'served graph, large faces',
    'TFLite',
    'TFLite, large faces',
    'ONNX',
    'ONNX, large faces',
)
NUM_CROPS = 64
WORKERS = pathlib.Path(__file__).with_name('inference_workers.py')


class Worker:
    """A form in a process of its own."""

    def __init__(self, python: str, form: str, model_dir: str, threads_an_op: int = 0) -> None:
        environment = dict(os.environ)
        if threads_an_op:
            environment['TF_NUM_INTRAOP_THREADS'] = str(threads_an_op)
        self._process = subprocess.Popen(
            [python, str(WORKERS), form, model_dir],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Sends a request and waits for the answer."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(request) + '\n')
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


def main() -> None:
    """Prints a row a form, and where the time of the SavedModel goes."""
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        files = list_inputs(options.photos)
        files = [str(f.resolve()) for f in files[:: max(1, len(files) // options.most)]]
        crops = write_crops(files, root)
        models = {
            kind: write_model(kind, options.image_size_px, crops, root / kind)
            for kind in dict.fromkeys(('none', options.saliency))
        }
        rivals = RIVALS if options.rivals_python else ()
        workers = {(form, '', ''): options.rivals_python for form in rivals}
        for kind in models:
            workers |= {(form, kind, models[kind]): sys.executable for form in OURS}
        threads = options.threads_an_op
        started = {
            key: Worker(python, key[0], key[2], 0 if key[0] in RIVALS else threads)
            for key, python in workers.items()
        }
        table = measure(started, files, crops, options.rounds)
        print(table.to_string(index=False))
        print('\nMilliseconds a photo, SavedModel through Python:')
        for kind, model_dir in models.items():
            worker = Worker(sys.executable, 'stages', model_dir, threads)
            parts = worker.ask({'stages': files})
            worker.close()
            print(f'saliency={kind}: ' + ', '.join(f'{n} {ms:.1f}' for n, ms in parts.items()))


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('photos', nargs='+', help='photos of people, or folders of them')
    parser.add_argument('--rivals_python', default='', help='with fer and facex; empty: without')
    parser.add_argument('--image_size_px', type=int, default=96)
    parser.add_argument('--saliency', default='mlnet_light')
    parser.add_argument('--most', type=int, default=24, help='photos')
    parser.add_argument('--threads_an_op', type=int, default=1, help='of our forms; 0: its choice')
    parser.add_argument('--rounds', type=int, default=5)
    return parser.parse_args()


def write_crops(files: list[str], root: pathlib.Path) -> list[str]:
    """PNG files of face crops, the same for all forms."""
    photos = [read_picture(file) for file in files]
    people = faces.find_all_faces(photos)
    crops = [faces.crop_face(photo, p[0]) for photo, p in zip(photos, people, strict=True) if p]
    paths = []
    for number in range(NUM_CROPS):
        paths.append(str(root / f'{number}.png'))
        cv2.imwrite(paths[-1], crops[number % len(crops)][:, :, ::-1])
    return paths


def write_model(kind: str, size: int, crops: list[str], folder: pathlib.Path) -> str:
    """All forms of a MobileNetV2 classifier."""
    keras.utils.set_random_seed(0)
    config = ModelConfig(backbone='mobilenet_v2', backbone_weights='none', saliency=kind)
    names = expressions.BASIC
    model = build_classifier(config, num_classes=len(names), image_size_px=size)
    for weight in model.weights:
        # Fresh biases are zero, and an addition of zero would be left out of the graph.
        if not weight.numpy().any():
            weight.assign(keras.random.normal(weight.shape, stddev=0.1))
    export_classifier(model, names, str(folder / 'saved_model'))
    pictures = [cv2.resize(cv2.imread(file), (size, size)) for file in crops[:16]]
    calibration = np.stack(pictures).astype(np.float32)
    write_tflite(model, names, calibration, str(folder / 'portable'))
    write_onnx(model, names, str(folder / 'portable'))
    return str(folder)


def measure(
    workers: dict[tuple[str, str, str], Worker], files: list[str], crops: list[str], rounds: int
) -> pd.DataFrame:
    """A row a form: end to end from the photo's file, and from crops alone."""
    requests = {
        'photo': {'photos': files},
        'batch 1': {'crops': crops[:16], 'batch': 1},
        'batch 32': {'crops': crops, 'batch': 32},
    }
    seconds: dict[Any, list[float]] = {(key, name): [] for key in workers for name in requests}
    peaks: dict[Any, float] = {}
    # The first round is for warming up.
    for number in range(rounds + 1):
        for name, request in requests.items():
            for key, worker in workers.items():
                answer = worker.ask(request)
                peaks[key, name] = answer['peak_mb']
                if number:
                    seconds[key, name].append(float(np.median(answer['seconds'])))
    rows = []
    for key, worker in workers.items():
        worker.close()
        ms = {name: 1000 * float(np.median(seconds[key, name])) for name in requests}
        rows.append(
            {
                'form': key[0],
                'saliency': key[1],
                'photo to answer, ms': round(ms['photo'], 1),
                'photos/s': round(1000 / ms['photo'], 1),
                'crop, ms': round(ms['batch 1'], 2),
                'crops/s, one by one': round(1000 / ms['batch 1']),
                'batch of 32, ms': round(ms['batch 32'], 1),
                'crops/s': round(32_000 / ms['batch 32']),
                'peak MB': round(peaks[key, 'batch 32']),
            }
        )
    return pd.DataFrame(rows)


if __name__ == '__main__':
    main()
