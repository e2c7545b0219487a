"""The table of an answer: a row a face, and the same columns whatever was asked.

`docs/answers.md` says what each column holds, and when it is empty: `pd.NA` (NaN in float64),
nothing between the commas of a CSV file, and `null` in JSON Lines.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TextIO

import numpy as np
import pandas as pd

from fer_keras.errors import UnwritableFileError

BOX = ('left', 'top', 'right', 'bottom')
PROBABILITY = 'p_{}'
SMOOTHED = 'smoothed_{}'
OK, NO_FACE, UNREADABLE = 'ok', 'no face', 'unreadable: {}'
# In Python's own strings: those of pyarrow hold no file names that are not UTF-8.
_TEXT = pd.StringDtype('python')
_BEFORE: dict[str, Any] = {
    'file': _TEXT,
    'frame': 'Int64',
    'time': 'float64',
    'photo': 'Int64',
    'face': 'Int64',
    'track': 'Int64',
    **dict.fromkeys((*BOX, 'confidence'), 'float64'),
    'label': _TEXT,
    'score': 'float64',
}
# Enough for every float32 number to be read back as it was.
_DIGITS = '.9g'


@dataclasses.dataclass(frozen=True)
class Row:
    """Where a face is, or that a picture has none.

    Attributes:
        photo: Running number of the picture, from 0.
        face: Number of the face in it, from 0; -1 where there is none.
        box: Left, top, right and bottom in pixels; None where the picture is a crop.
        confidence: The detector's score; None where the picture is a crop.
        status: One of `OK`, `NO_FACE` and `UNREADABLE`.
        file: Its file, or `camera:0`; empty where it has none.
        frame: Number of the frame in a video.
        time: Seconds from the start of the video.
        track: Number of the person in the video.
        time_s: As `time`, and for a camera seconds since its first frame.

    >>> Row(photo=3).face
    -1
    """

    photo: int
    face: int = -1
    box: tuple[float, ...] | None = None
    confidence: float | None = None
    status: str = OK
    file: str = ''
    frame: int | None = None
    time: float | None = None
    track: int | None = None
    time_s: float | None = None


def column_types(names: Sequence[str], *, of_video: bool = False) -> dict[str, Any]:
    """The columns in their order, with the type of each, for classes of these names.

    Args:
        names: Of the classes.
        of_video: Whether there are those of videos whose faces are followed.
    """
    probabilities = {PROBABILITY.format(name): 'float64' for name in names}
    types = {**_BEFORE, **probabilities, 'status': _TEXT}
    if of_video:
        smoothed = {SMOOTHED.format(name): 'float64' for name in ('score', *names)}
        types |= {'time_s': 'float64', SMOOTHED.format('label'): _TEXT, **smoothed}
    return types


def make_table(
    rows: Sequence[Row],
    probabilities: np.ndarray,
    names: Sequence[str],
    smoothed: np.ndarray | None = None,
) -> pd.DataFrame:
    """The table of these rows.

    Args:
        rows: In the order of the table.
        probabilities: float32 `[faces, classes]`, for each row with a face, in their order.
        names: Of the classes.
        smoothed: As `probabilities`, of videos whose faces are followed: adds their columns.

    >>> rows = [Row(photo=0, face=0), Row(photo=1, status=NO_FACE)]
    >>> table = make_table(rows, np.array([[0.75, 0.25]]), ['sad', 'happy'])
    >>> table[['photo', 'face', 'label', 'score', 'p_happy', 'status']].values.tolist()
    [[0, 0, 'sad', 0.75, 0.25, 'ok'], [1, -1, <NA>, nan, nan, 'no face']]
    """
    has_face = np.array([row.face >= 0 for row in rows], bool)
    boxes = np.array([row.box or (np.nan,) * 4 for row in rows], float).reshape(-1, 4)
    columns: dict[str, Any] = {
        'file': [row.file or None for row in rows],
        'frame': [row.frame for row in rows],
        'time': [row.time for row in rows],
        'photo': [row.photo for row in rows],
        'face': [row.face for row in rows],
        'track': [row.track for row in rows],
        **dict(zip(BOX, boxes.T, strict=True)),
        'confidence': [row.confidence for row in rows],
        **_answers(has_face, probabilities, names, '{}', PROBABILITY),
        'status': [row.status for row in rows],
    }
    if smoothed is not None:
        columns['time_s'] = [row.time_s for row in rows]
        columns |= _answers(has_face, smoothed, names, SMOOTHED, SMOOTHED)
    types = column_types(names, of_video=smoothed is not None)
    return pd.DataFrame({name: _as_array(columns[name], kind) for name, kind in types.items()})


def _as_array(values: Any, kind: Any) -> Any:
    """A column, made as directly as can be: a series would take longer than a small network."""
    if kind == 'float64':
        return np.array(values, float)
    if kind == 'Int64':
        numbers = np.array([0 if one is None else one for one in values], np.int64)
        return pd.arrays.IntegerArray(numbers, np.array([one is None for one in values], bool))
    return pd.array(values, kind)


def _answers(
    has_face: np.ndarray, probabilities: np.ndarray, names: Sequence[str], best: str, each: str
) -> dict[str, Any]:
    """`label` and `score` by the pattern `best`, and a column a class by the pattern `each`."""
    # A float64 table of float32 numbers; NaN where nobody is.
    spread = np.full((len(has_face), len(names)), np.nan)
    spread[has_face] = probabilities
    labels = np.full(len(has_face), None, object)
    labels[has_face] = [names[place] for place in probabilities.argmax(axis=1)]
    return {
        best.format('label'): labels,
        best.format('score'): spread.max(axis=1),
        **{each.format(name): spread[:, place] for place, name in enumerate(names)},
    }


class AnswerFile:
    """A CSV or JSON Lines file of answers, written as they come.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with AnswerFile(f'{folder}/a.csv', ['sad']) as file:
    ...         file.write(make_table([Row(0, status=NO_FACE)], np.zeros((0, 1)), ['sad']))
    ...     print(pathlib.Path(f'{folder}/a.csv').read_text())
    file,frame,time,photo,face,track,left,top,right,bottom,confidence,label,score,p_sad,status
    ,,,0,-1,,,,,,,,,,no face
    <BLANKLINE>
    """

    def __init__(self, path: str, names: Sequence[str], *, of_video: bool = False) -> None:
        """Opens the file.

        Args:
            path: CSV where it ends in `.csv`, else JSON Lines.
            names: Of the classes.
            of_video: Whether it has the columns of videos, empty for photos.

        Raises:
            UnwritableFileError: It cannot be opened.
        """
        try:
            self._file: TextIO = open(  # noqa: SIM115  # `__exit__` closes it.
                path, 'w', encoding='utf-8', newline=''
            )
        except OSError as error:
            raise UnwritableFileError(f'{path} cannot be written: {error.strerror}.') from error
        self._is_csv = path.endswith('.csv')
        self._columns = list(column_types(names, of_video=of_video))
        if self._is_csv:
            pd.DataFrame(columns=self._columns).to_csv(self._file, index=False)

    def __enter__(self) -> AnswerFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, table: pd.DataFrame) -> None:
        """Appends the rows of `make_table`, to be read at once by whoever watches a camera."""
        table = in_utf_8(table.reindex(columns=self._columns))
        if self._is_csv:
            table.to_csv(self._file, index=False, header=False, float_format=f'%{_DIGITS}')
        else:
            for row in table.to_dict('records'):
                values = {str(name): _as_json(value) for name, value in row.items()}
                self._file.write(f'{json.dumps(values)}\n')
        self._file.flush()


def in_utf_8(table: pd.DataFrame) -> pd.DataFrame:
    """The table with names of files and their problems as a file holds them."""
    return table.assign(**{name: table[name].map(_as_utf_8) for name in ('file', 'status')})


def _as_utf_8(text: Any) -> Any:
    """A file's name may hold other bytes, which most readers of a table would stumble over."""
    if pd.isna(text):
        return text
    return text.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')


def _as_json(value: Any) -> Any:
    if pd.isna(value):
        return None
    return float(format(value, _DIGITS)) if isinstance(value, float) else value
