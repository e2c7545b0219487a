"""The page to try a classifier: its answers, its limits, and a browser that uses it."""

import base64
import contextlib
import dataclasses
import io
import os
import shutil
import signal
import subprocess
import sys
import threading

import cv2
import keras
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright
from werkzeug.test import Client

import fer_keras
from fer_keras.inference import explanations
from fer_keras.inference import page as page_module
from fer_keras.inference import predictor as predictor_module
from fer_keras.inference.page import DemoPage
from tests.fakes import BASIC, png_bytes, portraits, tiniest_model, write_untrained_run
from tests.fuzz.mutations import make_input
from tests.fuzz.seeds import videos
from tfds_builders import mtcnn

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
CHROMIUM_FLAGS = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
    '--disable-background-networking', '--disable-component-update',
    '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
]  # fmt: skip


@pytest.fixture(scope='module')
def run_dir(tmp_path_factory):
    config = dataclasses.replace(tiniest_model(), saliency='center')
    return write_untrained_run(tmp_path_factory.mktemp('run'), config)


@pytest.fixture(scope='module')
def predictor(run_dir):
    return fer_keras.load(run_dir.path)


@pytest.fixture(scope='module')
def client(predictor):
    return Client(DemoPage(predictor, largest_upload=2**20))


@pytest.fixture(scope='module')
def two_people():
    return np.hstack(portraits(2))


def picture_of(url):
    kind, _, content = url.partition(',')
    assert kind == 'data:image/jpeg;base64'
    return cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), cv2.IMREAD_COLOR)


def test_every_face_has_its_box_its_probabilities_and_its_pictures(client, predictor, two_people):
    response = client.post('/answer', data=png_bytes(two_people))
    assert response.status_code == 200
    table = predictor.predict([two_people])
    assert len(response.json['faces']) == len(table) == 2
    for face, row in zip(response.json['faces'], table.to_dict('records'), strict=True):
        assert face['label'] == row['label'] and face['score'] == pytest.approx(row['score'])
        assert face['box'] == pytest.approx([row[s] for s in ('left', 'top', 'right', 'bottom')])
        assert list(face['probabilities']) == list(BASIC)
        assert sum(face['probabilities'].values()) == pytest.approx(1)
        captions = [caption for caption, _ in face['pictures']]
        assert captions[2:] == ['saliency', 'attended image', 'Grad-CAM']
        assert [picture_of(url).shape[0] for _, url in face['pictures']] == [256, 48, 48, 48, 48]
    drawn = picture_of(response.json['photo'])
    assert drawn.shape == two_people.shape
    assert np.abs(drawn[..., ::-1].astype(int) - two_people).max() > 100


def test_a_photo_of_nobody_has_no_faces(client):
    response = client.post('/answer', data=png_bytes(np.full((90, 2000, 3), 90, np.uint8)))
    assert response.json['faces'] == [] and picture_of(response.json['photo']).shape[1] == 960


def test_of_an_animation_the_first_frame_is_answered_and_that_is_said(client, two_people):
    file = io.BytesIO()
    frames = [Image.fromarray(frame) for frame in (two_people, two_people * 0)]
    frames[0].save(file, 'GIF', save_all=True, append_images=frames[1:])
    response = client.post('/answer', data=file.getvalue())
    assert response.status_code == 200 and len(response.json['faces']) == 2
    assert response.json['note'] == 'the first of several frames'


def test_without_a_keras_model_there_are_no_explanations(predictor, two_people):
    served = fer_keras.inference.predictor.Predictor(predictor._probabilities_of, predictor.names)
    page = DemoPage(served, largest_upload=2**20)
    assert [len(face['pictures']) for face in page.answer(two_people)['faces']] == [1, 1]


NO_PICTURES = {
    'text': (b'no picture', 'damaged or no picture'),
    'empty': (b'', 'is empty (0 bytes)'),
    'zeros': (bytes(1000), 'damaged or no picture'),
    'PDF': (b'%PDF-1.7', 'is a PDF document'),
    'SVG': (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 'is a drawing of lines'),
    'web page': (b'<!DOCTYPE html><html>', 'is a web page'),
    'zip': (b'PK\x03\x04', 'is a zip file or an office document'),
    'HEIC': (b'\0\0\0\x18ftypheic' + bytes(12), 'HEIF: '),
    'cut off': (png_bytes(np.zeros((90, 90, 3), np.uint8))[:-20], 'its end is missing'),
    'too many pixels': (
        b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR' + b'\0\xff\xff\xff' * 2 + bytes(40),
        'bytes cannot hold 16777215x16777215 pixels',
    ),
    **{name: (data, 'is a video') for name, data in videos().items()},
}


@pytest.mark.parametrize('body, message', NO_PICTURES.values(), ids=list(NO_PICTURES))
def test_what_is_no_picture_gets_a_sentence(body, message, client):
    response = client.post('/answer', data=body)
    assert response.status_code == 400 and message in response.json['error']
    assert response.json['error'].startswith('the picture ') and '\n' not in response.json['error']


def test_damaged_pictures_get_an_answer_or_a_sentence(predictor):
    page = DemoPage(predictor, largest_upload=2**20)
    # What is answered is tested above.
    page.answer = lambda photo: {}
    statuses = []
    for number in range(50, 150):
        response = Client(page).post('/answer', data=make_input('pictures', number).data)
        statuses.append(response.status_code)
        assert set(response.json) == ({'note'} if statuses[-1] == 200 else {'error'})
    assert set(statuses) == {200, 400}


def test_what_is_too_large_is_refused(client):
    response = client.post('/answer', data=b'x' * (2**20 + 1))
    assert response.status_code == 413 and 'exceeds the capacity' in response.json['error']


def test_a_fault_of_the_program_is_a_sentence_in_the_page_and_a_traceback_in_the_terminal(
    predictor, capsys
):
    page = DemoPage(predictor, largest_upload=2**20)

    def fail(photo):
        raise KeyError('secret')

    page.answer = fail
    response = Client(page).post('/answer', data=png_bytes(np.zeros((9, 9, 3), np.uint8)))
    assert response.status_code == 500 and 'a fault of the program' in response.json['error']
    assert (
        'secret' not in response.json['error'] and "KeyError: 'secret'" in capsys.readouterr().err
    )


class Traces:
    """How often layers are run, and networks loaded: never, once all is warm."""

    def __init__(self, monkeypatch):
        self.count = 0
        for owner, name in ((keras.layers.Layer, '__call__'), (mtcnn, 'open_session')):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, function):
        def call(*args, **kwargs):
            self.count += 1
            return function(*args, **kwargs)

        return call


@pytest.fixture
def fresh_page(run_dir):
    """Nothing of it is traced, nor is the detector loaded."""
    mtcnn._load.cache_clear()
    return DemoPage(fer_keras.load(run_dir.path), largest_upload=2**20)


def test_after_the_warm_up_an_upload_traces_nothing(fresh_page, two_people, monkeypatch):
    traces = Traces(monkeypatch)
    fresh_page.warm_up()
    assert traces.count > 10
    traces.count = 0
    for photo, count in ((two_people, 2), (two_people[:, :340], 1), (two_people * 0, 0)):
        response = Client(fresh_page).post('/answer', data=png_bytes(photo))
        assert response.status_code == 200 and len(response.json['faces']) == count
    assert traces.count == 0


def test_an_upload_during_the_warm_up_waits_and_traces_nothing_again(
    fresh_page, two_people, monkeypatch
):
    has_begun = threading.Event()

    def find_faces(images, **options):
        has_begun.set()
        return predictor_module.find_faces(images, **options)

    monkeypatch.setattr(page_module, 'find_faces', find_faces)
    warming = threading.Thread(target=fresh_page.warm_up)
    warming.start()
    has_begun.wait()
    response = Client(fresh_page).post('/answer', data=png_bytes(two_people))
    assert not warming.is_alive() and len(response.json['faces']) == 2
    assert mtcnn._load.cache_info().misses == 1
    trace = explanations._trace(fresh_page._grad_cam)
    assert trace.experimental_get_tracing_count() == 1


def test_closing_ends_the_warm_up_after_its_step(predictor, monkeypatch):
    page = DemoPage(predictor, largest_upload=2**20)
    steps = []

    def find_faces(images, **options):
        steps.append(options)
        page._is_closed = True

    monkeypatch.setattr(page_module, 'find_faces', find_faces)
    page.warm_up()
    page.close()
    assert len(steps) == 1 and not page._lock.acquire(blocking=False)


def test_other_addresses_and_methods_are_refused(client):
    assert client.get('/../setup.cfg').status_code == 404
    assert client.get('/answer').status_code == 405
    assert "default-src 'self'" in client.get('/').headers['Content-Security-Policy']


@contextlib.contextmanager
def served_page(run_dir):
    """The address of the page, served as a user starts it."""
    command = [sys.executable, '-m', 'fer_keras.demo_app', f'--model={run_dir.path}', '--port=0']
    with subprocess.Popen(
        [*command, '--largest_upload_mb=1'],
        stdout=subprocess.PIPE,
        text=True,
        # Tests that run in the background of a script would hand down that they ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            yield process.stdout.readline().split()[1]
            # As a user ends it.
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason='needs chromium: apt-get install chromium')
def test_a_browser_uploads_a_photo_and_sees_the_answer(run_dir, two_people, tmp_path):
    (tmp_path / 'two.png').write_bytes(png_bytes(two_people))
    (tmp_path / 'broken.png').write_bytes(b'no picture')
    (tmp_path / 'large.png').write_bytes(b'x' * (2**20 + 1))
    # Where to look at the page; by default it is thrown away.
    folder = os.environ.get('SCREENSHOTS', str(tmp_path))
    with served_page(run_dir) as address, sync_playwright() as playwright:
        assert address.startswith('http://127.0.0.1:')
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={'width': 1100, 'height': 900})
        page.set_default_timeout(120_000)
        requests, problems = [], []
        page.on('request', lambda request: requests.append(request.url))
        page.on('pageerror', lambda error: problems.append(str(error)))
        page.goto(address)

        page.set_input_files('#file', tmp_path / 'two.png')
        page.wait_for_selector('.face')
        assert page.inner_text('#state') == '2 faces.'
        assert page.locator('.face').count() == 2
        assert page.locator('.face >> nth=0').locator('img').count() == 5
        assert page.locator('.face >> nth=0').locator('tr').count() == 7
        assert page.evaluate("document.querySelector('#photo').naturalWidth") == 680
        page.screenshot(path=f'{folder}/demo_app.png', full_page=True)

        for name, message in (('broken', 'damaged or no picture'), ('large', '1.0 MB at most')):
            page.set_input_files('#file', tmp_path / f'{name}.png')
            page.wait_for_selector(f'#state.bad:has-text("{message}")')
            assert page.locator('.face').count() == 0

        page.click('#camera')
        page.click('#shoot')
        page.wait_for_selector('#photo:visible')
        assert 'face' in page.inner_text('#state')
        browser.close()
    # Nothing comes from anywhere else.
    assert not problems and all(url.startswith((address, 'data:', 'blob:')) for url in requests)
