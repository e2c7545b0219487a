"""ExpW: photographs found by web search, several faces each, seven classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions, splits
from tfds_builders.errors import InvalidArchiveError, InvalidPictureError
from tfds_builders.expression_builder import ExpressionConfig, ExpressionDatasetBuilder
from tfds_builders.pictures import read_picture
from tfds_builders.png import encode_png

LAYOUT = 'the folders data/image/origin/ with the photographs, and data/label/ with label.lst'
LABELS = ('angry', 'disgusted', 'fearful', 'happy', 'sad', 'surprised', 'neutral')
_LIST = 'label.lst'
# Added to each side of a box, as a share of it: room for a face to be found and to be aligned.
MARGIN = 0.3

archives.register('expw', archives.Signature(lambda path: path.name == _LIST, is_whole=True))


@dataclasses.dataclass(frozen=True)
class BoxedFace:
    """One face of a photograph, with a margin about its box.

    >>> BoxedFace(epath.Path('origin/a.jpg'), (10, 20, 40, 60)).box
    (10, 20, 40, 60)

    Attributes:
        path: The photograph.
        box: Top, left, bottom and right, pixels.
    """

    path: epath.Path
    box: tuple[int, int, int, int]

    def read_bytes(self) -> bytes:
        """A PNG file of it.

        Raises:
            InvalidPictureError: The photograph cannot be read, or the box is outside of it.
        """
        image = read_picture(self.path.read_bytes())
        top, left, bottom, right = self.box
        high, wide = MARGIN * (bottom - top), MARGIN * (right - left)
        height, width = image.shape[:2]
        rows = slice(max(0, round(top - high)), min(height, round(bottom + high)))
        columns = slice(max(0, round(left - wide)), min(width, round(right + wide)))
        if not image[rows, columns].size:
            raise InvalidPictureError('the picture has nothing inside the box')
        return encode_png(np.ascontiguousarray(image[rows, columns]))


class Builder(ExpressionDatasetBuilder):
    """Expression in-the-Wild.

    >>> [config.name for config in Builder.BUILDER_CONFIGS]
    ['faces', 'boxes']
    """

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'First release.'}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f'Ask its authors for ExpW and put it into one folder: {LAYOUT}.'
    LAYOUT = LAYOUT
    HOMEPAGE = 'http://mmlab.ie.cuhk.edu.hk/projects/socialrelation/index.html'
    TERMS = 'on request, research that is not commercial'
    NAMES_PEOPLE = False
    BUILDER_CONFIGS = [
        ExpressionConfig(
            name='faces',
            description='Aligned face crops, of what each box shows.',
            classes=expressions.BASIC,
        ),
        ExpressionConfig(
            name='boxes',
            description=f'What each box shows, with {MARGIN:.0%} about it, as PNG.',
            classes=expressions.BASIC,
            crops_faces=False,
        ),
    ]
    EXTRA_FEATURES = {'photo': tfds.features.Text(), 'box_confidence': np.float32}

    def _read_archive(self, manual_dir: epath.Path) -> archives.Archive:
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        files = archives.list_files(folder)
        lists = [path for path in files if path.name == _LIST]
        if len(lists) != 1:
            found = ', '.join(map(str, lists)) or f'{len(files)} files, such as ' + (
                archives.first_lines(path.name for path in files)
            )
            raise InvalidArchiveError(
                f'{folder} must hold {LAYOUT}, and one {_LIST}. Received: {found}. '
                f'{archives.guess_set(folder, self.name)}'
            )
        photos, skipped = _read_list(lists[0], {path.name: path for path in files})
        named = {photo.extras['photo'] for photo in photos}
        for path in files:
            if path.name not in named and path != lists[0]:
                skipped['/'.join(path.relative_to(folder).parts)] = f'in no line of {_LIST}'
        if not photos:
            raise InvalidArchiveError(
                f'{folder} must hold {LAYOUT}. Received: no face of {lists[0]} that is there, '
                f'such as {archives.first_lines(f"{k}: {v}" for k, v in skipped.items())}.'
            )
        return archives.Archive(tuple(photos), skipped)

    def _slots(self, photos: Sequence[archives.Photo]) -> list[int]:
        """By photograph: its faces stay together. There is no official split."""
        return [splits.hash_slot(self.name, photo.extras['photo']) for photo in photos]


def _read_list(
    file: epath.Path, files: dict[str, epath.Path]
) -> tuple[list[archives.Photo], dict[str, str]]:
    """A photo for each line, and why the others are none."""
    photos: dict[str, archives.Photo] = {}
    skipped = {}
    lines = file.read_bytes().decode(errors='replace').splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            photo = _parse(line, files)
        except (archives.Skip, ValueError, IndexError) as error:
            skipped[f'{_LIST}:{number}'] = f'{line.strip()[:80]!r} is no face of ExpW: {error}'
            continue
        if photo.file_name in photos:
            skipped[f'{_LIST}:{number}'] = f'a second line of {photo.file_name}'
            continue
        photos[photo.file_name] = photo
    return list(photos.values()), skipped


def _parse(line: str, files: dict[str, epath.Path]) -> archives.Photo:
    # Names may have spaces. The order is top, left, right, bottom; the label comes last.
    name, face, *numbers = line.strip().rsplit(maxsplit=7)
    top, left, right, bottom = (int(float(value)) for value in numbers[:4])
    confidence, code = float(numbers[4]), int(numbers[5])
    if code not in range(len(LABELS)):
        raise archives.Skip(f'{code} is no label')
    if name not in files:
        raise archives.Skip('the photograph is not there')
    if bottom <= top or right <= left:
        raise archives.Skip('the box is empty')
    extras = {'photo': name, 'box_confidence': confidence}
    boxed = BoxedFace(files[name], (top, left, bottom, right))
    return archives.Photo(boxed, f'{name}#{face}', LABELS[code], '', extras)
