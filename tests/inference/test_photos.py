import cv2
import numpy as np
import pytest

from fer_keras.inference import photos
from tests.fakes import png_bytes, random_images
from tfds_builders import picture_formats


def test_folders_stand_for_what_is_in_them(tmp_path):
    (tmp_path / 'inner').mkdir()
    for name in ('b.JPG', 'inner/a.png', 'clip.mp4', 'notes.txt'):
        (tmp_path / name).write_bytes(b'')
    names = [path.name for path in photos.list_inputs([str(tmp_path)])]
    assert names == ['b.JPG', 'clip.mp4', 'a.png']
    with pytest.raises(FileNotFoundError, match='does not exist'):
        photos.list_inputs([str(tmp_path / 'none')])


def test_a_pattern_stands_for_what_fits_it_unless_a_file_has_that_name(tmp_path):
    (tmp_path / 'inner').mkdir()
    for name in ('a.png', 'b.png', 'inner/c.png', '[a].png'):
        (tmp_path / name).write_bytes(b'')

    def names(pattern):
        return [path.name for path in photos.list_inputs([f'{tmp_path}/{pattern}'])]

    assert names('**/?.png') == ['a.png', 'b.png', 'c.png']
    assert names('inn*') == ['c.png']
    assert names('[a].png') == ['[a].png']
    with pytest.raises(FileNotFoundError, match='patterns'):
        names('*.jpg')


def write_video(path, values=range(0, 250, 50)):
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 10, (32, 32))
    for value in values:
        video.write(np.full((32, 32, 3), value, np.uint8))
    video.release()
    return path


def test_every_other_frame_of_a_video(tmp_path):
    path = write_video(tmp_path / 'clip.avi')
    frames = list(photos.read_video(path, every=2))
    # Ten frames a second.
    assert [(number, time) for number, time, _ in frames] == [(0, 0.0), (2, 0.2), (4, 0.4)]
    assert [round(float(frame.mean()), -1) for _, _, frame in frames] == [0, 100, 200]


def test_no_video_is_refused(tmp_path):
    (tmp_path / 'clip.mp4').write_bytes(b'none')
    with pytest.raises(ValueError, match='cannot be opened'):
        list(photos.read_video(tmp_path / 'clip.mp4', every=1))


def test_a_video_with_too_many_pixels_is_refused_before_it_is_decoded(monkeypatch, tmp_path):
    monkeypatch.setattr(picture_formats, 'LARGEST_PIXELS_UNREDUCED', 1000)
    with pytest.raises(ValueError, match='at most 1,000 pixels a frame. Received: 32x32'):
        next(photos.read_video(write_video(tmp_path / 'clip.avi'), every=1))


def test_a_video_that_breaks_off_says_so_after_its_frames(tmp_path):
    whole = write_video(tmp_path / 'whole.avi', range(100)).read_bytes()
    (tmp_path / 'half.avi').write_bytes(whole[: len(whole) // 2])
    read = list(photos.read_pictures([str(tmp_path / 'half.avi')], every=1, max_frames=0))
    assert 30 < len(read) < 70 and all(picture.image is not None for picture in read[:-1])
    assert 'breaks off after' in read[-1].problem and read[-1].image is None


def test_frames_that_cannot_be_decoded_are_counted(monkeypatch, tmp_path):
    class Damaged(Camera):
        def __init__(self, source):
            super().__init__(0)
            self.left = 6

        def grab(self):
            self.left -= 1
            return self.left >= 0

        def retrieve(self):
            return self.left % 2 == 0, np.zeros((24, 32, 3), np.uint8)

    monkeypatch.setattr(photos.cv2, 'VideoCapture', Damaged)
    read = list(photos.read_pictures(['clip.mp4'], every=1, max_frames=0))
    assert [picture.frame for picture in read] == [1, 3, 5, None]
    assert read[-1].problem == '3 frames of clip.mp4 are damaged.'


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
    monkeypatch.setattr(photos.cv2, 'VideoCapture', Camera)
    sources = photos.list_sources(['camera:0'])
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
