"""Pictures from anywhere: files, folders and videos, read safely and upright."""

from __future__ import annotations

import io
import os
import pathlib
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from PIL import Image, ImageOps

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm')
# A picture may be larger than its file by a factor of a thousand: this is checked before decoding.
LARGEST_PIXELS = 100_000_000


def read_photo(source: str | os.PathLike[str] | bytes) -> np.ndarray:
    """Reads a picture as a person sees it.

    Args:
        source: A file, or the bytes of one.

    Returns:
        uint8 `[height, width, 3]`, RGB: turned as EXIF says, grey repeated, 16 bits reduced to 8,
        transparency dropped.

    Raises:
        ValueError: It is no picture, or has more than `LARGEST_PIXELS`.
        FileNotFoundError: There is no such file.
    """
    name = 'the picture' if isinstance(source, bytes) else os.fspath(source)
    data = source if isinstance(source, bytes) else pathlib.Path(source).read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            if width * height > LARGEST_PIXELS:
                raise ValueError(
                    f'{name} must have at most {LARGEST_PIXELS:,} pixels. '
                    f'Received: {width}x{height}. Shrink it first.'
                )
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith('I'):  # 16 bits; `convert` would clip at 255
                grey = np.asarray(upright).astype(np.int64) >> 8
                return np.repeat(grey[..., None].clip(0, 255).astype(np.uint8), 3, axis=-1)
            return np.array(upright.convert('RGB'))
    # PIL raises half a dozen kinds for damaged files.
    except (OSError, SyntaxError, EOFError, IndexError, TypeError, OverflowError) as error:
        raise ValueError(f'{name} is damaged or no picture; open it in a viewer.') from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f'{name} has too many pixels: {error}') from error


def list_inputs(inputs: Sequence[str]) -> list[pathlib.Path]:
    """Files, in the order given; a folder stands for the pictures and videos below it, by name.

    Raises:
        FileNotFoundError: One does not exist, or a folder holds neither.
    """
    files: list[pathlib.Path] = []
    for given in inputs:
        path = pathlib.Path(given).expanduser()
        if path.is_dir():
            suffixes = IMAGE_SUFFIXES + VIDEO_SUFFIXES
            found = sorted(f for f in path.rglob('*') if f.suffix.lower() in suffixes)
            if not found:
                raise FileNotFoundError(
                    f'{path} holds no picture and no video ({", ".join(suffixes)}).'
                )
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise FileNotFoundError(f'{path} does not exist. Give files or folders: --input=PATH')
    return files


def read_video(path: pathlib.Path, every: int) -> Iterator[tuple[int, np.ndarray]]:
    """(number, uint8 RGB `[height, width, 3]`) of every `every`th frame; one is held at a time.

    Raises:
        ValueError: It cannot be opened as a video.
    """
    video = cv2.VideoCapture(str(path))
    try:
        if not video.isOpened():
            raise ValueError(f'{path} cannot be opened as a video.')
        number = 0
        while video.grab():
            if number % every == 0:
                is_whole, frame = video.retrieve()
                if is_whole:
                    yield number, frame[:, :, ::-1]
            number += 1
    finally:
        video.release()
