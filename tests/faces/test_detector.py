"""The graph against the package `mtcnn`, and its crops against those of the data sets."""

import functools
from pathlib import Path

import cv2
import joblib
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.faces import detector as face_detector
from fer_keras.faces.crops import crop_faces
from fer_keras.faces.networks import load_networks
from tests.fakes import portraits, random_images
from tfds_builders import faces


@pytest.fixture(scope='module')
def people():
    return portraits(3)


@pytest.fixture(scope='module')
def crop():
    @tf.function(reduce_retracing=True)
    def call(image, landmarks):
        return crop_faces(image, landmarks[None], 256)[0]

    return lambda image, face: call(tf.constant(image), tf.constant(face.landmarks)).numpy()


@pytest.mark.parametrize('side_px', faces.SEARCH_SIDES_PX)
def test_the_graph_finds_what_the_package_finds(side_px, people):
    noise = random_images(1, side_px)[0]
    crowd = np.hstack([people[0], cv2.flip(people[1], 1), people[2]])
    canvases = [faces._on_canvas(photo, side_px)[0] for photo in (*people, crowd, noise)]
    expected = np.concatenate(
        [
            np.insert(faces.detect_with_package([canvas])[:, 1:], 0, number, axis=1)
            for number, canvas in enumerate(canvases)
        ]
    )
    assert np.bincount(expected[:, 0].astype(int)).tolist()[:3] == [1, 1, 1]
    found = face_detector.detect_rows(canvases)
    assert found.shape == expected.shape
    # Pixels of the canvas, and the share of the score. Proposals that both score exactly 1 are
    # ranked by chance in the package, which may move one face by a few pixels.
    difference = np.abs(found - expected).max(axis=1)
    assert (difference < 0.01).sum() >= len(expected) - 1 and difference.max() < 5


def test_nothing_is_found_on_a_wall():
    wall = np.full((224, 224, 3), 200, np.uint8)
    assert face_detector.detect_rows([wall, wall]).shape == (0, 16)


def test_the_canvas_is_that_of_the_data_sets(people):
    for photo in (people[0], people[0][:, :40], cv2.resize(people[0], (90, 60))):
        for side_px in faces.SEARCH_SIDES_PX:
            expected, expected_scale = faces._on_canvas(photo, side_px)
            canvas, scale = face_detector.on_canvas(tf.constant(photo), side_px)
            np.testing.assert_allclose(canvas, expected, atol=faces.CANVAS_TOLERANCE)
            np.testing.assert_allclose(scale, expected_scale, rtol=1e-6)


@pytest.mark.parametrize('small_faces', [True, False])
def test_whole_photos_have_the_faces_of_the_data_sets(small_faces, people):
    find = tf.function(
        functools.partial(face_detector.FaceDetector().find_all_faces, small_faces=small_faces),
        input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)],
    )
    crowd = np.hstack(people)
    for photo in (people[0], crowd, np.full((90, 60, 3), 200, np.uint8)):
        expected = faces.find_all_faces([photo], small_faces=small_faces)[0]
        boxes, landmarks, scores = find(tf.constant(photo))
        assert len(boxes) == len(expected)
        for number, face in enumerate(expected):
            # A grey level on the canvas is rounded otherwise here and there.
            for value, own, tolerance in (
                (boxes[number], face.box, faces.BOX_TOLERANCE_PX),
                (landmarks[number], face.landmarks, faces.LANDMARK_TOLERANCE_PX),
                (scores[number], face.confidence, faces.CONFIDENCE_TOLERANCE),
            ):
                np.testing.assert_allclose(value, own, atol=tolerance)


def test_a_photo_of_gravel_cannot_fill_the_memory(monkeypatch):
    monkeypatch.setattr(face_detector, '_PROPOSAL_LOGIT', -np.inf)  # Everything is proposed.
    monkeypatch.setattr(face_detector, '_MOST_PROPOSALS', 40)
    detector = face_detector.FaceDetector()
    image = tf.constant(random_images(1, 224)[0] / 128 - 1, tf.float32)
    assert 1 <= detector._propose(image).shape[0] <= 40


def test_boxes_suppress_as_the_package_has_it():
    # By hand: the second box overlaps the first, the third only the second, so that a greedy
    # suppression would keep the third.
    boxes = tf.constant([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], tf.float32)
    overlap = face_detector._overlap(boxes)
    np.testing.assert_allclose(overlap[0], [1, 60 / 140, 20 / 180], rtol=1e-6)
    share = face_detector._overlap(boxes, of_smaller=True)
    np.testing.assert_allclose(share[0], [1, 0.6, 0.2], rtol=1e-6)
    assert face_detector._unsuppressed(overlap > 0.4).numpy().tolist() == [0]


SAME = (faces.MEAN_CROP_TOLERANCE, faces.CROP_TOLERANCE)
REDUCED = (faces.MEAN_REDUCED_CROP_TOLERANCE, faces.REDUCED_CROP_TOLERANCE)


@pytest.mark.parametrize('scale, tolerances', [(0.5, SAME), (1, SAME), (4, REDUCED)])
def test_the_crop_is_that_of_the_data_sets(scale, tolerances, people, crop):
    photo = cv2.resize(people[0], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    face = faces.find_face(photo)
    difference = np.abs(crop(photo, face) - faces.crop_face(photo, face))
    assert difference.mean() < tolerances[0] and difference.max() <= tolerances[1]


def test_a_crop_repeats_the_edge_of_the_photo(people, crop):
    face = faces.find_face(people[0])
    left, top, right, bottom = (round(side) for side in face.box)
    cut = people[0][top : (top + bottom) // 2, left:right]
    moved = faces.Face(face.box, face.landmarks - np.float32([left, top]), 1.0)
    difference = np.abs(crop(cut, moved) - faces.crop_face(cut, moved))
    assert difference.max() <= faces.CROP_TOLERANCE
    beyond = faces.Face(face.box, face.landmarks + 5000, 1.0)
    np.testing.assert_array_equal(crop(cut, beyond), faces.crop_face(cut, beyond))


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path('ran'),)


def test_weights_in_the_current_folder_are_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('pnet', 'rnet', 'onet'):
        joblib.dump(Bomb(), f'{name}.lz4')
        joblib.dump(Bomb(), name)
    shapes = [[array.shape for array in net] for net in load_networks()]
    assert shapes[0][0] == (3, 3, 3, 10) and len(shapes) == 3
    faces._detector.__wrapped__()
    assert not Path('ran').exists()
    joblib.load('pnet.lz4')  # They would have been noticed.
    assert Path('ran').exists()
