import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from fer_keras.evaluation.human_confusions import agreement, read_human_confusions

NAMES = ['happy', 'sad', 'angry']
COUNTS = pd.DataFrame([[8, 2, 0], [1, 6, 3], [0, 4, 6]], index=NAMES, columns=NAMES)


def write(path, text):
    path.write_text(text)
    return str(path)


def test_confusions_like_ours_correlate_whatever_the_diagonal_and_the_order():
    human = COUNTS.astype(float) * 10
    assert agreement(COUNTS, human).pearson == pytest.approx(1)
    shuffled = human.loc[NAMES[::-1], ['sad', 'angry', 'happy']]
    found = agreement(COUNTS, shuffled)
    assert found.pearson == pytest.approx(1) and found.cells == 6


def test_the_correlation_is_worked_by_hand():
    # Ours, off the diagonal: 2, 0, 1, 3, 0, 4 tenths; theirs: 0, 0, 1, 1, 0, 1 halves.
    human = pd.DataFrame([[2, 0, 0], [1, 0, 1], [0, 1, 1]], index=NAMES, columns=NAMES)
    ours, theirs = np.array([2, 0, 1, 3, 0, 4]), np.array([0, 0, 1, 1, 0, 1])
    a, b = ours - 10 / 6, theirs - 0.5
    expected = (a @ b) / np.sqrt((a @ a) * (b @ b))
    assert agreement(COUNTS, human).pearson == pytest.approx(expected)


def test_a_table_without_confusions_has_no_correlation():
    human = pd.DataFrame(np.eye(3), index=NAMES, columns=NAMES)
    assert np.isnan(agreement(COUNTS, human).pearson)


def test_answers_that_only_people_gave_count_in_the_shares(tmp_path):
    path = write(tmp_path / 'h.csv', 'true,happy,sad,other\nhappy,5,3,2\nsad,0,8,2\n')
    human = read_human_confusions(path)
    assert list(human.columns) == ['happy', 'sad', 'other']
    with pytest.raises(ValueError, match=r"share \['happy', 'sad'\]"):
        agreement(COUNTS, human)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('label,happy\nhappy,1\n', 'columns `true`'),
        ('true,happy\nhappy,many\n', 'at least 0 in each cell'),
        ('true,happy\nhappy,-1\n', 'at least 0 in each cell'),
        ('true,happy\nhappy,1\nhappy,1\n', 'line 3: .*one row for each expression'),
        ('true,happy\nhappy\n', 'line 2: .*the row has 1 of 2 cells'),
        ('true,happy,sad\nhappy,0,0\n', 'line 2: .*not only zeros'),
        ('true,happy,sad\nhappy,"0,5",1\n', "line 2: .*'0,5' is not a number"),
        ('true,happy,sad\nhappy,50%,50\n', 'line 2: .*some numbers have a %'),
        ('true,happy,happy\nhappy,1,2\n', 'happy more than once'),
        ('true\nhappy\n', 'one column for each answer'),
        ('true,happy\n', 'a row for each expression'),
    ],
)
def test_a_table_of_another_form_is_refused(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_human_confusions(write(tmp_path / 'h.csv', text))


@pytest.mark.parametrize(
    'text',
    [
        '\ufeffTRUE;happy;sad\r\nhappy;0,8;0,2\r\nsad;0,1;0,9\r\n',
        'true\thappy\tsad\nhappy\t80%\t20%\nsad\t10 %\t90 %\n',
        'sad,"true",happy\n0.2,happy,0.8\n0.9,sad,0.1\n\n',
    ],
)
def test_tables_of_spreadsheets_are_read(text, tmp_path):
    human = read_human_confusions(write(tmp_path / 'h.csv', text))
    shares = human.div(human.sum(axis=1), axis=0).loc[['happy', 'sad'], ['happy', 'sad']]
    np.testing.assert_allclose(shares, [[0.8, 0.2], [0.1, 0.9]])


def test_expressions_by_another_name_are_those_of_the_classifier():
    human = COUNTS.rename(str.upper).rename(columns={'angry': 'Anger'})
    found = agreement(COUNTS, human)
    assert found.pearson == pytest.approx(1) and found.classes == tuple(NAMES)


def test_the_command_prints_the_correlation(tmp_path):
    pairs = [(t, p) for t in NAMES for p in NAMES for _ in range(COUNTS.loc[t, p])]
    rows = pd.DataFrame(pairs, columns=['label', 'predicted']).assign(subject_id='1')
    certain = {f'p_{name}': (rows['predicted'] == name).astype(float) for name in NAMES}
    rows.assign(**certain).to_csv(tmp_path / 'run.csv', index=False)
    COUNTS.to_csv(tmp_path / 'human.csv', index_label='true')
    command = [sys.executable, '-m', 'fer_keras.human_confusions']
    files = [str(tmp_path / name) for name in ('run.csv', 'human.csv')]
    completed = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert completed.stdout.startswith('Pearson +1.00, Spearman +1.00 over 6 confusions')
