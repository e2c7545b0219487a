"""Tables as people have them are read, or refused with the file, the line or header, and advice."""

import codecs
import time
import tracemalloc

import numpy as np
import pytest

from tfds_builders.errors import InvalidTableError
from tfds_builders.table_files import one_of, open_table, parse_number

KNOWN = one_of('age', subject_id=('face_id', 'id'))
EXPECTED = [{'subject_id': '007', 'age': '23'}, {'subject_id': 'José', 'age': '31'}]
TEXT = 'subject_id,age\n007,23\nJosé,31\n'


def write(folder, content):
    path = folder / 'people.csv'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def cells(table):
    return [dict(row.cells) for row in table.rows()]


@pytest.mark.parametrize('delimiter', [',', ';', '\t', '|'])
@pytest.mark.parametrize('line_end', ['\n', '\r\n', '\r'])
@pytest.mark.parametrize(
    ('start', 'encoding'),
    [
        (b'', 'utf-8'),
        (codecs.BOM_UTF8, 'utf-8'),
        (codecs.BOM_UTF16_LE, 'utf-16-le'),
        (codecs.BOM_UTF16_BE, 'utf-16-be'),
        (codecs.BOM_UTF32_LE, 'utf-32-le'),
        (b'', 'utf-16-le'),
        (b'', 'utf-16-be'),
        (b'', 'cp1252'),
        (codecs.BOM_UTF8, 'cp1252'),
    ],
)
def test_charset_delimiter_and_line_ends_are_found(start, encoding, line_end, delimiter, tmp_path):
    text = TEXT.replace(',', delimiter).replace('\n', line_end)
    table = open_table(write(tmp_path, start + text.encode(encoding)), KNOWN, ['subject_id'])
    assert cells(table) == EXPECTED
    assert [row.line for row in table.rows()] == [2, 3]
    notes = ' '.join(table.notes)
    assert ('UTF-16' in notes) == encoding.startswith('utf-16')
    assert ('Windows-1252' in notes) == (encoding == 'cp1252')
    assert ('between cells' in notes) == (delimiter != ',')


@pytest.mark.parametrize(
    'text',
    [
        'Face ID , AGE\n007,23\nJosé,31',
        '"subject_id","age"\n"007","23"\n"José","31"\n',
        '\n\nsubject_id,age\n\n007,23\n,,\nJosé,31\n\n\n',
        'sep=;\nsubject_id;age\n007;23\nJosé;31\n',
        'age,notes,subject_id\n23,"a, ""b""\nc",007\n31,,José\n',
        'subject_id,age,,\n007,23,,\nJosé,31,,\n',
    ],
)
def test_headers_quotes_and_empty_lines_of_other_programs_are_read(text, tmp_path):
    table = open_table(write(tmp_path, text), KNOWN, ['subject_id', 'age'])
    assert [{key: row[key] for key in ('subject_id', 'age')} for row in cells(table)] == EXPECTED


def test_columns_that_are_not_read_are_named(tmp_path):
    table = open_table(write(tmp_path, 'id,Alter\n1,23\n'), KNOWN, ['subject_id'])
    assert table.notes == (
        'column `id` read as `subject_id`',
        'columns that are not read: `Alter`',
    )


def test_the_form_of_each_row_is_told_with_its_line(tmp_path):
    text = 'id,age\n1\n2,23,4\n"3,23\n4,24\n'
    found = [(row.line, row.problem) for row in open_table(write(tmp_path, text), KNOWN).rows()]
    assert found[:2] == [
        (2, 'has 1 of 2 cells'),
        (3, 'has 3 cells, more than the 2 of the header'),
    ]
    assert found[2][0] == 4 and 'a quote (") in lines 4 to 5 is not closed' in found[2][1]


def test_rows_behind_a_quote_that_is_not_closed_are_read_again(tmp_path):
    lines = ['id,age', '"1,2', *('3,' + 'x' * 1000 for _ in range(300)), '4,5']
    *_, last = open_table(write(tmp_path, '\n'.join(lines)), KNOWN).rows()
    assert (last.cells, last.problem) == ({'subject_id': '4', 'age': '5'}, '')


@pytest.mark.parametrize(
    ('content', 'told'),
    [
        (b'', 'an empty file'),
        (b'\n\n \n', 'an empty file'),
        (b'\xef\xbb\xbf', 'an empty file'),
        (b'PK\x03\x04rest', 'a workbook of Excel.*save it as CSV UTF-8'),
        (b'\xd0\xcf\x11\xe0rest', 'a workbook of Excel.*save it as CSV UTF-8'),
        (b'\x1f\x8b\x08', 'gzip. Unpack it'),
        (b'<!DOCTYPE html><html>', 'a web page'),
        (b'version https://git-lfs.github.com/spec/v1', 'git lfs pull'),
        (bytes(range(256)), 'binary data'),
        (b'\xff\xfeabc', 'UTF-16 that is damaged at byte'),
        (b'who,age\n1,2\n', 'the header `who`, `age`, without `subject_id`. Rename it.'),
        (b'id,face_id\n1,2\n', '`id`, `face_id`, with subject_id more than once'),
        (b'a' * 70000, 'header `aaa.*without `subject_id`'),
    ],
)
def test_what_is_no_such_table_is_refused_with_what_to_do(content, told, tmp_path):
    path = write(tmp_path, content)
    with pytest.raises(InvalidTableError, match=told) as raised:
        open_table(path, KNOWN, ['subject_id'], 'Rename it.')
    assert 'people.csv' in str(raised.value) and len(str(raised.value)) < 500


def test_a_table_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(InvalidTableError, match='cannot be opened: Is a directory'):
        open_table(tmp_path, KNOWN)


def test_numbers_of_other_countries_are_read_only_where_they_are_clear(tmp_path):
    semicolon = open_table(write(tmp_path, 'id;age\n1;2\n'), KNOWN)
    assert semicolon.number('0,5') == 0.5 and semicolon.number('1,2E-05') == 1.2e-5
    assert semicolon.whole_number(' 3,0 ') == 3
    assert parse_number('.5') == 0.5
    for text in ('0,5', '1.234.5', 'nan', 'inf', '', '1e999', '1_000', '٣'):
        with pytest.raises(ValueError, match='is not a number'):
            parse_number(text)
    with pytest.raises(ValueError, match='not a whole number'):
        semicolon.whole_number('3.5')


def test_mutated_tables_are_read_or_refused(tmp_path):
    rng = np.random.default_rng(0)
    texts = [TEXT.encode(one) for one in ('utf-8', 'utf-16', 'cp1252')]
    for number in range(300):
        data = bytearray(texts[number % 3] * int(rng.integers(1, 4)))
        for _ in range(int(rng.integers(1, 6))):
            place = int(rng.integers(len(data)))
            data[place : place + int(rng.integers(3))] = rng.bytes(int(rng.integers(3)))
        try:
            list(open_table(write(tmp_path, bytes(data)), KNOWN, ['subject_id']).rows())
        except InvalidTableError as error:
            assert 'people.csv' in str(error)


def test_a_large_table_is_never_held_whole(tmp_path):
    path = tmp_path / 'large.csv'
    with path.open('w') as file:
        file.write('id,age\n')
        file.writelines([f'1,{"9 " * 2304}\n'] * 4000)
    tracemalloc.start()
    begun = time.monotonic()
    assert sum(1 for _ in open_table(path, KNOWN).rows()) == 4000
    assert tracemalloc.get_traced_memory()[1] < path.stat().st_size / 2
    tracemalloc.stop()
    assert time.monotonic() - begun < 30


def test_a_table_without_its_header_has_the_published_columns(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text('x.jpg;1;2,5\ny.jpg;3;4\n')
    published = ('name', 'code', 'value')
    table = open_table(path, one_of(*published), ['name'], published=published)
    assert [row.line for row in table.rows()] == [1, 2]
    assert next(table.rows()).cells == {'name': 'x.jpg', 'code': '1', 'value': '2,5'}
    assert any('without a header' in note for note in table.notes)
    with pytest.raises(InvalidTableError, match='without `name`'):
        open_table(path, one_of(*published), ['name'], published=(*published, 'other'))
