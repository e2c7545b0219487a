import numpy as np
import pytest

from fer_keras.inference.drawing import OverlayFolder, draw_faces

ROW = {'label': 'happy', 'score': 0.9, 'left': 20.0, 'top': 30.0, 'right': 70.0, 'bottom': 80.0}


def test_a_box_is_drawn_around_the_face_and_the_picture_is_left_alone():
    image = np.zeros((120, 160, 3), np.uint8)
    drawn = draw_faces(image, [ROW])
    assert not image.any()
    assert drawn[80, 25:65].any(axis=-1).all() and drawn[35:75, 70].any(axis=-1).all()
    assert not drawn[40:70, 30:60].any() and not drawn[90:].any()


def test_a_crop_gets_its_label_without_a_box():
    image = np.zeros((120, 160, 3), np.uint8)
    drawn = draw_faces(image, [ROW | {'left': float('nan')}])
    assert drawn[:20].any() and not drawn[40:].any()


def test_a_label_stays_inside_the_picture():
    def label_pixels(left, top):
        image = np.zeros((120, 160, 3), np.uint8)
        row = ROW | {'left': left, 'top': top, 'right': left, 'bottom': top}
        return (draw_faces(image, [row]) == (255, 170, 0)).all(axis=-1).sum()

    inside = label_pixels(20.0, 60.0)
    assert label_pixels(155.0, 0.0) == pytest.approx(inside, rel=0.06)
    assert label_pixels(-40.0, 118.0) == pytest.approx(inside, rel=0.06)


def test_no_name_of_a_source_leaves_the_folder_or_replaces_another(tmp_path):
    folder = OverlayFolder(str(tmp_path / 'out'))
    image = np.zeros((8, 8, 3), np.uint8)
    sources = [
        '../../etc/passwd.jpg', '/etc/passwd.jpg', 'camera:0', '/a/..', '/', 'a/b/c.png',
        'x/b/c.png', 'b/' + 'long' * 70 + '.png', 'b/\udcff\n.png', 'b/..png', '.hidden/.x',
    ]  # fmt: skip
    paths = [folder.write(source, None, image) for source in sources]
    assert len(set(paths)) == len(sources)
    assert {path.resolve().parent for path in paths} == {tmp_path / 'out'}
    assert sorted(tmp_path.rglob('*.png')) == sorted(paths)


def test_frames_of_a_video_are_numbered(tmp_path):
    path = OverlayFolder(str(tmp_path)).write('trip/a.mp4', 7, np.zeros((8, 8, 3), np.uint8))
    assert path.name == 'trip_a.mp4_000007.png'
