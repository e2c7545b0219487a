"""A video with boxes, the numbers of people, their expressions and a timeline below."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from types import TracebackType
from typing import NamedTuple

import av
import cv2
import numpy as np

from fer_keras.files import whole_file
from fer_keras.inference.drawing import FONT, draw_box
from fer_keras.inference.expression_colours import as_rgb, colours_of
from fer_keras.inference.smoothing import AnsweredFrame

# Of the timeline below the picture: how long it is, and for how many people.
_SECONDS, _MOST_PEOPLE = 10.0, 4
# A colour of the timeline ends so long after the last answer, or after so many frames.
_LONGEST_GAP_S, _LONGEST_GAP_FRAMES = 0.5, 1.5
# A grey line of one pixel is lost on skin, and in the video's compression.
_BOX_LINE_PX = 3
_TIME_BASE = Fraction(1, 1000)
_PAPER, _INK, _LINE = (250, 250, 250), (30, 30, 30), (215, 215, 215)


class _Sample(NamedTuple):
    """What a person showed in a frame: a class and its smoothed probability."""

    time_s: float
    best: int
    score: float


class OverlayVideo:
    """Writes a video as its frames are answered, H.264 without sound, each frame at its own time.

    Boxes and the timeline below the picture have the colour of the likeliest expression after
    smoothing; the height of the timeline is its probability. The timeline shows the last
    10 seconds of at most four people, those who were seen most in them.

    >>> import os, tempfile
    >>> from fer_keras.inference.following import FollowedFrame
    >>> from fer_keras.inference.photos import Picture
    >>> picture = Picture('a.mp4', 0, np.full((90, 160, 3), 90, np.uint8), time=0.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with OverlayVideo(f'{folder}/out.mp4', ['sad', 'happy']) as video:
    ...         video.write(AnsweredFrame(FollowedFrame(picture, 0.0, {}), {}, {}))
    ...     print(os.listdir(folder))
    ['out.mp4']
    """

    def __init__(self, path: str, names: Sequence[str]) -> None:
        """Opens nothing before the first frame.

        Args:
            path: The video to write.
            names: Of the classes.
        """
        self._path = path
        self._drawing = _Drawing(names)
        self._stack = contextlib.ExitStack()
        self._stream: av.VideoStream | None = None
        self._pts = -1

    def __enter__(self) -> OverlayVideo:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._stream is not None and kind is None:
            self._container.mux(self._stream.encode())
        # The container is closed before the file gets its name; after an error it gets none.
        self._stack.__exit__(kind, error, traceback)

    def write(self, answered: AnsweredFrame) -> None:
        """Appends a frame; what ended the video is none.

        Raises:
            UnwritableFileError: The file cannot be written.
        """
        if answered.frame.picture.image is None:
            return
        canvas = self._drawing.draw(answered)
        stream = self._stream or self._open(canvas)
        if canvas.shape[:2] != (stream.height, stream.width):
            # A video may change its size on the way.
            canvas = cv2.resize(canvas, (stream.width, stream.height))
        frame = av.VideoFrame.from_ndarray(canvas, 'rgb24')
        self._pts = max(self._pts + 1, round(answered.frame.time_s / _TIME_BASE))
        frame.pts, frame.time_base = self._pts, _TIME_BASE
        self._container.mux(stream.encode(frame))

    def _open(self, canvas: np.ndarray) -> av.VideoStream:
        unfinished = self._stack.enter_context(whole_file(self._path))
        self._container = self._stack.enter_context(av.open(unfinished, 'w'))
        stream = self._container.add_stream('libx264', rate=25, options={'crf': '21'})
        # Frames have their own times: the rate is only what players say.
        stream.codec_context.time_base = _TIME_BASE
        stream.height, stream.width = canvas.shape[:2]
        stream.pix_fmt = 'yuv420p'
        self._stream = stream
        return stream


class _Drawing:
    """Draws a frame, and what was before it below."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._colours = [as_rgb(colour) for colour in colours_of(names)]
        self._history: dict[int, deque[_Sample]] = {}
        self._before_s: float | None = None
        self._gap_s = _LONGEST_GAP_S

    def draw(self, answered: AnsweredFrame) -> np.ndarray:
        """The frame with its timeline, uint8 `[height, width, 3]`, RGB, of even sides."""
        now, image = answered.frame.time_s, answered.frame.picture.image
        if self._before_s is not None:
            self._gap_s = max(_LONGEST_GAP_S, _LONGEST_GAP_FRAMES * (now - self._before_s))
        self._before_s = now
        canvas = np.array(image)
        for track, face in answered.frame.people.items():
            smoothed = answered.smoothed[track]
            best = int(smoothed.argmax())
            text = f'{track} {self._names[best]} {smoothed[best]:.0%}'
            draw_box(canvas, face.box, text, self._colours[best], thinnest=_BOX_LINE_PX)
            samples = self._history.setdefault(track, deque())
            samples.append(_Sample(now, best, float(smoothed[best])))
        self._forget(now)
        whole = np.vstack([canvas, self._draw_timeline(now, canvas.shape[1])])
        height, width = whole.shape[:2]
        return cv2.copyMakeBorder(whole, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)

    def _forget(self, now: float) -> None:
        for track, samples in list(self._history.items()):
            while samples and now - samples[0].time_s > _SECONDS:
                samples.popleft()
            if not samples:
                del self._history[track]

    def _draw_timeline(self, now: float, width: int) -> np.ndarray:
        unit = max(12, round(width / 40))
        row_height, scale = round(1.5 * unit), unit / 30
        line = max(1, round(1.6 * scale))
        strip = np.full((row_height * _MOST_PEOPLE + 2 * unit, width, 3), _PAPER, np.uint8)
        most = sorted(self._history, key=lambda track: -len(self._history[track]))
        left = 2 * unit
        for place, track in enumerate(sorted(most[:_MOST_PEOPLE])):
            top = place * row_height
            where = (unit // 3, top + row_height - unit // 3)
            cv2.putText(strip, str(track), where, FONT, scale, _INK, line, cv2.LINE_AA)
            band = strip[top + 2 : top + row_height - 1, left : width - unit // 2]
            self._fill(band, self._history[track], now)
        for place in range(1, _MOST_PEOPLE + 1):
            strip[place * row_height, left : width - unit // 2] = _LINE
        self._draw_legend(strip[row_height * _MOST_PEOPLE :], unit)
        return strip

    def _fill(self, band: np.ndarray, samples: deque[_Sample], now: float) -> None:
        """Paints the answers of one person into a part of the strip, the newest on the right."""
        height, width = band.shape[:2]
        moments = now - _SECONDS * (1 - (np.arange(width) + 1) / width)
        times = np.array([one.time_s for one in samples])
        which = np.searchsorted(times, moments, side='right') - 1
        is_seen = (which >= 0) & (moments - times[which] < self._gap_s)
        best = np.array([one.best for one in samples])[which]
        tops = height * (1 - np.array([one.score for one in samples])[which])
        is_painted = is_seen & (np.arange(height)[:, None] >= tops)
        colours = np.array(self._colours, np.uint8)[best]
        band[:] = np.where(is_painted[..., None], colours, band)

    def _draw_legend(self, strip: np.ndarray, unit: int) -> None:
        """The name of each class beside its colour."""
        share = strip.shape[1] / len(self._names)
        widest = max(cv2.getTextSize(name, FONT, 1.0, 1)[0][0] for name in self._names)
        scale = min(unit / 34, (share - 1.1 * unit) / widest)
        line = max(1, round(1.6 * scale))
        for place, (name, colour) in enumerate(zip(self._names, self._colours, strict=True)):
            left, middle = round(place * share) + unit // 4, strip.shape[0] // 2
            corner = (left + unit // 2, middle + unit // 4)
            cv2.rectangle(strip, (left, middle - unit // 4), corner, colour, -1)
            if scale > 0:
                below = (left + round(0.75 * unit), middle + unit // 3)
                cv2.putText(strip, name, below, FONT, scale, _INK, line, cv2.LINE_AA)
