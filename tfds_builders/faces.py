"""Finds the face in a photo, levels its eyes and crops it.

face = find_face(image)
crop = crop_face(image, face) if face else center_crop(image)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import cv2
import numpy as np

from tfds_builders.mtcnn import detect_rows
from tfds_builders.pictures import shrink_by

LANDMARK_NAMES = ('left_eye', 'right_eye', 'nose', 'mouth_left', 'mouth_right')
CROP_SIZE_PX = 256
# A share of the face's size. The sibling paper SAF-BAGE (Mavani et al. 2018) adds 30 % to the box
# of its detector; ours is added to the size that the landmarks give.
CROP_MARGIN = 0.3
# Where the middle of the crop lies on the way from the eyes (0) to the mouth (1).
CENTER_TO_MOUTH = 0.55
# A face's size, in distances between the eyes and in distances from the eyes to the mouth.
SIZE_BY_EYES, SIZE_BY_MOUTH, SMALLEST_SIZE_PX = 2.0, 1.8, 1.0
# The warp looks at four pixels only, so a stronger reduction would alias: areas are averaged first.
SMALLEST_WARP_SCALE = 0.5

# Photos are searched on a square canvas of this side, and again on the larger one if nothing was
# found. The detector's smallest face is 20 px, so 224 finds a face that fills a tenth of the photo.
SEARCH_SIDES_PX = (224, 512)
CANVAS_GREY = 127  # The detector's zero.

# How far `fer_keras.faces`, the same in TensorFlow, may be off; tests hold it. A canvas and a crop
# are in grey levels. Where a crop is reduced by areas, the grid of the areas starts at the face
# there and at the photo's corner here.
CANVAS_TOLERANCE = 1
BOX_TOLERANCE_PX = LANDMARK_TOLERANCE_PX = 1.0
CONFIDENCE_TOLERANCE = 0.02
CROP_TOLERANCE, MEAN_CROP_TOLERANCE = 1, 0.01
REDUCED_CROP_TOLERANCE, MEAN_REDUCED_CROP_TOLERANCE = 24, 0.5


@dataclasses.dataclass(frozen=True)
class Face:
    """A face in an image; positions are pixels from the top left corner.

    Attributes:
        box: Left, top, right and bottom, inside the image.
        landmarks: float32 `[5, 2]`, x and y in the order of `LANDMARK_NAMES`. Left and right are
            those of the picture. Points may lie outside the image.
        confidence: The detector's, in [0, 1].

    >>> Face((10, 20, 40, 60), np.zeros((5, 2), np.float32), confidence=0.9).area
    1200
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    confidence: float

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


def find_face(image_rgb: np.ndarray) -> Face | None:
    """Finds the largest face of an image, uint8 `[height, width, 3]`; None if there is none."""
    return find_faces([image_rgb])[0]


def find_faces(images_rgb: Sequence[np.ndarray]) -> list[Face | None]:
    """Finds the largest face of each image.

    The largest is whoever the photo is of; a face in the background may be the surer one. In the
    204 photos of the Face Research Lab London Set a second face was found in one, and the largest
    was the surest in all: a crop by the other rule would be the same.

    Args:
        images_rgb: uint8 `[height, width, 3]` each, of any sizes.

    Returns:
        For each image its largest face, or None.
    """
    found: list[Face | None] = [None] * len(images_rgb)
    for side_px in SEARCH_SIDES_PX:
        missing = [i for i, face in enumerate(found) if face is None]
        if missing:
            faces = search([images_rgb[i] for i in missing], side_px)
            for i, ranked in zip(missing, faces, strict=True):
                found[i] = ranked[0] if ranked else None
    return found


def find_all_faces(
    images_rgb: Sequence[np.ndarray], *, small_faces: bool = True
) -> list[list[Face]]:
    """Finds every face of each image, the largest first.

    A picture of one person gets the very face of `find_faces`, so that it is cropped as the data
    sets are; a crowd is searched on the larger canvas, down to a 25th of its longer side.

    Args:
        images_rgb: uint8 `[height, width, 3]` each, of any sizes.
        small_faces: Whether to look for faces below an 11th of the longer side, too: that takes
            two thirds of the time.
    """
    small_side, large_side = SEARCH_SIDES_PX
    if not small_faces:
        return search(images_rgb, small_side)
    crowds = search(images_rgb, large_side)
    alone = [i for i, faces in enumerate(crowds) if len(faces) < 2]
    if alone:
        portraits = search([images_rgb[i] for i in alone], small_side)
        for i, portrait in zip(alone, portraits, strict=True):
            crowds[i] = portrait[:1] or crowds[i]
    return crowds


def crop_face(
    image_rgb: np.ndarray, face: Face, size_px: int = CROP_SIZE_PX, margin: float = CROP_MARGIN
) -> np.ndarray:
    """Turns the eyes level and crops the face.

    Args:
        image_rgb: uint8 `[height, width, 3]`.
        face: What `find_face` gave for this image.
        size_px: Side of the crop.
        margin: What is added to the face's size, as a share of it.

    Returns:
        uint8 `[size_px, size_px, 3]`; where the crop leaves the image, its edge is repeated (a
        mirrored border would show a second ear).
    """
    center, side, angle = face_square(face.landmarks, margin)
    scale = size_px / side
    reduction = scale / SMALLEST_WARP_SCALE
    if reduction < 1:
        image_rgb = shrink_by(image_rgb, reduction)
        center = (center + 0.5) * reduction - 0.5
        scale = SMALLEST_WARP_SCALE
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    middle = (size_px - 1) / 2
    warp = np.array(
        [
            [cos, sin, middle - cos * center[0] - sin * center[1]],
            [-sin, cos, middle + sin * center[0] - cos * center[1]],
        ]
    )
    crop: np.ndarray = cv2.warpAffine(
        image_rgb, warp, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return crop


def face_square(landmarks: np.ndarray, margin: float) -> tuple[np.ndarray, float, float]:
    """The square that holds a face from the brows to the chin.

    The size is that of Karras, Laine & Aila (2019, appendix C), `max(2.0 * eye distance, 1.8 * eye
    to mouth distance)`: one of the two always survives a turned head. They take a square of twice
    that size around the hair; ours is `1 + margin` times it and lies lower, with the middle between
    eyes and mouth, because brows and an open jaw should be inside and hair need not.

    Args:
        landmarks: float32 `[5, 2]`, see `Face`.
        margin: What is added to the size, as a share of it.

    Returns:
        The centre (x, y), the side, both in pixels, and the clockwise angle of the line between the
        eyes in radians.
    """
    left_eye, right_eye, _, mouth_left, mouth_right = np.asarray(landmarks, np.float64)
    eyes, mouth = (left_eye + right_eye) / 2, (mouth_left + mouth_right) / 2
    across, down = right_eye - left_eye, mouth - eyes
    size = max(
        SIZE_BY_EYES * math.hypot(*across), SIZE_BY_MOUTH * math.hypot(*down), SMALLEST_SIZE_PX
    )
    return eyes + CENTER_TO_MOUTH * down, size * (1 + margin), math.atan2(across[1], across[0])


def center_crop(image_rgb: np.ndarray, size_px: int = CROP_SIZE_PX) -> np.ndarray:
    """The largest centred square of an image, resized: what stands in where no face is found.

    Args:
        image_rgb: uint8 `[height, width, 3]`.
        size_px: Side of the crop.

    Returns:
        uint8 `[size_px, size_px, 3]`.
    """
    left, top, right, bottom = center_box(image_rgb.shape[1], image_rgb.shape[0])
    square = image_rgb[top:bottom, left:right]
    method = cv2.INTER_AREA if square.shape[0] > size_px else cv2.INTER_LINEAR
    return cv2.resize(square, (size_px, size_px), interpolation=method)


def center_box(width_px: int, height_px: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the largest centred square."""
    side = min(width_px, height_px)
    left, top = (width_px - side) // 2, (height_px - side) // 2
    return left, top, left + side, top + side


def search(images_rgb: Sequence[np.ndarray], side_px: int) -> list[list[Face]]:
    """Searches every image on a canvas of `side_px`; faces come largest first."""
    if not images_rgb:
        return []
    canvases, scales = zip(*(on_canvas(image, side_px) for image in images_rgb), strict=True)
    found: list[list[Face]] = [[] for _ in images_rgb]
    for row in detect_rows(canvases):
        i = int(row[0])
        found[i].append(to_face(row[1:], scales[i], images_rgb[i].shape))
    return [sorted(faces, key=lambda face: -face.area) for faces in found]


def on_canvas(image_rgb: np.ndarray, side_px: int) -> tuple[np.ndarray, np.ndarray]:
    """The image in the top left corner of a grey square, and its scale in x and y."""
    height, width = image_rgb.shape[:2]
    scale = side_px / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.full((side_px, side_px, 3), CANVAS_GREY, np.uint8)
    canvas[: size[1], : size[0]] = cv2.resize(image_rgb, size, interpolation=method)
    return canvas, np.array([size[0] / width, size[1] / height])


def to_face(row: np.ndarray, scale: np.ndarray, shape: tuple[int, ...]) -> Face:
    """A row of `mtcnn.decide`, found on a canvas of this scale, as a face of the image."""
    corners = np.clip(row[:4].reshape(2, 2) / scale, 0, (shape[1], shape[0]))
    landmarks = (row[5:15].reshape(2, 5).T + 0.5) / scale - 0.5
    left, top, right, bottom = (float(value) for value in corners.ravel())
    return Face((left, top, right, bottom), landmarks.astype(np.float32), float(row[4]))
