"""Proposals of one pass before MTCNN's last networks, on ONNX Runtime and as a graph."""

import concurrent.futures

import cv2
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.faces.single_shot import SingleShotDetector
from tests.fakes import portraits, random_images
from tests.same_faces import assert_same_faces
from tfds_builders import detectors, faces, single_shot


@pytest.fixture(scope='module')
def photos():
    """Three people, all of them in one photo, one of them small, and noise."""
    people = portraits(3)
    crowd = np.hstack([people[0], cv2.flip(people[1], 1), people[2]])
    far = np.full_like(crowd, people[0][0, 0])
    small = cv2.resize(people[1], None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    far[100 : 100 + len(small), 300 : 300 + small.shape[1]] = small
    return [*people, crowd, far, random_images(1, 224)[0]]


@pytest.fixture(scope='module')
def found(photos):
    return single_shot.SingleShot().find_all_faces(photos)


def test_it_finds_whom_mtcnn_finds_and_places_the_landmarks_alike(photos, found):
    expected = faces.find_all_faces(photos)
    assert [len(people) for people in found] == [len(people) for people in expected]
    assert [len(people) for people in found] == [1, 1, 1, 3, 1, 0]
    distances = []
    for people, others in zip(found, expected, strict=True):
        for own in people:
            other = min(
                others, key=lambda face, own=own: np.abs(np.subtract(face.box, own.box)).sum()
            )
            eyes = np.linalg.norm(other.landmarks[0] - other.landmarks[1])
            between = np.linalg.norm(own.landmarks - other.landmarks, axis=1).mean()
            distances.append(between / eyes)
    # Of photographs of real people: `experiments/README.md`.
    assert np.median(distances) < 0.06 and max(distances) < 0.25


def test_the_graph_finds_the_same(photos, found):
    detector = SingleShotDetector()
    for small_faces in (True, False):
        expected = single_shot.SingleShot().find_all_faces(photos, small_faces=small_faces)
        find = tf.function(
            lambda image, small_faces=small_faces: detector.find_all_faces(
                image, small_faces=small_faces
            ),
            input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)],
            autograph=False,
        )
        for photo, people in zip(photos, expected, strict=True):
            assert_same_faces(find(tf.constant(photo)), people)


def test_both_run_the_same_network():
    canvas = random_images(1, single_shot.CANVAS_PX)[0]
    expected = single_shot._load().run(None, {'image': canvas})
    found = SingleShotDetector()._run(tf.constant(canvas, tf.float32))
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-3)


def test_faces_are_inside_largest_first_and_found_again_in_a_batch_of_threads(photos, found):
    for photo, people in zip(photos, found, strict=True):
        assert [face.area for face in people] == sorted((f.area for f in people), reverse=True)
        for face in people:
            left, top, right, bottom = face.box
            assert 0 <= left < right <= photo.shape[1] and 0 <= top < bottom <= photo.shape[0]
    search = single_shot.SingleShot()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for alone, people in zip(
            pool.map(search.find_all_faces, [[p] for p in photos]), found, strict=True
        ):
            assert [face.box for face in alone[0]] == [face.box for face in people]
    assert [face and face.box for face in search.find_faces(photos[-2:])] == [
        found[-2][0].box,
        None,
    ]
    assert search.find_all_faces([]) == []


def test_small_faces_are_left_out_where_they_are_not_wanted(photos, found):
    tiny = cv2.resize(photos[4], None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    photo = np.full((*photos[4].shape[:2], 3), 120, np.uint8)
    photo[: len(tiny), : tiny.shape[1]] = tiny
    search = single_shot.SingleShot()
    for one in (photos[0], photos[3]):
        assert len(search.find_all_faces([one], small_faces=False)[0]) >= 1
    assert search.find_all_faces([photo], small_faces=False) == [[]]


def test_it_is_chosen_by_name_and_its_weights_are_small():
    assert isinstance(detectors.KINDS['single_shot'].load(b'', ''), single_shot.SingleShot)
    assert detectors.crops_of('single_shot') == 'mtcnn'
    assert single_shot.WEIGHTS_FILE.stat().st_size < 0.5 * 2**20
