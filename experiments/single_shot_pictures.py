"""Composes the pictures that teach `single_shot`, and has MTCNN say where their faces are.

`python -m experiments.single_shot_pictures --osie=OSIE/images/train --fer2013=FER2013/train
--output=PICTURES` writes files of `images`, JPEG files one after another, as the network sees them,
where each of them `ends`, and `boxes`, the squares that MTCNN found in it on its two canvases,
faces or not: what is to be learned is to propose what it finds. The 30,000 pictures take 12 minutes
on two cores. It needs no TensorFlow.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import pathlib
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from tqdm import tqdm

from tfds_builders import faces, mtcnn
from tfds_builders.drawing.people import EXPRESSIONS, draw_photo
from tfds_builders.pictures import read_picture

SIDE_PX = faces.SEARCH_SIDES_PX[1]
# Of the canvases that teach. The network is asked on a larger one, since convolutions fit any: here
# pictures take less time, and faces are as small as any that it will meet.
TAUGHT_PX = 320
DRAWN_PEOPLE, FIRST_DRAWN = 400, 5000  # None of those that `drawn_faces` has.
SAME_FACE = 0.4  # Of two boxes with a larger intersection over union one is kept.
# Of a picture; the boxes of faces that are not there lie far outside.
MOST_FACES, NOWHERE = 32, -1e6
A_SHARD = 1000


class Composer:
    """Makes pictures from photographs, faces of FER2013, and drawn people."""

    def __init__(self, osie: str, fer2013: str, rng: np.random.Generator) -> None:
        self.rng = rng
        self._photos, self._people = _read_photos(osie)
        self._fer2013 = _list_files(fer2013)
        self._kinds: Sequence[tuple[float, Callable[[], np.ndarray]]] = (
            (0.30, self._zoom),
            (0.12, self._scene),
            (0.30, self._paste_faces),
            (0.15, self._paste_drawn),
            (0.10, self._grid),
            (0.03, self._nobody),
        )

    def compose(self) -> np.ndarray:
        """The next picture, uint8 `[height, width, 3]`, RGB."""
        shares = [share for share, _ in self._kinds]
        picture = self._kinds[self.rng.choice(len(shares), p=shares)][1]()
        return self._expose(np.ascontiguousarray(picture))

    def _zoom(self) -> np.ndarray:
        """A photograph, turned a little, so that one of its faces has any size and place."""
        rng = self.rng
        photo, middle, side = self._people[rng.integers(len(self._people))]
        image = self._photos[photo]
        scale = min(self._side(21, 230) / side, 4)
        size = rng.permutation([SIDE_PX, int(SIDE_PX * rng.uniform(0.55, 1))]).tolist()
        warp = cv2.getRotationMatrix2D(middle.tolist(), rng.normal(0, 10), scale)
        warp[:, 2] += rng.uniform(0.15, 0.85, 2) * np.array(size) - middle
        if scale < 0.5:
            image = cv2.GaussianBlur(image, (0, 0), 0.4 / scale)
        rim = rng.choice([cv2.BORDER_REFLECT, cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE])
        grey = (faces.CANVAS_GREY,) * 3
        picture = cv2.warpAffine(image, warp, size, borderMode=int(rim), borderValue=grey)
        picture = self._mirrored(picture)
        return self._with_faces(picture, 3, 90) if rng.random() < 0.25 else picture

    def _scene(self) -> np.ndarray:
        """A part of a photograph."""
        rng = self.rng
        image = self._photos[rng.integers(len(self._photos))]
        share = np.array([rng.uniform(0.35, 1)] * 2) * np.exp([1, -1] * rng.uniform(0, 0.4, 1))
        height, width = (np.minimum(share, 1) * image.shape[:2]).astype(int)
        top = rng.integers(image.shape[0] - height + 1)
        left = rng.integers(image.shape[1] - width + 1)
        part = image[top : top + height, left : left + width]
        return self._mirrored(_resize(part, int(rng.choice([400, 450, SIDE_PX]))))

    def _paste_faces(self) -> np.ndarray:
        return self._with_faces(self._scene(), 8, 260 if self.rng.random() < 0.6 else 100)

    def _paste_drawn(self) -> np.ndarray:
        picture = self._scene()
        for _ in range(self.rng.integers(1, 4)):
            number = self.rng.integers(DRAWN_PEOPLE)
            person = _draw(FIRST_DRAWN + int(number))
            height, width = person.shape[:2]
            top, bottom = self.rng.uniform((0, 0.6), (0.15, 1)) * height
            left, right = self.rng.uniform((0, 0.85), (0.15, 1)) * width
            person = self._mirrored(person[int(top) : int(bottom), int(left) : int(right)])
            picture = self._paste(picture, person, self._side(60, 640), is_oval=False)
        return picture

    def _grid(self) -> np.ndarray:
        """One face that fills the picture, or is framed, or rows of faces."""
        count = int(self.rng.choice([1, 1, 1, 2, 2, 3, 4, 6]))
        side = SIDE_PX // count
        picture = np.vstack(
            [np.hstack([_resize(self._face(), side) for _ in range(count)]) for _ in range(count)]
        )
        if count > 1 or self.rng.random() < 0.4:
            return picture
        rim = int(self.rng.uniform(0.05, 0.6) * side)
        framed = np.empty([side + 2 * rim] * 2 + [3], np.uint8)
        framed[:] = self.rng.integers(0, 256, 3)
        framed[rim : rim + side, rim : rim + side] = picture
        return framed

    def _nobody(self) -> np.ndarray:
        """A photograph upside down, or noise of any grain."""
        if self.rng.random() < 0.5:
            return self._scene()[::-1]
        small = self.rng.integers(0, 256, (*self.rng.integers(4, 200, 2), 3), dtype=np.uint8)
        method = cv2.INTER_NEAREST if self.rng.random() < 0.5 else cv2.INTER_CUBIC
        return cv2.resize(
            small, (SIDE_PX, int(SIDE_PX * self.rng.uniform(0.5, 1))), interpolation=method
        )

    def _with_faces(self, picture: np.ndarray, most: int, largest_px: int) -> np.ndarray:
        for _ in range(self.rng.integers(1, most + 1)):
            is_oval = self.rng.random() < 0.6
            picture = self._paste(
                picture, self._face(), self._side(22, largest_px), is_oval=is_oval
            )
        return picture

    def _paste(
        self, picture: np.ndarray, patch: np.ndarray, side_px: float, *, is_oval: bool
    ) -> np.ndarray:
        """The picture with a patch anywhere, turned a little."""
        rng = self.rng
        patch = _resize(patch, max(4, round(side_px)))
        height, width = patch.shape[:2]
        shown: np.ndarray = np.ones((height, width), np.float32)
        if is_oval:
            shown[:] = 0
            axes = rng.uniform((0.38, 0.42), (0.5, 0.52)) * (width, height)
            whole = [max(1, int(axis)) for axis in axes]
            cv2.ellipse(shown, (width // 2, height // 2), whole, 0, 0, 360, 1, -1)
            shown = cv2.GaussianBlur(shown, (0, 0), max(0.5, 0.03 * side_px))
        size = picture.shape[1], picture.shape[0]
        warp = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 12), 1)
        warp[:, 2] += rng.uniform(0, size) - (width / 2, height / 2)
        shown = cv2.warpAffine(shown, warp, size)[..., None]
        pasted = picture * (1 - shown) + cv2.warpAffine(patch, warp, size) * shown
        return pasted.astype(np.uint8)

    def _face(self) -> np.ndarray:
        """One of FER2013, mostly in a colour of skin."""
        rng = self.rng
        grey = read_picture(self._fer2013[rng.integers(len(self._fer2013))])[..., :1] / 255
        tint = (
            (1, rng.uniform(0.65, 0.9), rng.uniform(0.45, 0.85)) if rng.random() < 0.7 else (1,) * 3
        )
        face = 255 * rng.uniform(0.5, 1.2) * grey * tint + rng.uniform(-15, 15)
        return face.clip(0, 255).astype(np.uint8)

    def _side(self, smallest_px: float, largest_px: float) -> float:
        return float(np.exp(self.rng.uniform(np.log(smallest_px), np.log(largest_px))))

    def _mirrored(self, image: np.ndarray) -> np.ndarray:
        return image[:, ::-1] if self.rng.random() < 0.5 else image

    def _expose(self, picture: np.ndarray) -> np.ndarray:
        """Out of focus, dark or bright, noisy, or grey."""
        rng = self.rng
        if rng.random() < 0.3:
            picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.8))
        if rng.random() < 0.55:
            curve = 255 * (np.arange(256) / 255) ** np.exp(rng.uniform(-0.7, 0.9))
            picture = (curve * rng.uniform(0.4, 1)).astype(np.uint8)[picture]
        if rng.random() < 0.3:
            noise = rng.normal(0, rng.uniform(2, 13), picture.shape)
            picture = (picture + noise).clip(0, 255).astype(np.uint8)
        if rng.random() < 0.12:
            picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        return picture


def find_squares(picture: np.ndarray) -> np.ndarray:
    """What MTCNN finds on its two canvases, float32 `[n, 4]` on one of `TAUGHT_PX`."""
    scale = faces.on_canvas(picture, TAUGHT_PX)[1]
    found: list[np.ndarray] = []
    for side_px in reversed(faces.SEARCH_SIDES_PX):
        canvas, its_scale = faces.on_canvas(picture, side_px)
        for row in mtcnn.detect_rows([canvas]):
            box = (row[1:5].reshape(2, 2) / its_scale * scale).ravel()
            overlap = mtcnn.overlaps(np.array([box, *found], np.float32))[0, 1:]
            if not (overlap > SAME_FACE).any():
                found.append(box)
    return np.array(found, np.float32).reshape(-1, 4)


def write_shard(number: int, *, osie: str, fer2013: str, output: str, count: int) -> None:
    """Writes `count` pictures; the same for the same number."""
    cv2.setNumThreads(1)
    composer = _load_composer(osie, fer2013)
    composer.rng = np.random.default_rng(number)
    files: list[np.ndarray] = []
    boxes = np.full((count, MOST_FACES, 4), NOWHERE, np.float32)
    for place in range(count):
        picture = composer.compose()
        canvas = faces.on_canvas(picture, TAUGHT_PX)[0]
        quality = [cv2.IMWRITE_JPEG_QUALITY, 92]
        files.append(cv2.imencode('.jpg', canvas[..., ::-1], quality)[1].ravel())
        found = find_squares(picture)[:MOST_FACES]
        boxes[place, : len(found)] = found
    ends = np.cumsum([len(file) for file in files])
    path = os.path.join(output, f'pictures-{number:03d}.npz')
    np.savez(path, images=np.concatenate(files), ends=ends, boxes=boxes)


@functools.cache
def _load_composer(osie: str, fer2013: str) -> Composer:
    return Composer(osie, fer2013, np.random.default_rng(0))


@functools.cache
def _read_photos(folder: str) -> tuple[list[np.ndarray], list[tuple[int, np.ndarray, float]]]:
    """The photographs, and the middle and side of each face in them."""
    photos = [read_picture(file) for file in _list_files(folder)]
    people = []
    for number, photo in enumerate(photos):
        for face in faces.find_all_faces([photo])[0]:
            left, top, right, bottom = face.box
            middle = np.array([left + right, top + bottom]) / 2
            people.append((number, middle, max(right - left, bottom - top)))
    return photos, people


@functools.lru_cache(maxsize=DRAWN_PEOPLE)
def _draw(person: int) -> np.ndarray:
    return draw_photo(person, EXPRESSIONS[person % len(EXPRESSIONS)])


def _list_files(folder: str) -> list[pathlib.Path]:
    return sorted(path for path in pathlib.Path(folder).rglob('*') if path.is_file())


def _resize(image: np.ndarray, side_px: int) -> np.ndarray:
    """The image with this longer side."""
    scale = side_px / max(image.shape[:2])
    size = [max(2, round(side * scale)) for side in image.shape[1::-1]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=method)


def main() -> None:
    """Writes all shards, in processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--osie', required=True, help='folder of photographs')
    parser.add_argument('--fer2013', required=True, help='folder of face crops')
    parser.add_argument('--output', required=True, help='folder to write to')
    parser.add_argument('--count', type=int, default=30_000, help='pictures')
    parser.add_argument('--workers', type=int, default=2, help='processes')
    options = parser.parse_args()
    os.makedirs(options.output, exist_ok=True)
    write = functools.partial(
        write_shard,
        osie=options.osie,
        fer2013=options.fer2013,
        output=options.output,
        count=min(A_SHARD, options.count),
    )
    shards = range(max(1, options.count // A_SHARD))
    with multiprocessing.get_context('spawn').Pool(options.workers) as pool:
        for _ in tqdm(pool.imap_unordered(write, shards), total=len(shards)):
            pass


if __name__ == '__main__':
    main()
