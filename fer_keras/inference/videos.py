"""Frames of videos by FFmpeg, through PyAV, and of cameras by OpenCV."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO, NamedTuple

import av
import cv2
import numpy as np

from fer_keras.errors import InvalidInputError, MissingFileError
from tfds_builders.picture_files import printable

# How names of videos end; a file is read by its content.
VIDEO_SUFFIXES = (
    *('.mp4', '.m4v', '.mov', '.3gp', '.3g2', '.mkv', '.webm', '.avi', '.wmv', '.asf', '.flv'),
    *('.mpg', '.mpeg', '.m2v', '.ts', '.mts', '.m2ts', '.vob', '.ogv', '.mxf', '.h264', '.mjpeg'),
)
# 8K; decoders keep up to 16 frames, which takes 0.9 GB.
LARGEST_FRAME_PIXELS = 36_000_000
# A video may end so much before its header says, which rounds.
_SECONDS_MISSING = 0.3
_SHARE_MISSING = 0.01
# And the last picture of a series of slides may stay as long as those before it did.
_GAPS_MISSING = 1.5
# Of these FFmpeg only guesses the length, by the bytes.
_WITHOUT_LENGTH = {'h264', 'hevc', 'mpegvideo', 'm4v', 'mjpeg', 'mpjpeg', 'vc1', 'av1', 'obu'}
# Of FFmpeg; and of Python's file, which a damaged header may ask for places that are none.
_ERRORS = (av.FFmpegError, OSError, ValueError)
# Titles and the like may be in any encoding. PyAV from 19 on takes them as they are, and no option.
_OPTIONS: dict[str, Any] = (
    {'metadata_errors': 'replace'} if int(av.__version__.split('.')[0]) < 19 else {}
)
_CAMERA = re.compile(r'camera:(\d+)')


class Frame(NamedTuple):
    """A frame of a video.

    Attributes:
        number: From 0; frames that cannot be decoded count.
        time: Seconds from the start of the video; None for a camera.
        image: uint8 `[height, width, 3]`, RGB, upright.

    >>> Frame(3, 0.12, np.zeros((2, 2, 3), np.uint8)).time
    0.12
    """

    number: int
    time: float | None
    image: np.ndarray


def camera_of(source: str) -> int | None:
    """The number of a camera, of `camera:0`; None for a file.

    >>> camera_of('camera:1'), camera_of('clip.mp4')
    (1, None)
    """
    match = _CAMERA.fullmatch(source)
    return int(match[1]) if match else None


def read_camera(number: int, every: int) -> Iterator[Frame]:
    """Every n-th frame of a camera, until it is switched off.

    Raises:
        InvalidInputError: It cannot be opened.
    """
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise InvalidInputError(
                f'camera:{number} cannot be opened: is it plugged in, and used by no other program?'
            )
        count = 0
        while camera.grab():
            if count % every == 0:
                is_whole, frame = camera.retrieve()
                if is_whole:
                    yield Frame(count, None, frame[:, :, ::-1])
            count += 1
    finally:
        camera.release()


def read_video(source: str | os.PathLike[str], every: int) -> Iterator[Frame]:
    """Every n-th frame of a video file, one by one, turned upright.

    Raises:
        InvalidInputError: It is no video or has none in it, its frames are too large, or, after
            those that can be read, it breaks off or some cannot be decoded.
        MissingFileError: There is no such file.
    """
    name = printable(os.fspath(source))
    # By the opened file: a name that is no UTF-8 would end the process.
    with _open_file(source, name) as file, _open_container(file, name) as container:
        yield from _Reader(container, name).read(every)


def count_frames(source: str | os.PathLike[str]) -> int | None:
    """About how many frames a video has, as it says itself; None where it does not."""
    name = printable(os.fspath(source))
    try:
        with _open_file(source, name) as file, _open_container(file, name) as container:
            stream = _find_stream(container, name)
            seconds = _expected_seconds(container, stream)
            counts = [stream.frames, round(seconds * float(stream.average_rate or 0))]
            # A trimmed video says how many frames are in the file, and how long it is shown.
            return min(filter(None, counts), default=None)
    except (InvalidInputError, MissingFileError):
        return None


class _Reader:
    """Decodes one video, and counts what is wrong with it."""

    def __init__(self, container: av.container.InputContainer, name: str) -> None:
        self._container = container
        self._name = name
        self._stream = _find_stream(container, name)
        self._start = (container.start_time or 0) / av.time_base
        self._number = self._damaged = self._corrupt = 0
        self._time = self._reached = self._longest_gap = 0.0
        self._reason = ''

    def read(self, every: int) -> Iterator[Frame]:
        for packet in self._packets():
            for frame in self._decode(packet):
                number, self._number = self._number, self._number + 1
                if frame.is_corrupt:
                    self._damaged += 1
                    continue
                time = self._time_of(frame)
                if number % every == 0:
                    _require_size(self._name, frame.width, frame.height)
                    yield Frame(number, time, _to_rgb(frame))
        self._require_whole()

    def _packets(self) -> Iterator[av.Packet]:
        """Packets of the video; those of the sound only tell how far the file goes."""
        try:
            for packet in self._container.demux():
                if packet.pts is not None and packet.time_base is not None:
                    end = (packet.pts + (packet.duration or 0)) * packet.time_base
                    self._reached = max(self._reached, float(end) - self._start)
                if packet.stream.index == self._stream.index:
                    self._corrupt += packet.is_corrupt
                    yield packet
        except _ERRORS as error:
            self._reason = _say(error)

    def _decode(self, packet: av.Packet) -> list[av.VideoFrame]:
        try:
            return [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
        except _ERRORS:
            # What follows may be whole, and is numbered as if this had been.
            self._damaged += 1
            self._number += 1
            return []

    def _time_of(self, frame: av.VideoFrame) -> float:
        """Seconds from the start; where the frame does not say, one frame after the last."""
        if frame.pts is not None and frame.time_base is not None:
            time = float(frame.pts * frame.time_base) - self._start
            self._longest_gap = max(self._longest_gap, time - self._time)
            self._time = time
        elif self._number > 1:
            rate = self._stream.average_rate or self._stream.guessed_rate or Fraction(25)
            self._time += float(1 / rate)
        return round(self._time, 6)

    def _require_whole(self) -> None:
        name, number = self._name, self._number
        if not number:
            raise InvalidInputError(
                f'{name} has no frame that can be decoded: is it cut off, or a stream of which the '
                f'start is missing? {self._reason}'.strip()
            )
        expected = _expected_seconds(self._container, self._stream)
        missing = expected - max(self._reached, self._time)
        allowed = _SECONDS_MISSING + _SHARE_MISSING * expected
        is_short = missing > max(allowed, _GAPS_MISSING * self._longest_gap)
        if is_short or self._reason:
            length = f' of {expected:.1f}' if is_short else ''
            raise InvalidInputError(
                f'{name} breaks off after {number} frames, {self._time:.1f}{length} seconds. '
                f'{self._reason}'.strip()
            )
        damaged = max(self._damaged, self._corrupt)
        if damaged:
            frames = 'frame is' if damaged == 1 else 'frames are'
            raise InvalidInputError(
                f'{name}: at least {damaged} {frames} damaged; the others were read.'
            )


def _open_file(source: str | os.PathLike[str], name: str) -> BinaryIO:
    try:
        return open(source, 'rb')
    except FileNotFoundError as error:
        raise MissingFileError(f'{name} does not exist.') from error
    except OSError as error:
        raise InvalidInputError(f'{name} cannot be opened: {error.strerror}.') from error


def _open_container(file: BinaryIO, name: str) -> av.container.InputContainer:
    try:
        return av.open(file, 'r', **_OPTIONS)
    except _ERRORS as error:
        file.seek(0, os.SEEK_END)
        if not file.tell():
            raise InvalidInputError(f'{name} is empty (0 bytes): copy it again.') from error
        raise InvalidInputError(
            f'{name} cannot be opened as a video: it is none, is damaged at its start, or its '
            f'recording was cut off. {_say(error)}'.strip()
        ) from error


def _find_stream(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """The video of a file, which may hold a picture of its cover, too."""
    videos = [
        stream
        for stream in container.streams.video
        if not stream.disposition & av.stream.Disposition.attached_pic
    ]
    if not videos:
        others = ', '.join(sorted({stream.type for stream in container.streams})) or 'nothing'
        raise InvalidInputError(f'{name} has no video in it, only {others}.')
    stream = videos[0]
    if stream.codec_context is None:
        raise InvalidInputError(
            f'{name} is of a kind that FFmpeg cannot decode here: save it as MP4 (H.264).'
        )
    _require_size(name, stream.codec_context.width, stream.codec_context.height)
    # Sizes may change on the way.
    stream.codec_context.options = {'max_pixels': str(LARGEST_FRAME_PIXELS)}
    return stream


def _require_size(name: str, width: int, height: int) -> None:
    if width * height > LARGEST_FRAME_PIXELS:
        raise InvalidInputError(
            f'{name} must have at most {LARGEST_FRAME_PIXELS:,} pixels a frame. '
            f'Received: {width}x{height}. Save it smaller.'
        )


def _expected_seconds(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """How long the video says it is; 0 where it does not, or where that is a guess."""
    if container.format.name in _WITHOUT_LENGTH:
        return 0.0
    if container.format.name == 'avi' and stream.frames and stream.average_rate:
        # FFmpeg takes the length of one that is cut off from the bytes that are left.
        return float(stream.frames / stream.average_rate)
    if stream.duration is not None and stream.time_base is not None:
        return max(0.0, float(stream.duration * stream.time_base))
    return max(0, container.duration or 0) / av.time_base


def _to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """uint8 `[height, width, 3]`, turned as the display matrix says."""
    image = frame.to_ndarray(format='rgb24')
    # Degrees counter-clockwise.
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _say(error: Exception) -> str:
    reason = getattr(error, 'strerror', None)
    return f'(FFmpeg: {reason})' if reason else ''
