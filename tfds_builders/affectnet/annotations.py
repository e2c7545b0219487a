"""What AffectNet knows of a picture, in each of the three forms in which it was given out."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from etils import epath

from tfds_builders import archives, expressions
from tfds_builders.table_files import Table, fold_name, one_of, open_table

# Of the numbers of all forms; 8 is none of these, 9 uncertain, 10 no face.
LABELS = (
    'neutral',
    'happy',
    'sad',
    'surprised',
    'fearful',
    'disgusted',
    'angry',
    'contemptuous',
)
NO_LABEL = (8, 9, 10)
SUBSETS = ('easy', 'challenging', 'difficult')
_COLUMNS = (
    *('subDirectory_filePath', 'face_x', 'face_y', 'face_width', 'face_height'),
    *('facial_landmarks', 'expression', 'valence', 'arousal'),
)
_UNKNOWN = -2.0


@dataclasses.dataclass(frozen=True)
class Annotated:
    """A picture with what is known of it.

    Attributes:
        path: Its file.
        place: What it is called in the prepared data.
        code: Its label, an index into `LABELS`, or one of `NO_LABEL`.
        extras: Values of the set's own features.

    >>> Annotated(epath.Path('0.jpg'), 'train_set/images/0.jpg', 1, {}).code
    1
    """

    path: epath.Path
    place: str
    code: int
    extras: Mapping[str, Any]


def open_list(file: epath.Path) -> Table:
    """Opens a table of 2017, which may lack its header.

    Raises:
        InvalidTableError: It is no such table.
    """
    required = ('subDirectory_filePath', 'expression')
    return open_table(file, one_of(*_COLUMNS), required, published=_COLUMNS)


def read_list(table: Table, pictures: epath.Path, problems: dict[str, str]) -> Iterator[Annotated]:
    """Of 2017: a row for each picture.

    Args:
        table: From `open_list`.
        pictures: The folder below which its pictures lie.
        problems: Is given each row that is none, with the reason.
    """
    for row in table.rows():
        try:
            if row.problem:
                raise ValueError(f'it {row.problem}')
            name, code = row.cells[_COLUMNS[0]], table.whole_number(row.cells['expression'])
            if code not in (*range(len(LABELS)), *NO_LABEL):
                raise ValueError(f'expression {code} is none of 0 to 10')
            extras = describe(row.cells.get('valence'), row.cells.get('arousal'))
        except ValueError as error:
            problems[f'{table.path.name}:{row.line}'] = f'not a row of AffectNet: {error}'
            continue
        yield Annotated(pictures / name, f'{pictures.name}/{name}', code, extras)


def read_arrays(folder: epath.Path, problems: dict[str, str]) -> Iterator[Annotated]:
    """Of 2021: `images/N.jpg`, and `annotations/N_exp.npy`, `N_val.npy` and `N_aro.npy`.

    Args:
        folder: `train_set` or `val_set`.
        problems: Is given each picture without a label that can be read, with the reason.
    """
    for path in _pictures(folder):
        place = f'{folder.name}/images/{path.name}'
        stem = folder / 'annotations' / path.stem
        try:
            values = {
                key: float(str(_load(stem.parent / f'{stem.name}_{key}.npy')))
                for key in ('exp', 'val', 'aro')
            }
            yield Annotated(
                path, place, _code(values['exp']), describe(values['val'], values['aro'])
            )
        except (OSError, ValueError) as error:
            problems[place] = f'its annotations cannot be read: {error}'


def read_objects(folder: epath.Path, problems: dict[str, str]) -> Iterator[Annotated]:
    """AffectNet+: `images/N.jpg` and `annotations/N.json`, its keys in any spelling.

    Args:
        folder: `train_set` or `validation_set`.
        problems: As for `read_arrays`.
    """
    for path in _pictures(folder):
        place = f'{folder.name}/images/{path.name}'
        try:
            text = (folder / 'annotations' / f'{path.stem}.json').read_text()
            found = {fold_name(key): value for key, value in json.loads(text).items()}
            subset = found.get('subset')
            extras = describe(
                found.get('valence'),
                found.get('arousal'),
                soft_labels=found.get('softlabels', found.get('softlabel')),
                subset=SUBSETS[int(subset)] if subset is not None else '',
                **{ours: str(found.get(key, '')) for ours, key in _DESCRIBED.items()},
            )
            yield Annotated(path, place, _code(found['humanlabel']), extras)
        except (OSError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
            problems[place] = f'its annotations cannot be read: {type(error).__name__}: {error}'


def describe(
    valence: Any = None, arousal: Any = None, soft_labels: Any = None, **texts: str
) -> dict[str, Any]:
    """The set's own features; NaN and empty texts where nothing is known.

    `votes` are the soft labels in the order of the classes, as in other sets.

    Args:
        valence: In [-1, 1]; -2 is unknown.
        arousal: Likewise.
        soft_labels: Eight shares in the order of `LABELS`.
        **texts: Of `subset`, `gender`, `group` and `age`.
    """
    shares = np.full(len(LABELS), np.nan) if soft_labels is None else np.asarray(soft_labels, float)
    if shares.shape != (len(LABELS),):
        raise ValueError(f'{shares.size} soft labels, expected {len(LABELS)}')
    known = dict.fromkeys(('subset', *_DESCRIBED), '')
    by_label = dict(zip(LABELS, shares, strict=True))
    votes = [by_label[label] for label in expressions.BASIC_AND_CONTEMPT]
    return {
        'valence': _affect(valence),
        'arousal': _affect(arousal),
        'votes': np.array(votes, np.float32),
        **known,
        **texts,
    }


_DESCRIBED = {'gender': 'gender', 'group': 'race', 'age': 'age'}


def _affect(value: Any) -> float:
    number = math.nan if value in (None, '') else float(value)
    return math.nan if number == _UNKNOWN else number


def _code(value: Any) -> int:
    code = int(float(value))
    if code not in range(len(LABELS)):
        raise ValueError(f'label {value} is none of 0 to {len(LABELS) - 1}')
    return code


def _load(file: epath.Path) -> Any:
    """One value, which some copies hold as text."""
    with file.open('rb') as opened:
        array = np.load(opened, allow_pickle=False)
    if array.size != 1:
        raise ValueError(f'{file.name} holds {array.size} values, expected one')
    return array.reshape(())[()]


def _pictures(folder: epath.Path) -> Iterator[epath.Path]:
    for path in archives.list_files(folder / 'images'):
        if path.suffix.lower() in ('.jpg', '.jpeg', '.png'):
            yield path
