import json

import pandas as pd
import pytest

from fer_keras.evaluation.document import Paragraph, Table, to_markdown
from fer_keras.evaluation.duplicates import find_duplicates
from fer_keras.evaluation.examples import random_sample, worst_errors
from fer_keras.evaluation.metrics import slices, summarize
from fer_keras.evaluation.printing import print_report
from fer_keras.evaluation.run_document import Findings, describe_run
from fer_keras.evaluation.sections import slice_blocks
from tests.evaluation.test_metrics import NAMES, ROWS, table

ENVIRONMENT = {
    'fer_keras': '0.1.0', 'commit': 'abc', 'python': '3.11', 'platform': 'Linux',
    'packages': {'keras': '3'}, 'devices': ['CPU:0'],
    'data_sets': [{'name': 'fake', 'examples': {'test': 4}, 'split_hash': 'f00d'}],
}  # fmt: skip


@pytest.fixture
def findings():
    metrics = summarize(ROWS, NAMES) | {
        'classes': NAMES,
        'target': 'fake/1.0.0',
        'target_split': 'test',
        'images_of_other_classes_left_out': 3,
        'top_confusions': ['happy is taken for sad in 1 of 1 images (100.0%).'],
    }
    figures = {name: f'{name}.png' for name in ('confusion_matrix', 'recall', 'reliability')}
    return Findings(
        metrics, slices(ROWS), None, (), (), {'source': 'fake'}, {'test': ENVIRONMENT}, figures
    )


def read(findings, title):
    (section,) = (one for one in describe_run(findings).sections if one.title == title)
    return section.blocks


def test_the_summary_warns_of_masked_classes_and_of_images_left_out(findings):
    warnings = [b.text for b in read(findings, 'Summary') if isinstance(b, Paragraph)]
    assert any('have no sad' in text and 'masks these' in text for text in warnings)
    assert any(text.startswith('3 images of classes') for text in warnings)
    (numbers,) = (block for block in read(findings, 'Summary') if isinstance(block, Table))
    values = {row[0]: row[1] for row in numbers.rows}
    assert values['accuracy'] == '0.500'
    assert values['accuracy among the classes of the images'] == '0.750'


def described(rows):
    metrics = summarize(rows, NAMES) | {
        'classes': NAMES,
        'target': 'fake/1.0.0',
        'target_split': 'test',
        'images_of_other_classes_left_out': 0,
        'top_confusions': [],
        'taught': UNTAUGHT,
    }
    figures = {name: f'{name}.png' for name in ('confusion_matrix', 'recall', 'reliability')}
    found = Findings(metrics, slices(rows), None, (), (), {'source': 'fake'}, {}, figures)
    return metrics, describe_run(found)


UNTAUGHT = {
    'is_recorded': True, 'is_leaky': False, 'people': 0, 'people_tested': 2, 'images_of_people': 0,
    'images': 0, 'with_images': None, 'look_alike': 0, 'changed': [], 'by': [], 'pretrained': {},
}  # fmt: skip


def test_few_people_are_a_warning_beside_every_number(capsys, tmp_path):
    metrics, document = described(ROWS)
    warning = 'Only 2 people stand behind this'
    assert document.sections[0].blocks[0].is_warning
    assert document.sections[0].blocks[0].text.startswith(warning)
    print_report(metrics, str(tmp_path))
    assert warning in capsys.readouterr().out
    # The means over classes have none, and say why.
    text = to_markdown(document)
    assert '| macro-F1 | 0.400 | none: fewer than 10 people |' in text
    assert 'none: its estimate is too high by an unknown amount' in text


def test_one_person_has_no_interval_on_the_screen_and_in_the_report(capsys, tmp_path):
    metrics, document = described(ROWS.assign(subject_id='a'))
    assert metrics['accuracy_interval'] is None and metrics['intervals']['accuracy'] is None
    print_report(metrics, str(tmp_path))
    for text in (document.lead, capsys.readouterr().out, to_markdown(document)):
        assert '50.0% (95 % over people: none: one alone says nothing of others)' in text
        assert '4 images of 1 person' in text
        assert 'nan' not in text and 'None' not in text
    json.dumps(metrics, allow_nan=False)


def test_an_interval_of_unnamed_people_is_over_images_everywhere(capsys, tmp_path):
    rows = pd.concat([ROWS] * 5, ignore_index=True)
    rows = rows.assign(subject_id='', gender=['f', 'm'] * 10)
    rows['file_name'] = rows.index.astype(str)
    metrics, document = described(rows)
    print_report(metrics, str(tmp_path))
    for text in (document.lead, capsys.readouterr().out, to_markdown(document)):
        assert '95 % over images' in text and '20 images of unnamed people' in text
        assert 'over people' not in text and ' 0 people' not in text and '| 0 |' not in text
    assert 'Only' not in to_markdown(document)


def test_a_mixture_of_named_and_unnamed_people_says_so():
    rows = ROWS.assign(subject_id=['a', 'a', '', ''])
    _, document = described(rows)
    text = to_markdown(document)
    assert '4 images: 2 of 1 person and 2 of unnamed people' in text
    assert '95 % over people and unnamed images' in text and 'of its own' in text


def test_pairs_that_look_alike_are_a_warning(findings):
    assert 'not prepared on this machine' in read(findings, 'Duplicates')[0].text
    pairs = find_duplicates([])
    pairs.loc[0] = ['fake train', '1.png', 'a', 'fake test', '2.png', 'b', 3]
    warning, found = read(Findings(**{**vars(findings), 'duplicates': pairs}), 'Duplicates')
    assert warning.is_warning and warning.text.startswith('1 pairs')
    assert found.rows == (('fake train', '1.png', 'fake test', '2.png', '3'),)


def test_few_people_are_a_warning_and_many_are_none():
    rows = table([(f's{i}', 'happy', [0.1, 0.8, 0.1]) for i in range(13)])
    rows = rows.assign(gender=['f'] * 10 + ['m'] * 3)
    warning, found = slice_blocks(slices(rows), None)
    assert warning.is_warning and 'gender m.' in warning.text and 'gender f' not in warning.text
    assert [row[-1] for row in found.rows] == ['', 'few people']
    (note,) = slice_blocks(slices(rows.drop(columns='gender')), None)
    assert 'says nothing' in note.text


def test_the_worst_errors_are_the_surest_ones():
    # Wrong are the second, sure by 0.6, and the fourth, sure by 0.7.
    assert worst_errors(ROWS) == [3, 1] and worst_errors(ROWS, 1) == [3]
    assert random_sample(ROWS, 9) == [0, 1, 2, 3]
    many = pd.concat([ROWS] * 10, ignore_index=True)
    assert random_sample(many, 5) == random_sample(many, 5) != random_sample(many, 5, seed=1)


def test_versions_and_hashes_are_named(findings):
    text = to_markdown(describe_run(findings))
    assert 'f00d' in text and '| commit | abc |' in text
