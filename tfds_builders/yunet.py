"""YuNet through OpenCV: the network of a file that the user has.

Wu, Peng & Yu (2023, Machine Intelligence Research 20), 75,000 parameters. The file is the one of
the OpenCV zoo, `face_detection_yunet`; this package holds no weights of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from tfds_builders.errors import InvalidDetectorError
from tfds_builders.faces import Face

# The longer side of what the network sees: photos are reduced to the first, and looked at again at
# the next if nothing was found. Of 100 faces that fill the picture, 70 are missed at 640, at 320
# one. Smaller photos stay as they are, and the smallest are enlarged to the last.
SEARCH_SIDES_PX = (640, 320, 160)
# Of 220 portraits none scored lower, and no second face of them higher; OpenCV's own 0.9 misses
# one in eight of a laboratory's.
SCORE, OVERLAP, MOST_PROPOSALS = 0.7, 0.3, 5000
# Of each output the numbers in a cell, and the cell's side in pixels.
_CHANNELS, _STRIDES_PX = {'cls': 1, 'obj': 1, 'bbox': 4, 'kps': 10}, (8, 16, 32)
OUTPUTS = {
    f'{kind}_{stride}': (channels, stride)
    for kind, channels in _CHANNELS.items()
    for stride in _STRIDES_PX
}


class YuNet:
    """Finds faces of all sizes in one pass. Not for several threads at once.

    >>> YuNet(b'no network', 'readme.txt')
    Traceback (most recent call last):
    ...
    tfds_builders.errors.InvalidDetectorError: readme.txt must be the ONNX file of YuNet, ...
    """

    def __init__(self, content: bytes, where: str) -> None:
        """Reads the network.

        Args:
            content: Of an ONNX file.
            where: Its path, for messages.

        Raises:
            InvalidDetectorError: It is no ONNX file, or another network than YuNet.
        """
        network = np.frombuffer(content, np.uint8)
        size = (SEARCH_SIDES_PX[-1], SEARCH_SIDES_PX[-1])
        with _quiet():
            try:
                _require_yunet(cv2.dnn.readNetFromONNX(network), size, where)
                self._network = cv2.FaceDetectorYN.create(
                    'onnx', network, np.zeros(0, np.uint8), size, SCORE, OVERLAP, MOST_PROPOSALS
                )
            except cv2.error as error:
                reason = ' '.join(str(error).rpartition(' error: ')[2].split())[:120]
                raise _invalid(where, f'what OpenCV cannot read as one ({reason})') from error

    def find_faces(self, images_rgb: Sequence[np.ndarray]) -> list[Face | None]:
        """The largest face of each image, as `find_all_faces` finds it; None if there is none."""
        return [people[0] if people else None for people in self.find_all_faces(images_rgb)]

    def find_all_faces(
        self, images_rgb: Sequence[np.ndarray], *, small_faces: bool = True
    ) -> list[list[Face]]:
        """Finds every face of each image, the largest first.

        Args:
            images_rgb: uint8 `[height, width, 3]` each, of any sizes.
            small_faces: Whether to look for faces down to a 32nd of the longer side, too. Without,
                down to a 16th: large photos are reduced to half the side, in a quarter of the time.
        """
        sides_px = SEARCH_SIDES_PX if small_faces else SEARCH_SIDES_PX[1:]
        return [self._find(image, sides_px) for image in images_rgb]

    def _find(self, image_rgb: np.ndarray, sides_px: Sequence[int]) -> list[Face]:
        longer = max(image_rgb.shape[:2])
        # A photo that is not reduced looks the same on two sides.
        sides = dict.fromkeys(max(min(longer, side), SEARCH_SIDES_PX[-1]) for side in sides_px)
        return next(filter(None, (self._search(image_rgb, side) for side in sides)), [])

    def _search(self, image_rgb: np.ndarray, side_px: int) -> list[Face]:
        height, width = image_rgb.shape[:2]
        scale = side_px / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        seen = cv2.resize(image_rgb, size, interpolation=method)
        # OpenCV itself pads to what the strides divide, at the right and below.
        self._network.setInputSize(size)
        _, rows = self._network.detect(np.ascontiguousarray(seen[..., ::-1]))
        by_axis = np.array([size[0] / width, size[1] / height])
        found = [] if rows is None else [_to_face(row, by_axis, (width, height)) for row in rows]
        return sorted(found, key=lambda face: -face.area)


def _require_yunet(network: cv2.dnn.Net, size: tuple[int, int], where: str) -> None:
    """Raises `InvalidDetectorError` for another network, which OpenCV would read all the same."""
    names = sorted(network.getUnconnectedOutLayersNames())
    if names != sorted(OUTPUTS):
        raise _invalid(where, f'a network with the outputs {", ".join(names)}')
    network.setInput(cv2.dnn.blobFromImage(np.zeros((*size, 3), np.uint8)))
    for name, found in zip(names, network.forward(names), strict=True):
        channels, stride = OUTPUTS[name]
        if found.size != channels * (size[0] // stride) * (size[1] // stride):
            raise _invalid(where, f'an output {name} of {found.size} numbers')


def _to_face(row: np.ndarray, scale: np.ndarray, size: tuple[int, int]) -> Face:
    """A row of OpenCV: left, top, width, height, five landmarks, score.

    The first landmark is the eye at the left of the picture, which OpenCV calls the right one of
    the person: the order is that of `faces.LANDMARK_NAMES`.
    """
    corners = np.stack([row[:2], row[:2] + row[2:4]]) / scale
    left, top, right, bottom = (float(value) for value in np.clip(corners, 0, size).ravel())
    landmarks = (row[4:14].reshape(5, 2) + 0.5) / scale - 0.5
    return Face((left, top, right, bottom), landmarks.astype(np.float32), float(row[14]))


def _invalid(where: str, what: str) -> InvalidDetectorError:
    return InvalidDetectorError(
        f'{where} must be the ONNX file of YuNet, such as face_detection_yunet of the OpenCV zoo. '
        f'Received: {what}.'
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV 5 notes for every network that it has only one kind of device."""
    logging = cv2.utils.logging
    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)
