"""The clients of the documentation, as printed, against servers that speak the protocols.

The server's own binary is not at hand: these hand each request to the loaded signatures, by the
rules of TF Serving's REST and gRPC interfaces.
"""

import base64
import concurrent.futures
import contextlib
import http.server
import json
import re
import threading
from pathlib import Path

import cv2
import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from fer_keras.data.decoding import decode
from fer_keras.run_dir import RunDir
from fer_keras.serving.signatures import BATCHING_FILE
from tests.fakes import BASIC, png_bytes, portraits, random_images

SERVING = (Path(__file__).parents[2] / 'docs' / 'how_to' / 'serve.md').read_text()


def snippet(library: str, signature: str) -> str:
    blocks = re.findall(r'```python\n(.*?)```', SERVING, re.DOTALL)
    (found,) = [code for code in blocks if library in code and f"'{signature}'" in code]
    return found


class GrpcServer(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, signatures):
        self.signatures = signatures

    def Predict(self, request, context):
        assert request.model_spec.name == 'fer'
        inputs = {name: tf.constant(tf.make_ndarray(p)) for name, p in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        for name, value in self.signatures[request.model_spec.signature_name](**inputs).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
        return response


@contextlib.contextmanager
def grpc_server(signatures):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        GrpcServer(signatures), server
    )
    port = server.add_insecure_port('127.0.0.1:0')
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


def answer_rest(signatures, body):
    """The row format: https://www.tensorflow.org/tfx/serving/api_rest#predict_api."""
    rows = body['instances']
    inputs = {name: _from_json([row[name] for row in rows]) for name in rows[0]}
    outputs = signatures[body.get('signature_name', 'serving_default')](**inputs)
    columns = {name: _as_json(value.numpy()) for name, value in outputs.items()}
    return {
        'predictions': [
            {name: column[position] for name, column in columns.items()}
            for position in range(len(rows))
        ]
    }


def _from_json(values):
    if isinstance(values[0], dict):
        return tf.constant([base64.b64decode(value['b64']) for value in values])
    return tf.constant(values, tf.uint8)


def _as_json(values):
    if values.dtype == object:
        return np.vectorize(bytes.decode, otypes=[object])(values).tolist()
    return values.tolist()


@contextlib.contextmanager
def rest_server(signatures):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == '/v1/models/fer:predict'
            body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
            answer = json.dumps(answer_rest(signatures, body)).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run_client(code, start, port, signatures):
    assert code.count(f'localhost:{port}') == 1
    with start(signatures) as free_port:
        exec(code.replace(f'localhost:{port}', f'127.0.0.1:{free_port}'), {})


@pytest.mark.parametrize(
    'start, library, signature, port',
    [
        (rest_server, 'urllib', 'serving_default', '8501'),
        (grpc_server, 'grpc', 'explain', '8500'),
    ],
)
def test_the_printed_client_gets_the_models_answer(
    start, library, signature, port, served, signatures, tmp_path, monkeypatch, capsys
):
    file = png_bytes(random_images(1, 40)[0])
    (tmp_path / 'face.jpg').write_bytes(file)
    monkeypatch.chdir(tmp_path)
    run_client(snippet(library, signature), start, port, signatures)
    label, score, *shape = capsys.readouterr().out.split(maxsplit=2)
    expected = served.model.predict(decode(file, 32)[None], verbose=0)[0]
    assert label == BASIC[expected.argmax()]
    assert float(score) == pytest.approx(expected.max(), abs=1e-5)
    assert shape == (['(1, 32, 32, 1)\n'] if library == 'grpc' else [])


@pytest.mark.parametrize(
    'start, library, port', [(rest_server, 'urllib', '8501'), (grpc_server, 'grpc', '8500')]
)
def test_the_printed_client_of_frames_gets_an_answer_for_each(
    start, library, port, signatures, tmp_path, monkeypatch, capsys
):
    (person,) = portraits(1)
    small = cv2.resize(person, (160, 200))
    blank = np.full_like(small, 90)
    video = cv2.VideoWriter(
        str(tmp_path / 'clip.mp4'), cv2.VideoWriter.fourcc(*'mp4v'), 5, (160, 200)
    )
    for frame in (small, blank, blank, small):
        video.write(np.ascontiguousarray(frame[:, :, ::-1]))
    video.release()
    monkeypatch.chdir(tmp_path)
    run_client(snippet(library, 'predict_frames'), start, port, signatures)
    first, second, third, fourth = capsys.readouterr().out.splitlines()
    assert second == third == '[]'
    assert all(line.startswith("[('") and line.count('(') == 1 for line in (first, fourth))


def test_the_printed_table_is_the_real_signature(signatures):
    rows = re.findall(r'^\| `(\w+)` \| (.*?) \| (.*?) \|$', SERVING, re.MULTILINE)
    assert {name for name, _, _ in rows} == set(signatures)
    default = set(signatures['serving_default'].structured_outputs)
    for name, takes, gives in rows:
        _, inputs = signatures[name].structured_input_signature
        if takes != 'the same':
            assert re.findall(r'`(\w+)`', takes) == list(inputs)
        named = set(re.findall(r'`(\w+)`', gives))
        extra = default if name != 'serving_default' else set()
        assert named | extra == set(signatures[name].structured_outputs)


def test_the_printed_docker_command_finds_its_files(served):
    command = re.search(r'docker run.*?\n  .*?\n', SERVING, re.DOTALL).group()
    mounted, inside = re.search(r'-v "\$PWD/(\S+?):(\S+)"', command).groups()
    assert mounted == RunDir('runs/cross').saved_model_dir
    assert inside == '/models/' + re.search(r'MODEL_NAME=(\w+)', command).group(1)
    assert f'--batching_parameters_file={inside}/{BATCHING_FILE}' in command
    assert (Path(served.version_dir).parent / BATCHING_FILE).is_file()
