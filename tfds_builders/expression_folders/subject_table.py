"""The table of people: gender, group and age of each, and whose rows belong to whom."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from etils import epath

from tfds_builders.archives import first_lines
from tfds_builders.errors import InvalidTableError
from tfds_builders.table_files import Table, one_of, open_table

SUBJECTS_FILE = 'subjects.csv'
# Our names, and those of published lists.
_COLUMNS = {
    'subject_id': ('subject', 'face_id', 'id'),
    'gender': ('face_gender', 'sex'),
    'group': ('face_eth', 'ethnicity'),
    'age': ('face_age',),
}
_LARGEST_AGE = 130
# As a spreadsheet writes `007`.
_NUMBER = re.compile(r'0*(\d+)(?:[.,]0+)?', re.A)


@dataclasses.dataclass
class SubjectTable:
    """What is known of people.

    Attributes:
        known: Of each person, as the table names them, some of gender, group and age (whole years,
            -1: unknown).
        notes: What was assumed, a sentence each.

    >>> table = SubjectTable({'7': {'age': 23}})
    >>> table.assign({'007', '008'})
    {'007': {'age': 23}}
    >>> table.notes[1]
    '1 were found by their number, such as `007` in the row of `7`'
    """

    known: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)

    def assign(self, people: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Finds the row of each person, and notes who has none, and whose row is nobody's.

        Names must be equal; where they are not, equal as numbers, or but for the case of letters.
        A row that could be that of two people is nobody's.
        """
        if not self.known:
            return {}
        everyone = sorted(set(people))
        found = {person: person for person in everyone if person in self.known}
        for how, key in (('number', _as_number), ('name in other letters', str.casefold)):
            more = self._match(everyone, found, key)
            if more:
                named = (f'`{person}` in the row of `{row}`' for person, row in more.items())
                such = first_lines(named)
                self.notes.append(f'{len(more)} were found by their {how}, such as {such}')
            found |= more
        self.notes.insert(0, f'{len(found)} of {len(everyone)} people of the photos are in it')
        for what, left in (
            ('not in it, so that nothing is known of them', set(everyone) - set(found)),
            ('in it and on no photo', set(self.known) - set(found.values())),
        ):
            if left:
                self.notes.append(f'{what}: {first_lines(sorted(left))}')
        return {person: self.known[row] for person, row in found.items()}

    def _match(
        self, people: Iterable[str], found: Mapping[str, str], key: Callable[[str], str]
    ) -> dict[str, str]:
        rows, wanted = collections.defaultdict(list), collections.defaultdict(list)
        for row in self.known:
            rows[key(row)].append(row)
        for person in people:
            wanted[key(person)].append(person)
        taken = set(found.values())
        return {
            alike[0]: rows[one][0]
            for one, alike in wanted.items()
            if one and len(alike) == len(rows.get(one, ())) == 1
            if alike[0] not in found and rows[one][0] not in taken
        }


def find_subjects_file(folder: epath.Path) -> epath.Path | None:
    """The table of a folder, whatever the case of its name."""
    return next((one for one in sorted(folder.iterdir()) if is_subjects_file(one.name)), None)


def is_subjects_file(name: str) -> bool:
    """Whether a file is the table, by its name."""
    return name.lower() == SUBJECTS_FILE


def read_subjects(path: epath.Path | None) -> SubjectTable:
    """Reads gender, group and age of each person; empty without a file.

    Raises:
        InvalidTableError: It is no table of text, has no column of people or no row, or two rows
            say different things of one person.
    """
    if path is None:
        return SubjectTable()
    others = ', '.join(f'`{name}`' for name in _COLUMNS['subject_id'])
    advice = f'The first of them may also be named {others}; gender, group and age may be missing.'
    table = open_table(path, one_of(**_COLUMNS), ['subject_id'], advice)
    found = SubjectTable(notes=list(table.notes))
    lines: dict[str, int] = {}
    problems = []
    for row in table.rows():
        person = row.cells.get('subject_id', '')
        if not person:
            problems.append(f'line {row.line} {row.problem or "names nobody"}')
            continue
        if row.problem:
            problems.append(f'line {row.line} {row.problem}')
        known = _describe(row.cells, table)
        if found.known.setdefault(person, known) != known:
            raise InvalidTableError(
                f'{path} must have one row for each person. Received: {person!r} in lines '
                f'{lines[person]} and {row.line}, with other values. Delete one of them.'
            )
        lines.setdefault(person, row.line)
        if known.get('age') == -1 and row.cells.get('age'):
            problems.append(f'line {row.line} has no age in whole years: {row.cells["age"]!r}')
    if not found.known:
        problem = f' {first_lines(problems)}.' if problems else ''
        raise InvalidTableError(
            f'{table.describe()}, must have a row for each person. Received: none.{problem} Fill '
            'it, or move it elsewhere.'
        )
    if problems:
        found.notes.append(f'{len(problems)} rows are incomplete: {first_lines(problems)}')
    return found


def _describe(cells: Mapping[str, str], table: Table) -> dict[str, Any]:
    known: dict[str, Any] = {name: cells.get(name, '') for name in _COLUMNS if name in table.header}
    known.pop('subject_id')
    if 'age' in known:
        try:
            years = int(table.number(known['age']))
        except ValueError:
            started = re.match(r'\d+', known['age'], re.A)
            years = int(started[0]) if started else -1
        known['age'] = years if 0 <= years <= _LARGEST_AGE else -1
    return known


def _as_number(name: str) -> str:
    """The number that a name is, without zeros before it; empty for any other name."""
    number = _NUMBER.fullmatch(name)
    return number[1] if number else ''
