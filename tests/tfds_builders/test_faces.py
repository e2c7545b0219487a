"""Finding and cropping: geometry by hand, and the real detector on drawn faces."""

import cv2
import numpy as np
import pytest

from tfds_builders import demo, faces
from tfds_builders.photo_tasks import describe_face
from tfds_builders.pictures import read_picture


@pytest.fixture(scope='module')
def drawn_photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('demo')
    demo.write_demo_archives(folder, subjects=3)
    paths = sorted((folder / 'rafd').rglob('*.jpg'))[:6]
    return [read_picture(path) for path in paths]


def landmarks(eyes=((100, 100), (160, 100)), mouth=((105, 170), (155, 170))):
    return np.array([*eyes, (130, 135), *mouth], np.float32)


def test_the_larger_of_the_two_distances_sets_the_size():
    # 2.0 * 60 px between the eyes against 1.8 * 70 px from eyes to mouth.
    center, side, angle = faces.face_square(landmarks(), margin=0.3)
    assert side == pytest.approx(1.8 * 70 * 1.3)
    assert angle == 0
    np.testing.assert_allclose(center, (130, 100 + 0.55 * 70))


def test_a_turned_head_keeps_its_size():
    profile = landmarks(eyes=((100, 100), (120, 100)), mouth=((100, 170), (120, 170)))
    assert faces.face_square(profile, 0.3)[1] == pytest.approx(1.8 * 70 * 1.3)


def test_the_eyes_are_level_and_at_one_place_in_every_crop():
    for degrees, scale in ((0, 1.0), (20, 2.0), (-35, 6.0)):
        turn = cv2.getRotationMatrix2D((130, 135), degrees, scale)
        turn[:, 2] += 700 - turn @ (130, 135, 1)
        points = landmarks() @ turn[:, :2].T + turn[:, 2]
        image = np.zeros((1400, 1400, 3), np.uint8)
        for eye in points[:2]:
            cv2.circle(image, tuple(int(v) for v in eye.round()), int(4 * scale), (255,) * 3, -1)
        crop = faces.crop_face(image, faces.Face((0, 0, 1, 1), points.astype(np.float32), 1.0))
        halves = crop[:, :128, 0], crop[:, 128:, 0]
        (left_y, left_x), (right_y, right_x) = (
            [np.average(axis, weights=half[half > 9]) for axis in np.nonzero(half > 9)]
            for half in halves
        )
        # By hand: 256 / (1.8 * 70 * 1.3) px in the crop for each of these 60 and 0.55 * 70 px.
        assert left_y == pytest.approx(right_y, abs=1.5)
        assert right_x + 128 - left_x == pytest.approx(60 * 256 / 163.8, abs=2)
        assert left_y == pytest.approx(127.5 - 38.5 * 256 / 163.8, abs=2)


def test_a_strong_reduction_does_not_alias():
    stripes = np.tile(np.array([0, 255], np.uint8)[None, :, None], (2000, 1000, 3))
    points = landmarks(((500, 600), (1500, 600)), ((600, 1700), (1400, 1700)))
    crop = faces.crop_face(stripes, faces.Face((0, 0, 1, 1), points, 1.0))
    assert crop[64:192, 64:192].std() < 8


def test_the_real_detector_finds_drawn_faces_alone_as_in_a_batch(drawn_photos):
    found = faces.find_faces(drawn_photos)
    assert all(face is not None and face.confidence > 0.7 for face in found)
    alone = faces.find_face(drawn_photos[0])
    assert alone is not None
    np.testing.assert_allclose(alone.landmarks, found[0].landmarks, atol=0.1)
    left_eye, right_eye, _, mouth_left, _ = alone.landmarks
    assert left_eye[0] < right_eye[0] and left_eye[1] < mouth_left[1]


def test_the_largest_face_wins(drawn_photos):
    photo = drawn_photos[0]
    small = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    canvas = np.full((photo.shape[0], photo.shape[1] * 2, 3), 200, np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    canvas[:, photo.shape[1] :] = photo
    face = faces.find_face(canvas)
    assert face is not None and face.landmarks[0, 0] > photo.shape[1]


def test_without_a_face_the_largest_centred_square_stands_in():
    image = np.zeros((300, 500, 3), np.uint8)
    image[:, 100:400] = 255
    assert faces.find_face(image) is None
    assert faces.center_box(500, 300) == (100, 0, 400, 300)
    assert faces.center_crop(image).min() == 255
    described = describe_face(image, None)
    assert not described['detected'] and described['confidence'] == 0
    assert described['box'] == (0.0, 0.2, 1.0, 0.8)


def test_small_faces_are_looked_for_unless_they_are_not_wanted(drawn_photos):
    person, portrait = drawn_photos[0], faces.find_face(drawn_photos[0])
    bystander = cv2.resize(person, None, fx=0.1, fy=0.1, interpolation=cv2.INTER_AREA)
    photo = np.full((person.shape[0], 2 * person.shape[1], 3), person[0, 0], np.uint8)
    photo[:, : person.shape[1]] = person
    corner = np.array([person.shape[1] + 60, 100])
    height, width = bystander.shape[:2]
    photo[corner[1] : corner[1] + height, corner[0] : corner[0] + width] = bystander
    both = faces.find_all_faces([photo])[0]
    (large,) = faces.find_all_faces([photo], small_faces=False)[0]
    assert len(both) == 2
    middle = portrait.landmarks.mean(axis=0)
    np.testing.assert_allclose(both[1].landmarks.mean(axis=0), 0.1 * middle + corner, atol=3)
    np.testing.assert_allclose(large.landmarks.mean(axis=0), middle, atol=8)
