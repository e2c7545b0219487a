"""The video with boxes and a timeline."""

import av
import numpy as np
import pytest

from fer_keras.errors import UnwritableFileError
from fer_keras.inference.expression_colours import as_rgb, colours_of
from fer_keras.inference.following import FollowedFrame
from fer_keras.inference.overlay_video import OverlayVideo
from fer_keras.inference.photos import Picture
from fer_keras.inference.smoothing import AnsweredFrame
from tests.fakes import face_at

NAMES = ('sad', 'happy')
SAD, HAPPY = (np.array(as_rgb(colour)) for colour in colours_of(NAMES))


def answered(number, time_s, tracks, size=(90, 161), source='a.mp4'):
    """A grey frame with a face for each track; the first class is the likelier where odd."""
    image = np.full((*size, 3), 90, np.uint8)
    picture = Picture(source, number, image, time=time_s)
    people = {track: face_at(40 + 60 * track, 45, size=30) for track in tracks}
    answers = {
        track: np.array([0.75, 0.25] if track % 2 else [0.25, 0.75], np.float32) for track in tracks
    }
    return AnsweredFrame(FollowedFrame(picture, time_s, people), answers, answers)


def write(path, frames):
    with OverlayVideo(str(path), NAMES) as video:
        for frame in frames:
            video.write(frame)
    with av.open(str(path)) as container:
        return [(float(f.time), f.to_ndarray(format='rgb24')) for f in container.decode(video=0)]


def test_each_frame_keeps_its_time_and_its_faces_have_boxes(tmp_path):
    times = [0, 0.04, 0.08, 2.0, 2.5]
    frames = write(tmp_path / 'out.mp4', [answered(i, t, [0, 1]) for i, t in enumerate(times)])
    np.testing.assert_allclose([time_s for time_s, _ in frames], times, atol=0.002)
    shape = frames[0][1].shape
    assert shape[0] % 2 == 0 and shape[1] == 162 and shape[0] > 90
    for _, image in frames:
        for track, colour in enumerate([HAPPY, SAD]):
            # The lower edge of a box is clear of its label.
            edge = image[60, 30 + 60 * track : 50 + 60 * track].mean(axis=0)
            np.testing.assert_allclose(edge, colour, atol=60)


def test_the_timeline_shows_who_was_there_when(tmp_path):
    frames = [answered(i, i / 5, [0] if i < 25 else []) for i in range(50)]
    last = write(tmp_path / 'out.mkv', frames)[-1][1]
    band = last[93:108].astype(int)  # Of the first person.
    is_happy = (np.abs(band - HAPPY).max(axis=2) < 60).mean(axis=0)
    left, right = is_happy[30:80].mean(), is_happy[110:150].mean()
    # Three quarters of the height in the older half, nothing in the newer.
    assert 0.55 < left < 0.95 and right == 0


def test_a_video_that_changes_its_size_is_written(tmp_path):
    frames = [answered(0, 0.0, [0]), answered(1, 0.1, [0], size=(180, 320)), answered(2, 0.2, [])]
    assert len(write(tmp_path / 'out.mp4', frames)) == 3


def test_after_an_error_no_half_video_is_left(tmp_path):
    with pytest.raises(KeyError), OverlayVideo(str(tmp_path / 'out.mp4'), NAMES) as video:
        video.write(answered(0, 0.0, [0]))
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_said_at_the_first_frame(tmp_path):
    (tmp_path / 'file').touch()
    video = OverlayVideo(str(tmp_path / 'file' / 'out.mp4'), NAMES)
    with pytest.raises(UnwritableFileError, match='cannot be written'), video:
        video.write(answered(0, 0.0, [0]))
