"""The page to try a classifier: its answers, its limits, and a browser that uses it."""

import base64
import contextlib
import dataclasses
import io
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright
from werkzeug.test import Client

import fer_keras
from fer_keras.inference.page import DemoPage
from tests.fakes import BASIC, png_bytes, portraits, tiniest_model, write_untrained_run

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


@pytest.mark.parametrize(
    'body, status, message',
    [
        (b'no picture', 400, 'damaged or no picture'),
        (b'', 400, 'is empty'),
        (b'%PDF-1.7', 400, 'is a PDF document'),
        (b'x' * (2**20 + 1), 413, 'exceeds the capacity'),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(body, status, message, client):
    response = client.post('/answer', data=body)
    assert response.status_code == status and message in response.json['error']


def test_other_addresses_and_methods_are_refused(client):
    assert client.get('/../setup.cfg').status_code == 404
    assert client.get('/answer').status_code == 405
    assert "default-src 'self'" in client.get('/').headers['Content-Security-Policy']


@contextlib.contextmanager
def served_page(run_dir):
    """The address of the page, served as a user starts it."""
    command = [sys.executable, '-m', 'fer_keras.demo_app', f'--model={run_dir.path}', '--port=0']
    with subprocess.Popen(
        [*command, '--largest_upload_mb=1'], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process.stdout.readline().split()[1]
        finally:
            process.terminate()


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
