"""The page of `fer_keras.demo_app`, as a WSGI application."""

from __future__ import annotations

import base64
import json
import pathlib
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import cv2
import numpy as np
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.wrappers import Request, Response

from fer_keras.inference.answers import BOX, PROBABILITY
from fer_keras.inference.drawing import draw_faces
from fer_keras.inference.predictor import Predictor, find_faces
from tfds_builders.faces import CROP_SIZE_PX
from tfds_builders.pictures import read, shrink

_HTML = pathlib.Path(__file__).with_name('page.html')
_SHOWN_SIDE_PX = 960
# The largest faces of a crowd; each costs a Grad-CAM and five pictures.
_MOST_EXPLAINED = 12
_FAULT = (
    'There is no answer for this file, because of a fault of the program. The terminal that it was '
    'started in says more.'
)
# Nothing is loaded from elsewhere, whatever a file is called.
_POLICY = "default-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:"


class DemoPage:
    """Serves one page, and answers for the photo that it sends.

    - `GET /`: the page.
    - `POST /answer`, the body a picture file: JSON of `photo`, the picture with boxes, and `faces`,
      the largest first, each with `label`, `score`, `probabilities` by name, `box` in pixels and
      `pictures`, pairs of a caption and a picture; `note`, what was left out of the file, or
      nothing. A problem is JSON of `error`, a sentence, with status 400, 413 where the file is too
      large, or 500 where the program is at fault, which then prints where.

    >>> from werkzeug.test import Client
    >>> nobody = Predictor(lambda images: np.zeros((0, 1)), ['neutral'])
    >>> Client(DemoPage(nobody, largest_upload=100)).get('/answer').status_code
    405
    """

    def __init__(self, predictor: Predictor, *, largest_upload: int) -> None:
        """Prepares the model.

        Args:
            predictor: Without a Keras model there are no explanations.
            largest_upload: Bytes.
        """
        self._predictor = predictor
        self._detector = predictor.detector
        self._largest_upload = largest_upload
        self._grad_cam = None
        if predictor.model:
            # Here, as below: it loads TensorFlow, which portable files do not need.
            from fer_keras.inference.explanations import build_grad_cam

            self._grad_cam = build_grad_cam(predictor.model)
        # One at a time: the memory of a large photo is bounded, that of many is not.
        self._lock = threading.Lock()
        self._is_closed = False

    def warm_up(self) -> None:
        """Loads and traces all that an answer needs, so that the first takes no longer than others.

        A file that comes meanwhile waits, and traces nothing a second time.
        """
        crop = np.zeros((CROP_SIZE_PX, CROP_SIZE_PX, 3), np.uint8)
        steps: list[Callable[[], object]] = [
            lambda: find_faces([crop], detector=self._detector),
            lambda: self._predictor.predict_crops(crop),
            lambda: self._explain([crop]),
        ]
        with self._lock:
            for step in steps:
                if not self._is_closed:
                    step()

    def close(self) -> None:
        """Waits for the answer, or step of the warm-up, that is being made, and begins no other.

        A thread inside TensorFlow when Python ends would abort the process.
        """
        self._is_closed = True
        self._lock.acquire()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = self._largest_upload
        try:
            response = self._respond(request)
        except HTTPException as error:
            response = _as_json({'error': error.description}, error.code or 500)
        except Exception:
            traceback.print_exc()
            response = _as_json({'error': _FAULT}, 500)
        response.headers['Content-Security-Policy'] = _POLICY
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if request.path == '/':
            page = _HTML.read_text(encoding='utf-8')
            page = page.replace('LARGEST_UPLOAD', str(self._largest_upload))
            return Response(page, mimetype='text/html')
        if request.path != '/answer':
            raise NotFound()
        if request.method != 'POST':
            raise MethodNotAllowed(['POST'])
        file = request.get_data()
        with self._lock:
            try:
                reading = read(file)
            except ValueError as error:
                return _as_json({'error': str(error)}, 400)
            note = '; '.join(reading.notes)
            return _as_json(self.answer(reading.image) | {'note': note}, 200)

    def answer(self, photo: np.ndarray) -> dict[str, Any]:
        """What the page shows for a photo, uint8 `[height, width, 3]`, RGB."""
        people = find_faces([photo], detector=self._detector)[0]
        crops = [face.crop for face in people]
        table = self._predictor.predict_crops(crops)
        for position, side in enumerate(BOX):
            table[side] = [face.box[position] for face in people if face.box]
        rows = table.to_dict('records')
        strips = self._explain(crops[:_MOST_EXPLAINED]) + [[]] * len(rows)
        return {
            'photo': _data_url(shrink(draw_faces(photo, rows), _SHOWN_SIDE_PX)),
            'faces': [
                {
                    'label': row['label'],
                    'score': row['score'],
                    'probabilities': {
                        name: row[PROBABILITY.format(name)] for name in self._predictor.names
                    },
                    'box': [row[side] for side in BOX],
                    'pictures': [['aligned crop', _data_url(crop)], *strip],
                }
                for row, crop, strip in zip(rows, crops, strips[: len(rows)], strict=True)
            ],
        }

    def _explain(self, crops: list[np.ndarray]) -> list[list[list[str]]]:
        """Pairs of caption and picture for each crop."""
        model = self._predictor.model
        if not crops or self._grad_cam is None or model is None:
            return [[] for _ in crops]
        from fer_keras.data.decoding import to_model_input
        from fer_keras.inference.explanations import explain
        from fer_keras.models.classifier import has_saliency

        images = to_model_input(np.stack(crops), model.input_shape[1]).numpy()
        captions = ['what the network sees', 'saliency', 'attended image', 'Grad-CAM']
        wanted = range(4) if has_saliency(model) else (0, 3)
        return [
            [
                [captions[i], _data_url(picture)]
                for i, picture in enumerate(np.split(strip, 4, axis=1))
                if i in wanted
            ]
            for strip in explain(self._grad_cam, images)[0]
        ]


def _as_json(content: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(content), status, mimetype='application/json')


def _data_url(image: np.ndarray) -> str:
    content = cv2.imencode('.jpg', image[:, :, ::-1])[1].tobytes()
    return f'data:image/jpeg;base64,{base64.b64encode(content).decode()}'
