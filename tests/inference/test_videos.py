"""Videos as phones, browsers and broken transfers make them."""

import fractions
import os

import av
import cv2
import numpy as np
import pytest

from fer_keras.errors import InvalidInputError
from fer_keras.inference import photos, videos

FRAMES = 50


def write_video(path, codec='mpeg4', times=None, file_format=None, options=None):
    """Frames of growing brightness, 25 a second or at these seconds."""
    with av.open(str(path), 'w', format=file_format, options=options or {}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width = stream.height = 64
        stream.bit_rate = 4_000_000
        if times is not None:
            stream.codec_context.time_base = fractions.Fraction(1, 1000)
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        for number in range(FRAMES if times is None else len(times)):
            # Each frame takes as many bytes as any other.
            noise = np.random.default_rng(number).integers(0, 40, (64, 64, 3)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(noise + 3 * number, 'rgb24')
            if times is not None:
                frame.pts = round(times[number] * 1000)
                frame.time_base = fractions.Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read(path, every=1):
    """Its frames, and the problem after them."""
    frames, problem = [], ''
    try:
        for frame in videos.read_video(path, every):
            frames.append(frame)
    except InvalidInputError as error:
        problem = str(error)
    return frames, problem


@pytest.mark.parametrize(
    'name, codec',
    [
        ('a.mp4', 'libx264'), ('a.m4v', 'mpeg4'), ('a.MOV', 'mpeg4'), ('a.mkv', 'libx264'),
        ('a.webm', 'libvpx'), ('a.avi', 'mjpeg'), ('a.wmv', 'wmv2'), ('a.flv', 'flv'),
        ('a.mpg', 'mpeg1video'), ('a.ts', 'mpeg2video'), ('a.3gp', 'mpeg4'),
    ],
)  # fmt: skip
def test_videos_of_every_usual_kind_have_all_their_frames_with_their_times(name, codec, tmp_path):
    path = write_video(tmp_path / name, codec)
    frames, problem = read(path)
    assert (len(frames), problem) == (FRAMES, '')
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(50) / 25, atol=0.002)
    # By its content, whatever it is called.
    assert photos.is_video(str(path.rename(tmp_path / 'video.jpg')))


def test_a_frame_that_stays_or_hurries_has_its_own_time(tmp_path):
    times = [0, 0.02, 0.04, 2, 4, 4.02, 9]
    for name in ('slides.mkv', 'slides.mp4'):
        frames, problem = read(write_video(tmp_path / name, 'libx264', times=times))
        assert problem == ''
        np.testing.assert_allclose([frame.time for frame in frames], times, atol=0.03)


def test_a_video_that_does_not_say_its_length_is_whole(tmp_path):
    with open(tmp_path / 'live.webm', 'wb', buffering=0) as file:
        unseekable = type('Pipe', (), {'write': lambda self, data: file.write(bytes(data))})()
        with av.open(unseekable, 'w', format='webm') as container:
            stream = container.add_stream('libvpx', rate=25)
            stream.width = stream.height = 64
            for _ in range(10):
                image = np.zeros((64, 64, 3), np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, 'rgb24')))
            container.mux(stream.encode())
    frames, problem = read(tmp_path / 'live.webm')
    assert (len(frames), problem) == (10, '')
    assert videos.count_frames(tmp_path / 'live.webm') is None


def test_fragments_are_read_as_one(tmp_path):
    options = {'movflags': 'frag_keyframe+empty_moov'}
    frames, problem = read(write_video(tmp_path / 'a.mp4', options=options))
    assert (len(frames), problem) == (FRAMES, '')


def test_a_rotated_video_is_turned_upright(tmp_path):
    path = write_video(tmp_path / 'a.mp4')
    data = bytearray(path.read_bytes())
    # The matrix of the track: a quarter turn in place of none (ISO 14496-12, 8.3.2).
    place = data.index(b'tkhd') + 4 + 40
    one = (1 << 16).to_bytes(4, 'big')
    minus = (-(1 << 16)).to_bytes(4, 'big', signed=True)
    data[place : place + 20] = bytes(4) + one + bytes(4) + minus + bytes(4)
    (tmp_path / 'turned.mp4').write_bytes(data)
    first = next(videos.read_video(path, 1)).image
    turned = next(videos.read_video(tmp_path / 'turned.mp4', 1)).image
    np.testing.assert_array_equal(turned, np.rot90(first, -1))
    capture = cv2.VideoCapture(str(tmp_path / 'turned.mp4'))
    by_opencv = capture.read()[1][..., ::-1]
    np.testing.assert_allclose(turned.astype(int), by_opencv, atol=12)


def test_a_trimmed_video_is_whole(tmp_path):
    path = write_video(tmp_path / 'a.mp4')
    data = bytearray(path.read_bytes())
    place = data.index(b'elst') + 4 + 8
    length = int.from_bytes(data[place : place + 4], 'big')
    data[place : place + 4] = (length // 2).to_bytes(4, 'big')
    path.write_bytes(data)
    frames, problem = read(path)
    assert problem == '' and len(frames) == FRAMES // 2


@pytest.mark.parametrize('name', ['a.avi', 'a.mkv', 'fast.mp4', 'a.flv'])
def test_a_video_that_breaks_off_says_so_after_its_frames(name, tmp_path):
    codec = 'flv' if name.endswith('flv') else 'mpeg4'
    options = {'movflags': 'faststart'} if name == 'fast.mp4' else {}
    whole = write_video(tmp_path / name, codec, options=options).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    read_frames = list(photos.read_pictures([str(tmp_path / name)], every=1, max_frames=0))
    assert 10 < len(read_frames) < 40
    assert all(picture.image is not None for picture in read_frames[:-1])
    problem = read_frames[-1].problem
    assert name in problem and 'breaks off after' in problem and 'of 2.0 seconds' in problem


def test_a_recording_without_its_index_is_told_apart_from_nothing(tmp_path):
    path = write_video(tmp_path / 'a.mp4')
    path.write_bytes(path.read_bytes()[:2000])
    assert 'its recording was cut off' in read(path)[1]
    (tmp_path / 'empty.mp4').write_bytes(b'')
    assert 'is empty (0 bytes)' in read(tmp_path / 'empty.mp4')[1]
    (tmp_path / 'text.mp4').write_bytes(b'no video')
    assert 'cannot be opened as a video' in read(tmp_path / 'text.mp4')[1]


def test_damage_in_the_middle_is_counted_and_the_rest_read(tmp_path):
    path = write_video(tmp_path / 'a.mp4', 'libx264', options={'movflags': 'faststart'})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    noise = np.random.default_rng(0).integers(256, size=len(data) // 10).astype(np.uint8)
    data[middle : middle + len(noise)] = noise.tobytes()
    path.write_bytes(data)
    frames, problem = read(path)
    assert len(frames) > 20 and 'damaged; the others were read' in problem
    assert frames[-1].time > 1.5


def test_sound_alone_is_no_video(tmp_path):
    with av.open(str(tmp_path / 'song.mp4'), 'w') as container:
        stream = container.add_stream('aac', rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), 'fltp', 'mono')
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert read(tmp_path / 'song.mp4')[1].endswith('has no video in it, only audio.')


def test_a_name_that_is_no_utf_8_does_not_end_python(tmp_path):
    name = os.path.join(tmp_path, b'caf\xe9.avi'.decode(errors='surrogateescape'))
    os.rename(write_video(tmp_path / 'a.avi'), name)
    (picture, *_) = photos.read_pictures([name], every=1, max_frames=1)
    assert picture.source == name and picture.image.shape == (64, 64, 3)
    assert photos.count_pictures([name], every=1, max_frames=0) == FRAMES


def test_frames_of_too_many_pixels_are_refused_before_they_are_decoded(monkeypatch, tmp_path):
    monkeypatch.setattr(videos, 'LARGEST_FRAME_PIXELS', 1000)
    path = write_video(tmp_path / 'clip.avi')
    with pytest.raises(ValueError, match='at most 1,000 pixels a frame. Received: 64x64'):
        next(videos.read_video(path, every=1))


def test_pyav_and_opencv_read_in_one_process_in_turns(tmp_path):
    path = write_video(tmp_path / 'a.mkv', 'libx264')
    capture = cv2.VideoCapture(str(path))
    frames = videos.read_video(path, 1)
    for _ in range(20):
        other = capture.read()[1][..., ::-1]
        # Each converts colours by a table of its own.
        np.testing.assert_allclose(next(frames).image.mean(), other.mean(), atol=6)
