"""Reads tables of text as people have them: of Excel, of other systems, and of other scripts.

One place decodes and splits a table, row by row: a large one is never held whole. What had to be
assumed is in `Table.notes`, and what cannot be read is refused with the file, the line or the
header, and what to do.
"""

from __future__ import annotations

import csv
import dataclasses
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from etils import epath

from tfds_builders.charsets import find_encoding, open_text
from tfds_builders.errors import InvalidTableError

DELIMITERS = {',': '`,`', ';': '`;`', '\t': 'a tab', '|': '`|`'}
# What Excel reads the delimiter from, in a line before the header.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.I)
_SHOWN_COLUMNS, _SHOWN_LETTERS = 12, 30
_NUMBER = re.compile(r'[+-]?(\d+[.]?\d*|[.]\d+)(e[+-]?\d+)?', re.I | re.A)


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        line: Its first line in the file, from 1.
        cells: By the name of their column, without spaces around; a short row lacks the last ones.
        problem: What is wrong with the form of the row, or empty.

    >>> Row(2, {'age': '23'}, 'has 1 of 3 cells').cells.get('gender', '')
    ''
    """

    line: int
    cells: Mapping[str, str]
    problem: str = ''


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of text that can be read, from `open_table`.

    Attributes:
        path: Its file.
        header: The names of its columns, known ones as the caller knows them.
        delimiter: What stands between two cells.
        encoding: Of its text, as Python names it.
        notes: What was assumed, a sentence each.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix='.csv') as file:
    ...     _ = file.write('Name;AGE\\r\\nJos\\xe9;"23,0"\\r\\n'.encode('cp1252'))
    ...     file.flush()
    ...     table = open_table(file.name, one_of('name', 'age'), ['name'])
    ...     [(row.line, row.cells) for row in table.rows()], table.notes[0]
    ([(2, {'name': 'José', 'age': '23,0'})], 'read as Windows-1252, for it is no UTF-8')
    """

    path: epath.Path
    header: tuple[str, ...]
    delimiter: str
    encoding: str
    notes: tuple[str, ...]
    header_line: int = 1

    def rows(self) -> Iterator[Row]:
        """Yields all rows that hold anything, also those whose form is wrong."""
        with open_text(self.path, self.encoding) as file:
            reader = csv.reader(file, delimiter=self.delimiter, strict=True)
            while True:
                line = reader.line_num + 1
                try:
                    cells = [cell.strip() for cell in next(reader)]
                except StopIteration:
                    return
                except csv.Error:  # The reader goes on behind it.
                    yield Row(line, {}, _describe_quote(line, reader.line_num))
                    continue
                if line > self.header_line and any(cells):
                    yield self._row(line, cells)

    @property
    def shown_header(self) -> str:
        """The header, for a message."""
        return show_header(self.header)

    def describe(self) -> str:
        """The file and its header, for a message."""
        return f'{self.path}, whose header is {self.shown_header}'

    def where(self, row: Row) -> str:
        """The file and the line of a row, for a message."""
        return f'{self.path}, line {row.line}'

    def whole_number(self, text: str) -> int:
        """A number that `parse_number` reads and that is whole, such as `3`, `3.0` or ` 3 `.

        Raises:
            ValueError: It is none.
        """
        number = self.number(text)
        if not number.is_integer():
            raise ValueError(f'{text!r} is not a whole number')
        return int(number)

    def number(self, text: str) -> float:
        """As `parse_number`, with decimal commas where no comma stands between cells."""
        return parse_number(text, decimal_comma=self.delimiter != ',')

    def _row(self, line: int, cells: Sequence[str]) -> Row:
        count, problem = len(self.header), ''
        if any(cells[count:]):
            problem = f'has {len(cells)} cells, more than the {count} of the header'
        elif len(cells) < count:
            problem = f'has {len(cells)} of {count} cells'
        return Row(line, dict(zip(self.header, cells, strict=False)), problem)


def open_table(
    path: str | os.PathLike[str],
    known: Callable[[str], str],
    required: Sequence[str] = (),
    advice: str = '',
    published: Sequence[str] = (),
) -> Table:
    """Finds out how a table is written; its rows are read afterwards.

    The text is that of the byte order mark, else UTF-8, else Windows-1252. The delimiter is the one
    by which the header has most of the known columns.

    Args:
        path: A file of text.
        known: From the name of a column, as it stands there, to that of the caller; empty for one
            that the caller does not know. `one_of` makes such functions.
        required: Columns without which the table is refused, as the caller names them.
        advice: What to do about a column that is missing, a sentence.
        published: The columns of a table that some give on without its header, in their order.

    Raises:
        InvalidTableError: It is no table of text, or columns are missing or come twice.
    """
    file = epath.Path(path)
    encoding, shown = find_encoding(file)
    line, delimiter, names = _read_header(file, encoding, known, published)
    header = tuple(known(name) or name for name in names)
    missing = [name for name in required if name not in header]
    if missing:
        listed = ', '.join(f'`{name}`' for name in missing)
        raise InvalidTableError(
            f'{file} must have the columns {", ".join(f"`{name}`" for name in required)} in its '
            f'first line. Received the header {show_header(names)}, without {listed}. '
            f'{advice}'.rstrip()
        )
    repeated = sorted({name for name in header if header.count(name) > 1 and known(name)})
    if repeated:
        raise InvalidTableError(
            f'{file} must have each column once. Received the header {show_header(names)}, with '
            f'{", ".join(repeated)} more than once. Delete all but one.'
        )
    notes = [f'read as {shown}'] if shown else []
    if delimiter != ',':
        notes.append(f'read with {DELIMITERS.get(delimiter, delimiter)} between cells')
    renamed = [(n, known(n)) for n in names if known(n) and known(n) != n]
    notes += [f'column `{name}` read as `{ours}`' for name, ours in renamed]
    if not line:
        notes.append(f'without a header: its columns are taken to be {show_header(header)}')
    if others := [name for name in names if name and not known(name)]:
        notes.append(f'columns that are not read: {show_header(others)}')
    return Table(file, header, delimiter, encoding, tuple(notes), line)


def one_of(*names: str, **synonyms: Sequence[str]) -> Callable[[str], str]:
    """Knows columns by their names, whatever the case of letters, spaces and underscores.

    >>> known = one_of('Usage', subject_id=('face_id', 'id'))
    >>> known(' usage'), known('Face ID'), known('age')
    ('Usage', 'subject_id', '')
    """
    ours = {fold_name(name): name for name in (*names, *synonyms)}
    ours |= {fold_name(other): name for name, others in synonyms.items() for other in others}
    return lambda name: ours.get(fold_name(name), '')


def show_header(names: Sequence[str]) -> str:
    """The names of columns for a message, shortened.

    >>> show_header(['emotion', 'pixels'])
    '`emotion`, `pixels`'
    """
    if not any(names):
        return 'empty'
    shown = [
        f'`{name if len(name) <= _SHOWN_LETTERS else name[:_SHOWN_LETTERS] + "..."}`'
        for name in names[:_SHOWN_COLUMNS]
    ]
    more = len(names) - _SHOWN_COLUMNS
    return ', '.join(shown) + (f' and {more} more' if more > 0 else '')


def parse_number(text: str, *, decimal_comma: bool = False) -> float:
    """Reads a number of a table, such as `0.5`, `1e-3` or, with a decimal comma, `0,5`.

    Raises:
        ValueError: It is none, is not finite, or has separators of thousands.

    >>> parse_number(' 0,5 ', decimal_comma=True)
    0.5
    """
    given = text.strip()
    plain = given.replace(',', '.') if decimal_comma else given
    number = float(plain) if _NUMBER.fullmatch(plain) else math.nan
    if not math.isfinite(number):
        raise ValueError(f'{given!r} is not a number')
    return number


def fold_name(name: str) -> str:
    """A name without what spellings of it differ in: case, spaces, hyphens and underscores.

    >>> fold_name('Human-Label') == fold_name('human_label')
    True
    """
    return re.sub(r'[\W_]+', '', name.casefold())


def _describe_quote(first: int, last: int) -> str:
    lines = f'lines {first} to {last}' if last > first else f'line {first}'
    return f'cannot be split into cells: a quote (") in {lines} is not closed, or text follows it'


def _read_header(
    path: epath.Path, encoding: str, known: Callable[[str], str], published: Sequence[str]
) -> tuple[int, str, list[str]]:
    """The last line of the header, the delimiter, and the names of the columns.

    Where no column is known and there are as many as `published`, it is those that are meant, and
    the line is the first of the rows.
    """
    with open_text(path, encoding) as file:
        number, is_found = 0, False
        while not is_found:
            number += 1
            line = file.readline(1 << 16)
            if not line:
                raise InvalidTableError(f'{path} must be a table. Received: an empty file.')
            # A mark of UTF-8 before text of Windows.
            line = line.lstrip('\ufeff').removeprefix('ï»¿').strip('\r\n')
            is_empty = not line.strip(' "' + ''.join(DELIMITERS))
            is_found = not is_empty and not _SEPARATOR_LINE.fullmatch(line)
    split = {one: _split_line(line, one) for one in DELIMITERS}

    def likeness(one: str) -> tuple[int, int]:
        return sum(bool(known(name)) for name in split[one]), len(split[one])

    delimiter = max(DELIMITERS, key=likeness)
    as_many = [one for one, names in split.items() if len(names) == len(published)]
    if published and as_many and not likeness(delimiter)[0]:
        return number - 1, as_many[0], list(published)
    return number, delimiter, split[delimiter]


def _split_line(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error:
        return [line.strip()]
