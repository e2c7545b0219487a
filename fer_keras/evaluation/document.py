"""A report as sections of text, tables and figures, written as HTML, Markdown and JSON."""

from __future__ import annotations

import base64
import dataclasses
import json
import mimetypes
import os
import re
from collections.abc import Mapping
from typing import Any

import jinja2
import markupsafe

from fer_keras import files
from fer_keras.run_dir import ReportDir


@dataclasses.dataclass(frozen=True)
class Paragraph:
    """A paragraph, or a warning that nobody should read past.

    >>> Paragraph('3 images are left out.', is_warning=True)
    Paragraph(text='3 images are left out.', is_warning=True)
    """

    text: str
    is_warning: bool = False


@dataclasses.dataclass(frozen=True)
class Bullets:
    """A list of sentences.

    >>> Bullets(('sad is taken for angry.', 'happy is taken for sad.')).items[0]
    'sad is taken for angry.'
    """

    items: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Table:
    """Cells as text; numbers stand right, in every column but the first of `text_columns`.

    >>> Table(('class', 'recall'), (('happy', '0.98'), ('sad', '0.71')), 'Of each class.').caption
    'Of each class.'
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ''
    text_columns: int = 1


@dataclasses.dataclass(frozen=True)
class ReportFigure:
    """A file in the folder of the report, and what it shows, for those who cannot see it.

    >>> ReportFigure('recall.png', 'Recall of each class.').file
    'recall.png'
    """

    file: str
    caption: str
    is_wide: bool = False


Block = Paragraph | Bullets | Table | ReportFigure
# What `report.json` calls them; those of every release must be read.
KINDS: dict[str, type[Block]] = {
    'paragraph': Paragraph,
    'bullets': Bullets,
    'table': Table,
    'picture': ReportFigure,
}


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading and what stands under it.

    >>> Section('Data and versions', (Paragraph('One data set.'),)).anchor
    'data-and-versions'
    """

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

    >>> summary = Section('Summary', (Bullets(('So it is.',)),))
    >>> print(to_markdown(Document('A test', 'Accuracy 50.0%.', (summary,), {'accuracy': 0.5})))
    # A test
    <BLANKLINE>
    Accuracy 50.0%.
    <BLANKLINE>
    ## Summary
    <BLANKLINE>
    - So it is.
    <BLANKLINE>
    """

    title: str
    lead: str
    sections: tuple[Section, ...]
    numbers: dict[str, Any]


def write_document(document: Document, folder: str) -> None:
    """Writes the report as one page with its figures inside, as Markdown and as JSON.

    Args:
        document: Its figures lie in `folder`.
        folder: Where to.

    Raises:
        FileNotFoundError: A figure is missing; nothing is written then.
        UnwritableFileError: The folder cannot be written to.
    """
    report_dir = ReportDir(folder)
    texts = {
        report_dir.html_file: to_html(document, folder),
        report_dir.markdown_file: to_markdown(document),
        report_dir.json_file: to_json(document),
    }
    for path, text in texts.items():
        files.write_text(path, text)


def to_html(document: Document, folder: str) -> str:
    """One page that asks for nothing from anywhere: styles and figures are inside."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader('fer_keras.evaluation'),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters['inlined'] = lambda name: _inlined(os.path.join(folder, name))
    environment.filters['breakable'] = _breakable
    environment.tests['kind'] = lambda block, kind: isinstance(block, KINDS[kind])
    return environment.get_template('report.html').render(document=document)


def to_markdown(document: Document) -> str:
    """GitHub's dialect; figures are links to the files beside it."""
    parts = [f'# {document.title}', document.lead]
    for section in document.sections:
        parts += [f'## {section.title}', *map(_block_as_markdown, section.blocks)]
    return '\n\n'.join(part for part in parts if part) + '\n'


def to_json(document: Document) -> str:
    """The sections as they read, and `numbers` unrounded."""
    names = {kind: name for name, kind in KINDS.items()}
    sections = [
        {
            'title': section.title,
            'blocks': [
                {'kind': names[type(block)], **dataclasses.asdict(block)}
                for block in section.blocks
            ],
        }
        for section in document.sections
    ]
    content = {'title': document.title, 'lead': document.lead, 'sections': sections}
    return json.dumps(content | {'numbers': document.numbers}, indent=2)


def block_from_json(saved: Mapping[str, Any]) -> Block:
    """The block that `to_json` wrote, of any release.

    >>> block_from_json({'kind': 'picture', 'file': 'recall.png', 'caption': 'Recall.'})
    ReportFigure(file='recall.png', caption='Recall.', is_wide=False)
    """
    return KINDS[saved['kind']](**{name: v for name, v in saved.items() if name != 'kind'})


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
    if isinstance(block, ReportFigure):
        return f'![{block.caption}]({block.file.replace(" ", "%20")})'
    lines = [block.columns, ('---',) * len(block.columns), *block.rows]
    cells = ['| ' + ' | '.join(cell.replace('|', '\\|') for cell in line) + ' |' for line in lines]
    return '\n'.join([f'{block.caption}\n'] * bool(block.caption) + cells)
