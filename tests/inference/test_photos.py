import cv2
import numpy as np

from fer_keras.inference import folders, photos, videos
from tests.fakes import png_bytes, random_images


def write_video(path, values=range(0, 250, 50)):
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 10, (32, 32))
    for value in values:
        video.write(np.full((32, 32, 3), value, np.uint8))
    video.release()
    return path


def test_every_other_frame_of_a_video(tmp_path):
    path = write_video(tmp_path / 'clip.avi')
    frames = list(videos.read_video(path, every=2))
    # Ten frames a second.
    assert [(frame.number, frame.time) for frame in frames] == [(0, 0.0), (2, 0.2), (4, 0.4)]
    assert [round(float(frame.image.mean()), -1) for frame in frames] == [0, 100, 200]


def test_what_cannot_be_read_is_told_and_the_next_source_follows(tmp_path):
    (tmp_path / 'good.png').write_bytes(png_bytes(random_images(1, 20)[0]))
    (tmp_path / 'bad.png').write_bytes(b'none')
    sources = [str(tmp_path / name) for name in ('bad.png', 'gone.png', 'good.png')]
    read = list(photos.read_pictures(sources, every=1, max_frames=0))
    assert [picture.image is None for picture in read] == [True, True, False]
    assert 'bad.png' in read[0].problem and 'gone.png' in read[1].problem


class Camera:
    """Stands in for `cv2.VideoCapture(0)`: one frame after the other, without an end."""

    def __init__(self, number):
        assert number == 0
        self.is_open = True

    def isOpened(self):
        return self.is_open

    def get(self, key):
        return {cv2.CAP_PROP_FRAME_WIDTH: 32.0, cv2.CAP_PROP_FRAME_HEIGHT: 24.0}.get(key, -1.0)

    def grab(self):
        return True

    def retrieve(self):
        return True, np.zeros((24, 32, 3), np.uint8)

    def release(self):
        self.is_open = False


def test_a_camera_gives_frames_until_there_are_enough(monkeypatch):
    monkeypatch.setattr(videos.cv2, 'VideoCapture', Camera)
    sources = folders.find_sources(['camera:0']).names
    read = list(photos.read_pictures(sources, every=3, max_frames=4))
    assert [(picture.source, picture.frame) for picture in read] == [
        ('camera:0', frame) for frame in (0, 3, 6, 9)
    ]


def test_the_number_of_pictures_is_known_beforehand_but_for_a_camera(tmp_path):
    video, photo = str(write_video(tmp_path / 'clip.avi')), str(tmp_path / 'a.png')
    assert photos.count_pictures([video, photo], every=2, max_frames=0) == 3 + 1
    assert photos.count_pictures([video, photo], every=1, max_frames=2) == 2 + 1
    assert photos.count_pictures([video, 'camera:0'], every=1, max_frames=0) is None
    assert photos.count_pictures([video, 'camera:0'], every=1, max_frames=2) == 4
