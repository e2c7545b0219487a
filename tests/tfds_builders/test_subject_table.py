"""Whose row of subjects.csv is whose, and what is said of it."""

import pytest
from etils import epath

from tfds_builders.errors import InvalidTableError
from tfds_builders.expression_folders.subject_table import (
    SubjectTable,
    find_subjects_file,
    read_subjects,
)


def read(folder, content):
    path = epath.Path(folder) / 'subjects.csv'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_subjects(path)


def test_names_of_published_lists_and_ages_of_spreadsheets_are_read(tmp_path):
    text = '\ufeffface_id;face_age;Sex\r\n001;24,0;f\r\n002;NA;m\r\n003;1990;\r\n'
    table = read(tmp_path, text)
    assert table.known == {
        '001': {'gender': 'f', 'age': 24},
        '002': {'gender': 'm', 'age': -1},
        '003': {'gender': '', 'age': -1},
    }
    assert "line 3 has no age in whole years: 'NA'" in table.notes[-1]


@pytest.mark.parametrize('written', ['7', '07', '7.0', '7,0'])
def test_zeros_that_a_spreadsheet_lost_are_found_again_and_said(written):
    table = SubjectTable({written: {'age': 23}, 'Anna': {'age': 4}})
    assert table.assign(['007', '008', 'anna']) == {'007': {'age': 23}, 'anna': {'age': 4}}
    told = '; '.join(table.notes)
    assert told.startswith('2 of 3 people of the photos are in it')
    assert f'found by their number, such as `007` in the row of `{written}`' in told
    assert 'nothing is known of them: 008' in told


def test_a_row_that_could_be_of_two_people_is_of_nobody():
    assert SubjectTable({'7': {'age': 1}}).assign(['07', '007']) == {}
    assert SubjectTable({'7': {'age': 1}, '07': {'age': 2}}).assign(['007']) == {}
    # An equal name is surer than an equal number.
    assert SubjectTable({'7': {'age': 1}}).assign(['7', '007']) == {'7': {'age': 1}}


def test_rows_of_nobody_are_said(tmp_path):
    table = read(tmp_path, 'subject_id,age\n001,3\n099,4\n,5\n')
    assert table.assign(['001']) == {'001': {'age': 3}}
    told = '; '.join(table.notes)
    assert 'in it and on no photo: 099' in told and 'line 4 names nobody' in told


def test_short_rows_and_other_charsets_are_read(tmp_path):
    table = read(tmp_path, 'age,subject_id,group\n23,01,fran\xe7ais\n24\n25,02\n'.encode('cp1252'))
    assert table.known['01'] == {'group': 'français', 'age': 23}
    assert table.known['02'] == {'group': '', 'age': 25}
    assert 'Windows-1252' in table.notes[0]
    assert '2 rows are incomplete: line 3 has 1 of 3 cells, line 4 has 2 of 3' in table.notes[1]


@pytest.mark.parametrize(
    ('text', 'told'),
    [
        ('who,age\n001,24\n', 'header `who`, `age`, without `subject_id`.*may also be named.*`id`'),
        ('id,age\n1,2\n1,3\n', "'1' in lines 2 and 3, with other values"),
        ('id,age\n', 'must have a row for each person. Received: none'),
    ],
)
def test_a_table_that_says_nothing_clear_is_refused(text, told, tmp_path):
    with pytest.raises(InvalidTableError, match=told):
        read(tmp_path, text)


def test_the_file_is_found_in_any_case_of_letters(tmp_path):
    (tmp_path / 'Subjects.CSV').write_text('id\n1\n')
    assert find_subjects_file(epath.Path(tmp_path)).name == 'Subjects.CSV'
    assert read_subjects(None).assign(['1']) == {}
