"""CFEE: 230 people, neutral, six basic and fifteen compound expressions."""

from __future__ import annotations

import re
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions
from tfds_builders.errors import InvalidArchiveError
from tfds_builders.expression_builder import ExpressionConfig, ExpressionDatasetBuilder

LAYOUT = (
    '01-04/Images1 to 21-26/Images6 with files EE_SSS_NNNN.jpg (code, person, photo number), '
    'or the re-labelled copy with files EE_SSS.jpg'
)
RELEASE, RELABELLED = 'release', 'relabelled'
_RELEASE_NAME = re.compile(r'(?P<code>\d{2})_(?P<person>\d{3})_(?P<photo>\d+)\.jpe?g', re.I)
_RELABELLED_NAME = re.compile(r'(?P<code>\d{2})_(?P<person>\d{3})\.jpe?g', re.I)
_RELEASE_FOLDER = re.compile(r'Images\d', re.I)
# The re-labelled copy counts its people anew; the release's numbers go up to 393.
_LAST_RELABELLED_PERSON = 230
# The release of CFEE: category codes in the file names. 04, 17, 19 and 20 have no label.
CODES = {
    1: 'neutral',
    2: 'happy',
    3: 'sad',
    5: 'angry',
    6: 'surprised',
    7: 'disgusted',
    8: 'fearful',
    9: 'happily_surprised',
    10: 'happily_disgusted',
    11: 'sadly_angry',
    12: 'angrily_disgusted',
    13: 'appalled',
    14: 'hatred',
    15: 'angrily_surprised',
    16: 'sadly_surprised',
    18: 'disgustedly_surprised',
    21: 'fearfully_surprised',
    22: 'awed',
    23: 'sadly_fearful',
    24: 'fearfully_disgusted',
    25: 'fearfully_angry',
    26: 'sadly_disgusted',
}

# A re-labelled copy of CFEE counts its categories from 1 to 22 without gaps.
RELABELLED_CODES = {
    1: 'neutral',
    2: 'happy',
    3: 'sad',
    4: 'fearful',
    5: 'angry',
    6: 'surprised',
    7: 'disgusted',
    8: 'happily_surprised',
    9: 'happily_disgusted',
    10: 'sadly_fearful',
    11: 'sadly_angry',
    12: 'sadly_surprised',
    13: 'sadly_disgusted',
    14: 'fearfully_angry',
    15: 'fearfully_surprised',
    16: 'fearfully_disgusted',
    17: 'angrily_surprised',
    18: 'angrily_disgusted',
    19: 'disgustedly_surprised',
    20: 'appalled',
    21: 'hatred',
    22: 'awed',
}
_ALL_CLASSES = tuple(name for name in expressions.CLASS_NAMES if name != 'contemptuous')


archives.register(
    'cfee',
    archives.Signature(
        lambda path: any(
            name.fullmatch(path.name) is not None for name in (_RELEASE_NAME, _RELABELLED_NAME)
        )
    ),
)


def _config(name: str, description: str, **choices: Any) -> ExpressionConfig:
    classes = expressions.BASIC if name.startswith('basic') else _ALL_CLASSES
    return ExpressionConfig(name=name, description=description, classes=classes, **choices)


class Builder(ExpressionDatasetBuilder):
    """Compound Facial Expressions of Emotion.

    >>> [config.name for config in Builder.BUILDER_CONFIGS][:2]
    ['basic_faces', 'basic_originals']
    """

    VERSION = tfds.core.Version('1.1.0')
    RELEASE_NOTES = {
        '1.1.0': 'With the feature pixel_hash; images and splits are those of 1.0.0.',
        '1.0.0': 'First release.',
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = f'Ask its authors for CFEE and put it into one folder: {LAYOUT}.'
    LAYOUT = LAYOUT
    HOMEPAGE = 'https://cbcsl.ece.ohio-state.edu/dbform_compound.html'
    TERMS = 'on request, for research'
    BUILDER_CONFIGS = [
        _config('basic_faces', 'Aligned face crops; neutral and the six basic expressions.'),
        _config(
            'basic_originals',
            'Untouched files; neutral and the six basic expressions.',
            crops_faces=False,
        ),
        _config('all_faces', 'Aligned face crops; all 22 categories.'),
        _config('all_originals', 'Untouched files; all 22 categories.', crops_faces=False),
        _config(
            'basic_faces_leaky_image_split',
            'As basic_faces, but split by image: the same people train and test.',
            splits_images=True,
        ),
    ]
    EXTRA_FEATURES = {'photo': tfds.features.Text()}

    def _read_archive(self, manual_dir: epath.Path) -> archives.Archive:
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        scheme = find_scheme(folder)
        self.info.metadata['scheme'] = scheme
        parse = self._parse_release if scheme == RELEASE else self._parse_relabelled
        return archives.read_folder(folder, parse, LAYOUT, own=self.name)

    def _parse_release(self, path: epath.Path, parts: tuple[str, ...]) -> archives.Photo | None:
        archives.require_image(path)
        match = _RELEASE_NAME.fullmatch(path.name)
        if match is None:
            raise archives.Skip('irregular name, not EE_SSS_NNNN.jpg')
        return self._photo(path, parts, match.groupdict(), CODES)

    def _parse_relabelled(self, path: epath.Path, parts: tuple[str, ...]) -> archives.Photo | None:
        archives.require_image(path)
        match = _RELABELLED_NAME.fullmatch(path.name)
        if match is None:
            raise archives.Skip('irregular name, not EE_SSS.jpg')
        return self._photo(path, parts, match.groupdict(), RELABELLED_CODES)

    def _photo(
        self, path: epath.Path, parts: tuple[str, ...], known: dict[str, str], codes: dict[int, str]
    ) -> archives.Photo | None:
        label = codes.get(int(known['code']))
        if label is None:
            raise archives.Skip(f'code {known["code"]} has no label')
        if label not in self.builder_config.classes:
            return None
        extras = {'photo': known.get('photo', '')}
        return archives.Photo(path, '/'.join(parts), label, known['person'], extras)


def find_scheme(folder: epath.Path) -> str:
    """Tells the release from the re-labelled copy, which disagree on codes 04 and 08.

    Names of two fields occur inside the release's own folders, where they are irregular; outside
    of them they are the re-labelled copy's.

    Raises:
        InvalidArchiveError: Both schemes, or neither.
    """
    release: list[str] = []
    relabelled: list[str] = []
    irregular: list[str] = []
    for path in archives.list_files(folder):
        parts = path.relative_to(folder).parts
        name = '/'.join(parts)
        if _RELEASE_NAME.fullmatch(path.name):
            release.append(name)
        elif _RELABELLED_NAME.fullmatch(path.name):
            in_release = any(_RELEASE_FOLDER.fullmatch(part) for part in parts[:-1])
            (irregular if in_release else relabelled).append(name)
    if release and relabelled:
        raise InvalidArchiveError(
            f'{folder} must hold one numbering of CFEE, not a mixture: in the release 04 is '
            'unlabelled and 08 fearful, in the re-labelled copy 04 is fearful and 08 happily '
            f'surprised. Received: {len(release)} names such as {release[0]} and '
            f'{len(relabelled)} such as {relabelled[0]}. Move one of the two elsewhere.'
        )
    if release or irregular:
        return RELEASE
    if relabelled:
        _check_relabelled(folder, relabelled)
        return RELABELLED
    files = [path.name for path in archives.list_files(folder)]
    raise InvalidArchiveError(
        f'{folder} must hold {LAYOUT}. Found no such name but {len(files)} other files, such as '
        f'{archives.first_lines(files)}. {archives.guess_set(folder, "cfee")}'
    )


def _check_relabelled(folder: epath.Path, names: list[str]) -> None:
    """Refuses the release with its photo numbers cut off: its codes mean something else."""
    strange = [
        name
        for name in names
        if (match := _RELABELLED_NAME.fullmatch(name.rpartition('/')[2]))
        and (
            int(match['code']) not in RELABELLED_CODES
            or int(match['person']) > _LAST_RELABELLED_PERSON
        )
    ]
    if strange:
        raise InvalidArchiveError(
            f'{folder}: names EE_SSS.jpg are those of the re-labelled copy, with codes 01 to '
            f'{max(RELABELLED_CODES)} and people 001 to {_LAST_RELABELLED_PERSON}. Received: '
            f'{archives.first_lines(strange)}, as in the release, whose codes mean something else. '
            'Restore the names EE_SSS_NNNN.jpg, or move these files elsewhere.'
        )
