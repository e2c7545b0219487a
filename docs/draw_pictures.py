"""Draws the pictures of the site: `python docs/draw_pictures.py --run_dir=demo_output/run`.

All show people who do not exist. Some come from a run of `make demo`; the page and the report are
looked at with a Chromium that is installed anyway, through Playwright.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import shutil
import tempfile
import threading
from collections.abc import Iterator

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyBboxPatch
from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

import fer_keras
from fer_keras.data.decoding import to_model_input
from fer_keras.figures import overlay, save_figure
from fer_keras.inference.drawing import draw_faces
from fer_keras.inference.explanations import build_grad_cam, explain
from fer_keras.inference.page import DemoPage
from fer_keras.models.classifier import load_classifier
from fer_keras.run_dir import ReportDir, RunDir
from fer_keras.saliency.predictor import SaliencyPredictor
from tfds_builders.drawing.people import EXPRESSIONS, draw_photo
from tfds_builders.faces import crop_face, find_face

PICTURES = pathlib.Path(__file__).with_name('pictures')
# Whom `drawn_faces` does not have.
NOBODY = 900
# Shares of the parts, of which a person is in one.
PARTS = {'train': (0.7, '#4878a8'), 'validation': (0.15, '#e0a030'), 'test': (0.15, '#a04848')}


def main() -> None:
    """Writes every picture into `docs/pictures`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--run_dir', default='demo_output/run', help='a run of `make demo`')
    run_dir = RunDir(parser.parse_args().run_dir)
    PICTURES.mkdir(exist_ok=True)
    write('people', people())
    write('answers', answers())
    write('saliency', saliency())
    write('failures', failures())
    write('explanation', explanation(run_dir))
    draw_graph()
    draw_splits()
    report = ReportDir(run_dir.report_dir())
    for name in ('confusion_matrix', 'recall', 'reliability', 'history'):
        shutil.copyfile(report.picture(name), PICTURES / f'{name}.png')
    with sync_playwright() as playwright:
        chromium = shutil.which('chromium') or shutil.which('chromium-browser')
        browser = playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        look_at_report(browser, report)
        look_at_page(browser)
        browser.close()


def write(name: str, image: np.ndarray) -> None:
    """A JPEG of uint8 `[height, width, 3]`, RGB."""
    cv2.imwrite(str(PICTURES / f'{name}.jpg'), image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def people() -> np.ndarray:
    """A row a person, a column an expression."""
    rows = [
        np.hstack([same_height(draw_photo(person, name), 150, 120) for name in EXPRESSIONS])
        for person in range(NOBODY, NOBODY + 4)
    ]
    return np.vstack(rows)


def answers() -> np.ndarray:
    """Three people with what the classifier of the package says."""
    shown = zip(range(NOBODY, NOBODY + 3), ('happy', 'surprised', 'angry'), strict=True)
    photo = np.hstack([same_height(draw_photo(*person), 360, 290) for person in shown])
    rows = fer_keras.load().predict([photo]).to_dict('records')
    return draw_faces(photo, rows)


def failures() -> np.ndarray:
    """Drawn people who did not teach it and for whom it is wrong: what they show, its answer."""
    shown = [(person, name) for person in range(NOBODY, NOBODY + 10) for name in EXPRESSIONS]
    photos = [same_height(draw_photo(*one), 240, 200) for one in shown]
    table = fer_keras.load().predict(photos)
    rows = table[table['face'] == 0].drop_duplicates('photo').to_dict('records')
    wrong = [row for row in rows if row['label'] != shown[row['photo']][1]]
    pictures = []
    for row in wrong[:: max(1, len(wrong) // 5)][:5]:
        picture = draw_faces(photos[row['photo']], [row])
        name = f'shows {shown[row["photo"]][1]}'
        cv2.putText(
            picture, name, (4, 234), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 3, cv2.LINE_AA
        )
        cv2.putText(
            picture, name, (4, 234), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255,) * 3, 1, cv2.LINE_AA
        )
        pictures.append(picture)
    print(f'{len(wrong)} of {len(rows)} drawn faces are answered wrongly')
    return np.hstack(pictures)


def saliency() -> np.ndarray:
    """A face, and the same under its saliency map."""
    pairs = []
    for person in range(NOBODY, NOBODY + 2):
        crop = cv2.resize(face_of(draw_photo(person, 'happy')), (224, 224))
        saliency_map = SaliencyPredictor('mlnet_light')(crop[None])[0, :, :, 0]
        pairs += [crop, overlay(crop, saliency_map)]
    return np.hstack(pairs)


def explanation(run_dir: RunDir) -> np.ndarray:
    """What `explain` draws, of a run whose graph has a saliency model or not."""
    model = load_classifier(run_dir.model_file)
    crop = face_of(draw_photo(NOBODY, 'surprised'))
    images = to_model_input(crop[None], model.input_shape[1]).numpy()
    strips, _ = explain(build_grad_cam(model), images)
    return cv2.resize(strips[0], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)


def draw_graph() -> None:
    """The layers of the recipe as boxes."""
    figure, axes = plt.subplots(figsize=(9, 3.4), layout='constrained')
    boxes = {
        'image': (0, 1),
        'face': (1, 1),
        'saliency_map': (2, 2),
        'attended_image': (3, 1),
        'gradients': (4, 1),
        'backbone': (5, 1),
        'features': (6, 1),
        'deep': (7, 1),
        'histograms': (4, 0),
        'shallow': (5.5, 0),
        'probabilities': (8.1, 0.5),
    }
    arrows = [
        ('image', 'face'), ('face', 'saliency_map'), ('face', 'attended_image'),
        ('saliency_map', 'attended_image'), ('attended_image', 'gradients'),
        ('gradients', 'backbone'), ('backbone', 'features'), ('features', 'deep'),
        ('deep', 'probabilities'), ('face', 'histograms'), ('histograms', 'shallow'),
        ('shallow', 'probabilities'),
    ]  # fmt: skip
    for name, (x, y) in boxes.items():
        corner = (x - 0.42, y - 0.2)
        axes.add_patch(FancyBboxPatch(corner, 0.84, 0.4, 'round,pad=0.02', fc='#e8eef6', ec='#456'))
        axes.text(x, y, name.replace('_', '_\n'), ha='center', va='center', fontsize=8)
    for start, end in arrows:
        (left, low), (right, high) = boxes[start], boxes[end]
        style = {'arrowstyle': '->', 'color': '#456', 'shrinkA': 24, 'shrinkB': 24}
        axes.annotate('', (right, high), (left, low), arrowprops=style)
    axes.set(xlim=(-0.6, 8.7), ylim=(-0.5, 2.5))
    axes.axis('off')
    save_figure(figure, str(PICTURES / 'graph.png'), dpi=140)


def draw_splits() -> None:
    """People with some pictures each, dealt whole to the three parts."""
    figure, axes = plt.subplots(figsize=(8, 2.6), layout='constrained')
    rng = np.random.default_rng(4)
    parts = rng.choice(list(PARTS), size=28, p=[share for share, _ in PARTS.values()])
    for person, part in enumerate(parts):
        for picture in range(rng.integers(2, 8)):
            axes.scatter(person, picture, s=80, marker='s', color=PARTS[part][1])
    for part, (share, color) in PARTS.items():
        axes.scatter([], [], s=80, marker='s', color=color, label=f'{part}, {share:.0%} of people')
    axes.set(xlabel='people', ylabel='pictures', xticks=[], yticks=[])
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(ncols=3, loc='lower center', bbox_to_anchor=(0.5, 1), frameon=False)
    save_figure(figure, str(PICTURES / 'splits.png'), dpi=140)


def look_at_report(browser: Browser, report: ReportDir) -> None:
    """The first screen of a report."""
    page = browser.new_page(viewport={'width': 1000, 'height': 800})
    page.goto(pathlib.Path(report.html_file).resolve().as_uri())
    page.screenshot(path=PICTURES / 'report.png')


def look_at_page(browser: Browser) -> None:
    """The page with an answer."""
    with tempfile.TemporaryDirectory() as folder, served_page() as address:
        photo = pathlib.Path(folder, 'photo.png')
        cv2.imwrite(str(photo), draw_photo(NOBODY + 1, 'happy')[:, :, ::-1])
        page = browser.new_page(viewport={'width': 1000, 'height': 760})
        page.set_default_timeout(180_000)
        page.goto(address)
        page.set_input_files('#file', photo)
        page.wait_for_selector('.face')
        page.screenshot(path=PICTURES / 'page.jpg', full_page=True, type='jpeg', quality=88)


@contextlib.contextmanager
def served_page() -> Iterator[str]:
    """The address of the page, as long as the block lasts."""
    page = DemoPage(fer_keras.load(), largest_upload=2**23)
    server = make_server('127.0.0.1', 0, page, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.port}'
    server.shutdown()
    page.close()


def face_of(photo: np.ndarray) -> np.ndarray:
    """The crop of the largest face."""
    return crop_face(photo, find_face(photo))


def same_height(photo: np.ndarray, height: int, width: int) -> np.ndarray:
    """The photo scaled to cover a size, its middle."""
    scale = max(height / photo.shape[0], width / photo.shape[1])
    scaled = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = (scaled.shape[0] - height) // 2, (scaled.shape[1] - width) // 2
    return scaled[top : top + height, left : left + width]


if __name__ == '__main__':
    main()
