"""The graph against `tfds_builders.mtcnn`, and its crops against those of the data sets."""

import functools

import cv2
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.faces import detector as face_detector
from fer_keras.faces.crops import crop_faces
from tests.fakes import portraits, random_images
from tests.same_faces import assert_same_faces
from tfds_builders import faces, mtcnn


@pytest.fixture(scope='module')
def people():
    return portraits(3)


@pytest.fixture(scope='module')
def crop():
    @tf.function(reduce_retracing=True)
    def call(image, landmarks):
        return crop_faces(image, landmarks[None], 256)[0]

    return lambda image, face: call(tf.constant(image), tf.constant(face.landmarks)).numpy()


def test_the_canvas_is_that_of_the_data_sets(people):
    for photo in (people[0], people[0][:, :40], cv2.resize(people[0], (90, 60))):
        for side_px in faces.SEARCH_SIDES_PX:
            expected, expected_scale = faces.on_canvas(photo, side_px)
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
        assert_same_faces(find(tf.constant(photo)), expected)


def test_a_photo_of_gravel_cannot_fill_the_memory(monkeypatch):
    monkeypatch.setattr(mtcnn, 'PROPOSAL_LOGIT', -np.inf)  # Everything is proposed.
    monkeypatch.setattr(mtcnn, 'MOST_PROPOSALS', 40)
    detector = face_detector.FaceDetector()
    image = tf.constant(random_images(1, 224)[0] / 128 - 1, tf.float32)
    assert 1 <= detector._propose(image).shape[0] <= 40


def test_boxes_suppress_as_the_package_has_it():
    # By hand: the second box overlaps the first, the third only the second, so that a greedy
    # suppression would keep the third.
    boxes = tf.constant([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], tf.float32)
    overlap = face_detector.overlaps(boxes)
    np.testing.assert_allclose(overlap[0], [1, 60 / 140, 20 / 180], rtol=1e-6)
    share = face_detector.overlaps(boxes, of_smaller=True)
    np.testing.assert_allclose(share[0], [1, 0.6, 0.2], rtol=1e-6)
    assert face_detector.unsuppressed(overlap > 0.4).numpy().tolist() == [0]


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
