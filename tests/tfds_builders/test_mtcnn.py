"""MTCNN on ONNX Runtime against the package `mtcnn`, and its rules by hand."""

import concurrent.futures
from pathlib import Path

import cv2
import joblib
import numpy as np
import pytest

from benchmarks.face_detection import load_graph, load_package
from tests.fakes import portraits, random_images
from tfds_builders import faces, mtcnn
from tfds_builders.mtcnn_networks import REFINED_PX, sampling
from tfds_builders.mtcnn_weights import read_weights


@pytest.fixture(scope='module')
def photos():
    """Three people, all of them in one photo, and noise."""
    people = portraits(3)
    crowd = np.hstack([people[0], cv2.flip(people[1], 1), people[2]])
    return [*people, crowd, random_images(1, 224)[0]]


@pytest.mark.parametrize('side_px', faces.SEARCH_SIDES_PX)
def test_it_finds_what_the_package_finds_and_so_does_the_graph(side_px, photos):
    package, graph = load_package(), load_graph()
    canvases = [faces.on_canvas(photo, side_px)[0] for photo in photos]
    expected = np.concatenate(
        [np.insert(package(canvas), 0, number, axis=1) for number, canvas in enumerate(canvases)]
    )
    assert np.bincount(expected[:, 0].astype(int)).tolist()[:3] == [1, 1, 1]
    in_graph = [
        np.insert(graph(canvas), 0, number, axis=1) for number, canvas in enumerate(canvases)
    ]
    for found in (mtcnn.detect_rows(canvases), np.concatenate(in_graph)):
        assert found.shape == expected.shape
        # Pixels of the canvas, and the share of the score. Proposals that both score exactly 1 are
        # ranked by chance in the package, which may move one face by a few pixels.
        difference = np.abs(found - expected).max(axis=1)
        assert (difference < 0.01).sum() >= len(expected) - 1 and difference.max() < 5


def test_nothing_is_found_on_a_wall():
    wall = np.full((224, 224, 3), 200, np.uint8)
    assert mtcnn.detect_rows([wall, wall]).shape == (0, mtcnn.COLUMNS)
    assert mtcnn.detect_rows([]).shape == (0, mtcnn.COLUMNS)
    assert faces.find_all_faces([]) == []


def test_threads_that_ask_at_once_get_the_answers_of_one(photos):
    canvases = [faces.on_canvas(photo, 224)[0] for photo in photos]
    expected = [mtcnn.detect_rows([canvas]) for canvas in canvases]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = pool.map(mtcnn.detect_rows, [[canvas] for canvas in canvases] * 4)
        for own, one in zip(found, expected * 4, strict=True):
            np.testing.assert_allclose(own, one, atol=1e-3)


def test_a_photo_of_gravel_cannot_fill_the_memory(monkeypatch):
    monkeypatch.setattr(mtcnn, 'PROPOSAL_LOGIT', -np.inf)  # Everything is proposed.
    monkeypatch.setattr(mtcnn, 'MOST_PROPOSALS', 40)
    image = random_images(1, 224)[0].astype(np.float32)
    assert 1 <= len(mtcnn._load()._propose(image)) <= 40


def test_boxes_suppress_as_the_package_has_it():
    # By hand: the second box overlaps the first, the third only the second, so that a greedy
    # suppression would keep the third.
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], np.float32)
    overlap = mtcnn.overlaps(boxes)
    np.testing.assert_allclose(overlap[0], [1, 60 / 140, 20 / 180], rtol=1e-6)
    share = mtcnn.overlaps(boxes, of_smaller=True)
    np.testing.assert_allclose(share[0], [1, 0.6, 0.2], rtol=1e-6)
    assert mtcnn.unsuppressed(overlap > 0.4).tolist() == [0]


def test_a_patch_begins_and_ends_on_the_rim_of_its_box_and_is_grey_outside():
    # By hand: the middles of RoiAlign's 24 parts of a box that is half a part larger on each side.
    box = np.array([[-10, 20, 82, 112]], np.float32)
    where = sampling(box, side_px=101, size_px=REFINED_PX)
    (left, top, right, bottom), part = where['boxes'][0], 92 * (100 / 101) / 23
    np.testing.assert_allclose(left + part / 2, -10 * 100 / 101, rtol=1e-5)
    np.testing.assert_allclose(bottom - part / 2, 112 * 100 / 101, rtol=1e-5)
    np.testing.assert_allclose((right - left, bottom - top), 24 * part, rtol=1e-5)
    # -9.9, -5.9, -2.0, 2.0, ... across, and down to 110.9 of an image that ends at 100.
    assert where['inside_x'].ravel().tolist() == [0] * 3 + [1] * 21
    assert where['inside_y'].ravel().tolist() == [1] * 21 + [0] * 3


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path('ran'),)


def test_weights_in_the_current_folder_are_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('pnet', 'rnet', 'onet'):
        joblib.dump(Bomb(), f'{name}.lz4')
        joblib.dump(Bomb(), name)
    assert [read_weights(name)[0].shape for name in ('pnet', 'rnet')] == [
        (3, 3, 3, 10),
        (3, 3, 3, 28),
    ]
    load_package()
    assert not Path('ran').exists()
    joblib.load('pnet.lz4')  # They would have been noticed.
    assert Path('ran').exists()
