"""RAF-DB: photographs found by web search; seven basic and eleven compound expressions."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from tfds_builders import archives, expressions
from tfds_builders.errors import InvalidArchiveError
from tfds_builders.expression_builder import ExpressionConfig
from tfds_builders.official_splits import OfficialSplitBuilder

LAYOUT = (
    'the folders basic/ and compound/, each with EmoLabel/list_patition_label.txt, Image/aligned/ '
    'and Image/original/; or DATASET/train/1/train_00001_aligned.jpg and so on'
)
BASIC = {
    1: 'surprised',
    2: 'fearful',
    3: 'disgusted',
    4: 'happy',
    5: 'sad',
    6: 'angry',
    7: 'neutral',
}
COMPOUND = {
    1: 'happily_surprised',
    2: 'happily_disgusted',
    3: 'sadly_fearful',
    4: 'sadly_angry',
    5: 'sadly_surprised',
    6: 'sadly_disgusted',
    7: 'fearfully_angry',
    8: 'fearfully_surprised',
    9: 'angrily_surprised',
    10: 'angrily_disgusted',
    11: 'disgustedly_surprised',
}
# Of the sixth, seventh and eighth line of a file of manual annotations.
GENDERS = ('male', 'female', 'unsure')
GROUPS = ('Caucasian', 'African-American', 'Asian')
AGES = ('0 to 3', '4 to 19', '20 to 39', '40 to 69', '70 or more')
_LIST = re.compile(r'list_par?tition_label\.txt', re.IGNORECASE)
_NAME = re.compile(r'(?P<stem>(?P<split>train|test)_\d+)(?P<aligned>_aligned)?\.jpe?g', re.I)
_ATTRIBUTES = re.compile(r'(?P<stem>(?:train|test)_\d+)_manu_attri\.txt', re.IGNORECASE)


@dataclasses.dataclass(kw_only=True)
class RafDbConfig(ExpressionConfig):
    """Which labels, and which of the two pictures of each face.

    Attributes:
        takes_aligned: The faces of 100 px that the set's authors cut out, or the photographs.

    >>> RafDbConfig(name='basic_faces').takes_aligned
    False
    """

    takes_aligned: bool = False

    @property
    def codes(self) -> Mapping[int, str]:
        """The label of each number."""
        return COMPOUND if self.name.startswith('compound') else BASIC


archives.register('raf_db', archives.Signature(lambda path: _NAME.fullmatch(path.name) is not None))


def _config(name: str, description: str, **choices: Any) -> RafDbConfig:
    codes = COMPOUND if name.startswith('compound') else BASIC
    classes = tuple(label for label in expressions.CLASS_NAMES if label in codes.values())
    return RafDbConfig(name=name, description=description, classes=classes, **choices)


class Builder(OfficialSplitBuilder):
    """Real-world Affective Faces Database.

    >>> [config.name for config in Builder.BUILDER_CONFIGS][:3]
    ['basic_aligned', 'basic_faces', 'basic_originals']
    """

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'First release.'}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f'Ask its authors for RAF-DB and put it into one folder: {LAYOUT}.'
    )
    LAYOUT = LAYOUT
    HOMEPAGE = 'http://www.whdeng.cn/RAF/model1.html'
    TERMS = 'on request, research that is not commercial'
    BUILDER_CONFIGS = [
        _config(
            f'{kind}_{what}', f'{description}; {labels}.', crops_faces=crops, takes_aligned=aligned
        )
        for kind, labels in (('basic', 'seven classes'), ('compound', 'eleven compound classes'))
        for what, description, crops, aligned in (
            ('aligned', 'The faces of 100 px, aligned by its authors', False, True),
            ('faces', 'Face crops, aligned as those of the other sets', True, False),
            ('originals', 'Untouched photographs', False, False),
        )
    ]
    EXTRA_FEATURES = {
        'gender': tfds.features.Text(),
        'group': tfds.features.Text(),
        'age': tfds.features.Text(),
    }

    builder_config: RafDbConfig

    def _read_archive(self, manual_dir: epath.Path) -> archives.Archive:
        folder = archives.find_folder(manual_dir, self.name, LAYOUT)
        files = archives.list_files(folder)
        mine = [path for path in files if self._is_mine(path.relative_to(folder).parts)]
        self._label_of = _read_list(mine, self.builder_config.codes)
        self._attributes_of = {
            match['stem'].lower(): path
            for path in mine
            if (match := _ATTRIBUTES.fullmatch(path.name))
        }
        try:
            return archives.read_folder(folder, self._parse, LAYOUT, own=self.name)
        except InvalidArchiveError as error:
            raise InvalidArchiveError(
                f'{error} {_advise(self.builder_config, has_list=bool(self._label_of))}'
            ) from error

    def _is_mine(self, parts: Sequence[str]) -> bool:
        """Whether a file is of the part, basic or compound, that the config takes."""
        is_compound = any('compound' in part.lower() for part in parts[:-1])
        return is_compound == (self.builder_config.codes is COMPOUND)

    def _parse(self, path: epath.Path, parts: tuple[str, ...]) -> archives.Photo | None:
        if not self._is_mine(parts):
            return None
        if _LIST.fullmatch(path.name) or _ATTRIBUTES.fullmatch(path.name):
            return None
        archives.require_image(path)
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise archives.Skip('not a name of RAF-DB')
        if bool(match['aligned']) != self.builder_config.takes_aligned:
            return None
        stem = match['stem'].lower()
        code = self._label_of.get(stem) if self._label_of else _code_of_folder(parts)
        if code is None:
            place = 'line of the list of labels' if self._label_of else 'folder 1 to 7'
            raise archives.Skip(f'in no {place}')
        extras = _read_attributes(self._attributes_of.get(stem))
        return archives.Photo(
            path, '/'.join(parts), self.builder_config.codes[code], subject_id='', extras=extras
        )

    def _official_split(self, photo: archives.Photo) -> str:
        return photo.file_name.rpartition('/')[2].partition('_')[0].lower()


def _read_list(files: Sequence[epath.Path], codes: Mapping[int, str]) -> dict[str, int]:
    """The number of each photo by its stem; nothing where there is no list.

    Raises:
        InvalidArchiveError: A line is none of the list, or there are two lists.
    """
    lists = [path for path in files if _LIST.fullmatch(path.name)]
    if len(lists) > 1:
        raise InvalidArchiveError(
            f'RAF-DB must have one list of labels. Received: {", ".join(map(str, lists))}. Move '
            'one of them elsewhere.'
        )
    found: dict[str, int] = {}
    for path in lists:
        for number, line in enumerate(path.read_text(encoding='utf-8-sig').splitlines(), start=1):
            if not line.strip():
                continue
            name, _, code = line.strip().rpartition(' ')
            match = _NAME.fullmatch(name.strip())
            if match is None or not code.isdigit() or int(code) not in codes:
                raise InvalidArchiveError(
                    f'Each line of {path} must be a name and a number of {min(codes)} to '
                    f'{max(codes)}, such as `train_00001.jpg 5`. Received, in line {number}: '
                    f'{line!r}.'
                )
            found[match['stem'].lower()] = int(code)
    return found


def _code_of_folder(parts: Sequence[str]) -> int | None:
    """Of `train/5/train_00001_aligned.jpg`."""
    known = parts[-2] if len(parts) > 1 else ''
    return int(known) if known.isdigit() and int(known) in BASIC else None


def _read_attributes(file: epath.Path | None) -> dict[str, str]:
    """Gender, group and age by the manual annotation; empty where there is none, or it is none."""
    unknown = {'gender': '', 'group': '', 'age': ''}
    if file is None:
        return unknown
    lines = file.read_text().split('\n')[5:8]
    choices = (GENDERS, GROUPS, AGES)
    try:
        values = [names[int(line)] for names, line in zip(choices, lines, strict=True)]
    except (ValueError, IndexError):
        return unknown
    return dict(zip(unknown, values, strict=True))


def _advise(config: RafDbConfig, *, has_list: bool) -> str:
    pictures = f'Image/{"aligned" if config.takes_aligned else "original"}/'
    missing = pictures if has_list else f'EmoLabel/list_patition_label.txt and {pictures}'
    return f'The config {config.name} needs {missing}.'
