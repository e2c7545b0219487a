"""A report as sections of text, tables and pictures, written as HTML, Markdown and JSON."""

from __future__ import annotations

import base64
import dataclasses
import json
import mimetypes
import os
import re
from typing import Any

import jinja2
import markupsafe


@dataclasses.dataclass(frozen=True)
class Paragraph:
    """A paragraph, or a warning that nobody should read past."""

    text: str
    is_warning: bool = False


@dataclasses.dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Table:
    """Cells as text; numbers stand right, in every column but the first of `text_columns`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ''
    text_columns: int = 1


@dataclasses.dataclass(frozen=True)
class Picture:
    """A file in the folder of the report, and what it shows, for those who cannot see it."""

    file: str
    caption: str
    is_wide: bool = False


Block = Paragraph | Bullets | Table | Picture


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """The name of the heading in a link."""
        return re.sub(r'[^a-z0-9]+', '-', self.title.lower()).strip('-')


@dataclasses.dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        title: Title.
        lead: The finding in a sentence or two.
        sections: In order.
        numbers: The same unrounded, for `report.json`.
    """

    title: str
    lead: str
    sections: tuple[Section, ...]
    numbers: dict[str, Any]


def write_document(document: Document, folder: str) -> None:
    """Writes `report.html`, with its pictures inside, `report.md` and `report.json`.

    Args:
        document: Its pictures lie in `folder`.
        folder: Where to.

    Raises:
        FileNotFoundError: A picture is missing.
    """
    texts = {
        'report.html': to_html(document, folder),
        'report.md': to_markdown(document),
        'report.json': to_json(document),
    }
    for name, text in texts.items():
        path = os.path.join(folder, name)
        with open(f'{path}.unfinished', 'w', encoding='utf-8') as file:
            file.write(text)
        os.replace(f'{path}.unfinished', path)


def to_html(document: Document, folder: str) -> str:
    """One page that asks for nothing from anywhere: styles and pictures are inside."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader('fer_keras.evaluation'),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters['inlined'] = lambda name: _inlined(os.path.join(folder, name))
    environment.filters['breakable'] = _breakable
    environment.tests['kind'] = lambda block, kind: type(block).__name__ == kind
    return environment.get_template('report.html').render(document=document)


def to_markdown(document: Document) -> str:
    """GitHub's dialect; pictures are links to the files beside it."""
    parts = [f'# {document.title}', document.lead]
    for section in document.sections:
        parts += [f'## {section.title}', *map(_block_as_markdown, section.blocks)]
    return '\n\n'.join(part for part in parts if part) + '\n'


def to_json(document: Document) -> str:
    """The sections as they read, and `numbers` unrounded."""
    sections = [
        {
            'title': section.title,
            'blocks': [
                {'kind': type(block).__name__.lower(), **dataclasses.asdict(block)}
                for block in section.blocks
            ],
        }
        for section in document.sections
    ]
    content = {'title': document.title, 'lead': document.lead, 'sections': sections}
    return json.dumps(content | {'numbers': document.numbers}, indent=2)


def _inlined(path: str) -> str:
    kind = mimetypes.guess_type(path)[0]
    with open(path, 'rb') as file:
        return f'data:{kind};base64,{base64.b64encode(file.read()).decode()}'


def _breakable(text: str) -> markupsafe.Markup:
    """Lets long names, such as paths and hashes, break where a phone's line ends."""
    return markupsafe.Markup(re.sub(r'([/_=,])', r'\1<wbr>', str(markupsafe.escape(text))))


def _block_as_markdown(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f'> **Warning:** {block.text}' if block.is_warning else block.text
    if isinstance(block, Bullets):
        return '\n'.join(f'- {item}' for item in block.items)
    if isinstance(block, Picture):
        return f'![{block.caption}]({block.file.replace(" ", "%20")})'
    lines = [block.columns, ('---',) * len(block.columns), *block.rows]
    cells = ['| ' + ' | '.join(cell.replace('|', '\\|') for cell in line) + ' |' for line in lines]
    return '\n'.join([f'{block.caption}\n'] * bool(block.caption) + cells)
