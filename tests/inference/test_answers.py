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
    types = {name.replace('_sad', '_<name>'): str(t) for name, t in column_types(['sad']).items()}
    assert told == list(types.items())
