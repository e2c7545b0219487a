import dataclasses
import json

import cv2
import numpy as np
import pytest

from fer_keras.evaluation.document import (
    Bullets,
    Document,
    Paragraph,
    ReportFigure,
    Section,
    Table,
    block_from_json,
    to_html,
    to_json,
    to_markdown,
    write_document,
)

DOCUMENT = Document(
    title='a <b> & c',
    lead='It is so.',
    sections=(
        Section(
            'What was found',
            (
                Paragraph('Careful.', is_warning=True),
                Bullets(('one', 'two')),
                Table(('class', 'share'), (('a|b', '0.5'),), 'Shares.'),
                ReportFigure('dot image.png', 'A dot.'),
                ReportFigure('dot image.png', 'Another.'),
            ),
        ),
    ),
    numbers={'accuracy': 0.512345},
)


@pytest.fixture
def folder(tmp_path):
    cv2.imwrite(str(tmp_path / 'dot image.png'), np.zeros((4, 4, 3), np.uint8))
    return str(tmp_path)


def test_html_holds_its_pictures_and_asks_for_nothing(folder):
    page = to_html(DOCUMENT, folder)
    assert page.count('src="data:image/png;base64,') == page.count('<img') == 2
    assert 'http' not in page and 'a &lt;b&gt; &amp; c' in page
    # Pictures that follow each other share a row.
    assert page.count('class="pictures"') == 1 and 'class="warning">Careful.' in page
    assert '<h2 id="what-was-found">' in page and 'href="#what-was-found"' in page


def test_markdown_says_the_same(folder):
    lines = to_markdown(DOCUMENT).splitlines()
    assert lines[:3] == ['# a <b> & c', '', 'It is so.']
    assert '> **Warning:** Careful.' in lines and '- two' in lines
    assert lines[lines.index('| class | share |') + 1 :][:2] == ['| --- | --- |', r'| a\|b | 0.5 |']
    assert '![A dot.](dot%20image.png)' in lines


def test_json_gives_the_blocks_back_and_numbers_unrounded():
    content = json.loads(to_json(DOCUMENT))
    (section,) = content['sections']
    assert [block['kind'] for block in section['blocks']] == [
        'paragraph', 'bullets', 'table', 'picture', 'picture',
    ]  # fmt: skip
    assert content['numbers']['accuracy'] == 0.512345


def test_a_saved_block_is_read_as_it_was():
    (section,) = DOCUMENT.sections
    saved = json.loads(to_json(DOCUMENT))['sections'][0]['blocks']
    # JSON has no tuples.
    assert [to_lists(block_from_json(one)) for one in saved] == list(map(to_lists, section.blocks))


def to_lists(block):
    return type(block), json.loads(json.dumps(dataclasses.asdict(block)))


def test_the_three_are_written_together(folder, tmp_path):
    write_document(DOCUMENT, folder)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {'dot image.png', 'report.html', 'report.md', 'report.json'}


def test_a_missing_picture_is_no_report(tmp_path):
    with pytest.raises(FileNotFoundError, match='dot image.png'):
        write_document(DOCUMENT, str(tmp_path))
    assert not list(tmp_path.iterdir())
