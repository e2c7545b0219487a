import numpy as np
import pandas as pd
import pytest

from fer_keras.errors import InvalidInputError
from fer_keras.evaluation.comparison import compare, holm
from fer_keras.evaluation.intervals import difference_interval
from fer_keras.evaluation.predictions import read_predictions
from fer_keras.evaluation.printing import print_comparisons, write_comparisons
from tests.test_end_to_end import run

CLASSES = ('neutral', 'happy')


def predictions(right):
    """A row an image: `right` is `[people, images]`, whether each was recognised."""
    rows = []
    for person, images in enumerate(right):
        for image, is_right in enumerate(images):
            label = CLASSES[image % 2]
            predicted = label if is_right else CLASSES[1 - image % 2]
            rows.append((f'{person}_{image}.png', f's{person}', label, predicted))
    return pd.DataFrame(rows, columns=['file_name', 'subject_id', 'label', 'predicted'])


def random_right(share, seed=0):
    return np.random.default_rng(seed).random((30, 8)) < share


def only(groups):
    (comparison,) = compare(groups)
    return comparison


def test_a_clear_difference_is_found_and_its_interval_holds_it():
    found = only({'a': [predictions(random_right(0.5))], 'b': [predictions(random_right(0.9, 1))]})
    assert found.difference == pytest.approx(found.accuracies[1] - found.accuracies[0])
    assert 0 < found.interval[0] < found.difference < found.interval[1]
    assert found.p_permutation < 0.001 and found.p_mcnemar < 0.001


def test_equal_classifiers_do_not_differ():
    rows = predictions(random_right(0.7))
    found = only({'a': [rows], 'b': [rows.sample(frac=1, random_state=0)]})
    low, high = found.interval
    assert found.difference == 0 and -low == pytest.approx(high)
    assert found.p_permutation == found.p_mcnemar == 1


def test_mcnemar_is_worked_by_hand():
    # 1 image lost, 6 won: twice the tail of a fair coin, 2 (1 + 7) / 2^7
    before = np.array([[True] + [False] * 6 + [True] * 3])
    after = np.array([[False] + [True] * 6 + [True] * 3])
    found = only({'a': [predictions(before)], 'b': [predictions(after)]})
    assert found.p_mcnemar == pytest.approx(2 * (1 + 7) / 2**7)


def test_one_person_is_no_evidence_however_many_images():
    worse, better = np.zeros((4, 50), bool), np.zeros((4, 50), bool)
    better[2] = True
    found = only({'a': [predictions(worse)], 'b': [predictions(better)]})
    assert found.p_mcnemar < 1e-9
    assert found.p_permutation == 1 and found.interval[0] < 0 < found.interval[1]
    assert found.few_people.startswith('Only 4 people')


def test_one_person_has_no_interval_and_few_are_warned_of(capsys, tmp_path):
    right = np.array([[True] * 6 + [False] * 2])
    found = compare({'a': [predictions(right)], 'b': [predictions(~right)]})
    assert found[0].interval is None and 'one alone' in found[0].no_interval
    print_comparisons(found)
    printed = capsys.readouterr().out
    assert 'none: one alone' in printed and 'Only 1 person stands' in printed
    write_comparisons(found, str(tmp_path / 'table.csv'))
    row = pd.read_csv(tmp_path / 'table.csv', keep_default_na=False).iloc[0]
    assert row['interval'] == '' and row['no_interval'] and row['few_people']


def test_differences_of_unnamed_people_are_over_images(capsys):
    a, b = (predictions(random_right(0.7, seed)).assign(subject_id='') for seed in range(2))
    print_comparisons(compare({'a': [a], 'b': [b]}))
    printed = capsys.readouterr().out
    assert '95 % over images' in printed and 'whole images' in printed and 'people' not in printed


def test_an_interval_of_few_people_holds_the_true_difference():
    # The share that only the second has right, and that only the first has.
    random, shares = np.random.default_rng(0), np.array([0.05, 0.02, 0.93])
    held = []
    for _ in range(150):
        own = random.dirichlet(2 * shares, 10)
        gain = np.concatenate([random.choice([1.0, -1, 0], 12, p=one) for one in own])
        low, high = difference_interval(gain, list(np.repeat(np.arange(10), 12).astype(str)))
        held.append(low <= 0.03 <= high)
    # Of 150 intervals that hold it in 93 % of tests, 130 or fewer do in less than one of 200.
    assert sum(held) > 130


def test_false_alarms_are_as_rare_as_promised():
    p_values = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        skill = rng.random((20, 1))  # of the person: images of one person go together
        a, b = (predictions(rng.random((20, 4)) < skill) for _ in range(2))
        p_values.append(only({'a': [a], 'b': [b]}).p_permutation)
    assert np.mean(np.array(p_values) < 0.05) < 0.1


def test_seeds_are_averaged_and_have_no_mcnemar():
    seeds = [predictions(random_right(0.6, seed)) for seed in range(3)]
    found = only({'a': seeds, 'b': [predictions(random_right(0.9, 9))] * 3})
    expected = np.mean([(rows['label'] == rows['predicted']).mean() for rows in seeds])
    assert found.accuracies[0] == pytest.approx(expected) and found.p_mcnemar is None


def test_holm_is_worked_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_other_images_are_refused_by_name():
    rows = predictions(random_right(0.7))
    with pytest.raises(ValueError, match='1 images only in a, 0 only in b.*29_7.png'):
        compare({'a': [rows], 'b': [rows.iloc[:-1]]})
    relabelled = rows.assign(label=rows['label'].replace('happy', 'sad'))
    with pytest.raises(ValueError, match='same labels'):
        compare({'a': [rows], 'b': [relabelled]})


def test_people_whose_zeros_a_spreadsheet_lost_are_the_same(capsys):
    rows = predictions(random_right(0.7))
    rows['file_name'] = [f'{number}.png' for number in range(len(rows))]
    people = rows['subject_id'].rank(method='dense').astype(int).astype(str)
    full, lost = rows.assign(subject_id=people.str.zfill(3)), rows.assign(subject_id=people + '.0')
    found = only({'a': [full], 'b': [lost]})
    assert found.difference == 0 and found.people_behind == people.nunique()
    assert 'note: b names people without the zeros' in capsys.readouterr().err
    with pytest.raises(ValueError, match='images only in a'):
        compare({'a': [full], 'b': [lost.assign(subject_id=people.replace('1', 'x'))]})


def test_one_classifier_is_refused():
    with pytest.raises(ValueError, match='at least two'):
        compare({'a': [predictions(random_right(0.7))]})


def test_a_run_without_predictions_says_what_to_type(tmp_path):
    with pytest.raises(FileNotFoundError, match='fer_keras.evaluate --run_dir'):
        read_predictions(str(tmp_path), 'rafd_frontal_faces_all')


def test_a_report_of_a_model_without_a_run_is_read_like_that_of_a_run(tmp_path):
    rows = predictions(random_right(0.7))
    for folder in ('run/report', 'alone'):
        (tmp_path / folder).mkdir(parents=True)
        rows.to_csv(tmp_path / folder / 'predictions.csv', index=False)
    of_run, alone = (read_predictions(str(tmp_path / name)) for name in ('run', 'alone'))
    pd.testing.assert_frame_equal(of_run, alone)
    with pytest.raises(FileNotFoundError):
        read_predictions(str(tmp_path / 'alone'), 'rafd_frontal_faces_all')


def test_probabilities_of_another_label_order_are_refused(tmp_path):
    rows = predictions(random_right(0.7))
    happy = np.where(rows['predicted'] == 'happy', 0.8, 0.2)
    rows = rows.assign(p_neutral=1 - happy, p_happy=happy)
    rows.to_csv(tmp_path / 'right.csv', index=False)
    assert len(read_predictions(str(tmp_path / 'right.csv'))) == 240
    rows.assign(p_neutral=happy, p_happy=1 - happy).to_csv(tmp_path / 'swapped.csv', index=False)
    with pytest.raises(ValueError, match='240 of 240 rows.*another order of labels'):
        read_predictions(str(tmp_path / 'swapped.csv'))


def test_predictions_that_a_spreadsheet_saved_are_read_alike(tmp_path, capsys):
    rows = predictions(random_right(0.7))
    happy = np.where(rows['predicted'] == 'happy', 0.8, 2e-5)
    rows = rows.assign(p_neutral=1 - happy, p_happy=happy)
    rows['subject_id'] = rows['subject_id'].str.zfill(3)
    rows.to_csv(tmp_path / 'plain.csv', index=False)
    expected = read_predictions(str(tmp_path / 'plain.csv'))
    assert capsys.readouterr().err == ''
    saved = rows.rename(columns={'label': ' Label', 'p_happy': 'P_happy'})
    path = tmp_path / 'saved.csv'
    path.write_bytes(saved.to_csv(index=False, sep=';', decimal=',').encode('utf-16'))
    pd.testing.assert_frame_equal(read_predictions(str(path)), expected)
    told = capsys.readouterr().err
    assert told.startswith(f'note: {path}: read as UTF-16; read with `;` between cells; column')


@pytest.mark.parametrize(
    ('text', 'told'),
    [
        ('label,predicted\nsad\n', 'line 2: each row must .* has 1 of 2 cells'),
        ('label,predicted\nsad,sad,1\n', 'line 2: each row .* has 3 cells, more than the 2'),
        ('label,predicted,p_sad\nsad,sad,0,9\n', 'line 2'),
        ('label,predicted,p_sad\nsad,sad,viel\n', "`p_sad` must hold a prob.*'viel' in row 1"),
        ('label;predicted;p_sad\nsad;sad;1.000,5\n', "`p_sad` must hold a prob.*'1.000.5'"),
        ('label,predicted,p_sad\nsad,sad,\n', '`p_sad` must hold a prob'),
        ('label,p_sad\nsad,1\n', 'header `label`, `p_sad`, without `predicted`'),
    ],
)
def test_damaged_predictions_are_refused_with_their_line(text, told, tmp_path):
    (tmp_path / 'a.csv').write_text(text)
    with pytest.raises(InvalidInputError, match=told) as raised:
        read_predictions(str(tmp_path / 'a.csv'))
    assert 'a.csv' in str(raised.value)


def test_a_file_that_is_no_table_of_predictions_is_named(tmp_path):
    for name, content in (('a.csv', b'label,happy\n'), ('b.csv', b'\xff\xfe\x00'), ('c.csv', b'')):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InvalidInputError, match=name):
            read_predictions(str(tmp_path / name))
    with pytest.raises(InvalidInputError, match="b must have the columns.*without .'file_name'"):
        rows = predictions(random_right(0.7))
        compare({'a': [rows], 'b': [rows.drop(columns='file_name')]})


def test_the_command_compares_files_and_writes_the_table(tmp_path):
    for name, share in (('a', 0.5), ('b', 0.9), ('c', 0.5)):
        rows = predictions(random_right(share, ord(name)))
        rows.to_csv(tmp_path / f'{name}.csv', index=False)
    files = [tmp_path / f'{name}.csv' for name in 'abc']
    completed = run('compare', *files, f'--output={tmp_path / "table.csv"}')
    assert completed.returncode == 0, completed.stderr[-3000:]
    table = pd.read_csv(tmp_path / 'table.csv')
    assert len(table) == 2 and table['p_holm'][0] < 0.01 < table['p_holm'][1]
    assert 'p (Holm)' in completed.stdout


def test_a_forgotten_flagfile_is_not_ignored():
    completed = run('train', 'experiments/cross.flags')
    assert completed.returncode == 2 and '--flagfile=experiments/cross.flags' in completed.stderr
