"""The table of an answer, and what is told of it."""

import re
from pathlib import Path

from fer_keras.inference.answers import column_types

DOCUMENT = Path(__file__).parents[2] / 'docs' / 'answers.md'


def test_the_document_has_every_column_with_its_type_in_order():
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith('| `')]
    told = [
        (name, kind.strip())
        for names, kind in (line.split('|')[1:3] for line in lines)
        for name in re.findall('`(.+?)`', names)
    ]
    types = column_types(['sad'], of_video=True)
    columns = [(name.replace('_sad', '_<name>'), str(kind)) for name, kind in types.items()]
    assert told == columns and list(types)[: len(column_types(['sad']))] == [*column_types(['sad'])]
