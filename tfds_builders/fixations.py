"""What the eye-tracking sets share: one image, where people looked, and the smoothed map of it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from PIL import Image

from tfds_builders.errors import InvalidArchiveError, InvalidPictureError, MissingArchiveError
from tfds_builders.pictures import open_picture
from tfds_builders.tasks import Finding, Outcome

# As the published sets have them.
_SUFFIXES = ('.jpg', '.jpeg', '.png')


@dataclasses.dataclass(frozen=True)
class ImageTask:
    """An image to make an example of.

    Attributes:
        make: A function of a module, which gives key and features of the image.
        image: File of the picture.
        where: What else `make` takes.

    >>> task = ImageTask(lambda image: (image.name, {}), epath.Path('a.jpg'))
    >>> [outcome.example for outcome in task.outcomes()]
    [('a.jpg', {})]
    """

    make: Callable[..., tuple[str, dict[str, Any]]]
    image: epath.Path
    where: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return 1

    def outcomes(self) -> Iterator[Outcome]:
        """Yields the example.

        Raises:
            InvalidArchiveError: A file of it is damaged.
            MissingArchiveError: A file of it is missing.
        """
        key, features = self.make(self.image, *self.where)
        yield Outcome(Finding(key), (key, features))


def list_tasks(
    make: Callable[..., tuple[str, dict[str, Any]]], images: Iterable[epath.Path], *where: Any
) -> Iterator[ImageTask]:
    """A task for each image."""
    return (ImageTask(make, image, where) for image in images)


def features() -> tfds.features.FeaturesDict:
    """`fixations` are (x, y) in pixels of `image`, from 0 at the centre of the top-left pixel."""
    return tfds.features.FeaturesDict(
        {
            'image': tfds.features.Image(shape=(None, None, 3), encoding_format='jpeg'),
            'fixations': tfds.features.Tensor(shape=(None, 2), dtype=np.float32),
            'map': tfds.features.Image(shape=(None, None, 1), encoding_format='png'),
            'file_name': tfds.features.Text(),
        }
    )


def list_images(folder: epath.Path) -> list[epath.Path]:
    """Images in `folder`, by name; `MissingArchiveError` where there is none."""
    files = sorted(folder.iterdir()) if folder.exists() else []
    images = [file for file in files if file.suffix.lower() in _SUFFIXES]
    if not images:
        raise MissingArchiveError(
            f'{folder} must hold images ({", ".join(_SUFFIXES)}). Received: none. '
            'Check `manual_dir` against the layout in the README of the data set.'
        )
    return images


def example(
    image: epath.Path, fixations: np.ndarray, map_path: epath.Path | None
) -> dict[str, Any]:
    """One example; fixations outside the image are dropped, a set without maps has zeros.

    Args:
        image: File of the picture.
        fixations: `[n, 2]`, (x, y) from 0.
        map_path: File of the grey map, of the image's size.

    Raises:
        InvalidArchiveError: The map has another size than the image.
    """
    width, height = open_image(image).size
    grey = np.zeros((height, width), np.uint8) if map_path is None else read_grey(map_path)
    if grey.shape != (height, width):
        raise InvalidArchiveError(
            f'A map must have the size of its image, {height}x{width}. '
            f'Received: {grey.shape[0]}x{grey.shape[1]} in {map_path}.'
        )
    xy = np.asarray(fixations, np.float32).reshape(-1, 2)
    inside = ((xy >= 0) & (xy < (width, height))).all(axis=1)
    return {
        'image': image_bytes(image),
        'fixations': xy[inside],
        'map': grey[:, :, None],
        'file_name': image.name,
    }


def image_bytes(path: epath.Path) -> io.BytesIO:
    """The file as it is; a grey one is written again in three channels."""
    picture = open_image(path)
    if picture.mode == 'RGB':
        return io.BytesIO(path.read_bytes())
    buffer = io.BytesIO()
    picture.convert('RGB').save(buffer, 'JPEG', quality=98)
    return io.BytesIO(buffer.getvalue())


def open_image(path: epath.Path) -> Image.Image:
    """Opens a picture as the file has it: the fixations are positions on it before any turn.

    Raises:
        InvalidArchiveError: It is no picture, or a damaged one.
        MissingArchiveError: There is none.
    """
    try:
        picture = open_picture(path.read_bytes())
        picture.load()
    except FileNotFoundError as error:
        raise MissingArchiveError(f'{path} is missing: unpack the archive again.') from error
    except (InvalidPictureError, OSError, SyntaxError) as error:
        raise InvalidArchiveError(
            f'{path} cannot be read as an image: unpack it again. ({error})'
        ) from error
    return picture


def read_grey(path: epath.Path) -> np.ndarray:
    """A map: uint8 `[height, width]`."""
    return np.asarray(open_image(path).convert('L'))


def read_mat(path: epath.Path, key: str) -> Any:
    """One variable of a MATLAB file; the error names the file."""
    # Here, because it takes a third of the time of `import tfds_builders`.
    import scipy.io

    if not path.exists():
        raise MissingArchiveError(f'{path} is missing: each image needs its fixations.')
    try:
        return scipy.io.loadmat(io.BytesIO(path.read_bytes()))[key]
    except Exception as error:  # SciPy raises half a dozen kinds for a damaged file.
        raise InvalidArchiveError(
            f'{path} must be a MATLAB file with a variable `{key}`.'
        ) from error


def points_of(marks: np.ndarray) -> np.ndarray:
    """(x, y) from 0 of every non-zero pixel: float32 `[n, 2]`."""
    rows, columns = np.nonzero(marks)
    return np.stack([columns, rows], axis=1).astype(np.float32)
