import numpy as np
import pandas as pd
import pytest

from fer_keras.evaluation.intervals import accuracy_interval
from fer_keras.evaluation.metrics import (
    confusion_matrix,
    gaps,
    reliability,
    slices,
    summarize,
    top_confusions,
)

NAMES = ['neutral', 'happy', 'sad']


def table(rows):
    """Rows of (subject, label, probabilities)."""
    probabilities = np.array([row[2] for row in rows])
    return pd.DataFrame(
        {
            'file_name': [str(number) for number in range(len(rows))],
            'subject_id': [row[0] for row in rows],
            'label': [row[1] for row in rows],
            'predicted': [NAMES[best] for best in probabilities.argmax(axis=1)],
            **{f'p_{name}': probabilities[:, i] for i, name in enumerate(NAMES)},
        }
    )


ROWS = table(
    [
        ('a', 'neutral', [0.8, 0.1, 0.1]),
        ('a', 'happy', [0.1, 0.3, 0.6]),
        ('b', 'neutral', [0.6, 0.2, 0.2]),
        ('b', 'neutral', [0.2, 0.7, 0.1]),
    ]
)


def test_numbers_worked_by_hand():
    metrics = summarize(ROWS, NAMES)
    assert metrics['accuracy'] == 0.5
    assert metrics['unweighted_average_recall'] == pytest.approx((2 / 3 + 0) / 2)
    assert metrics['per_class']['neutral'] == {
        'precision': 1.0,
        'recall': pytest.approx(2 / 3),
        'f1': pytest.approx(0.8),
        'images': 3,
    }
    assert (metrics['images'], metrics['subjects']) == (4, 2)


def test_absent_classes_are_named_and_masked_only_in_a_number_of_its_own():
    metrics = summarize(ROWS, NAMES)
    assert metrics['classes_absent'] == ['sad']
    assert metrics['accuracy_among_present'] == 0.75


def test_rows_of_the_confusion_matrix_are_the_truth():
    counts = confusion_matrix(ROWS, NAMES)
    assert counts.loc['neutral'].tolist() == [2, 1, 0]
    assert counts.loc['happy'].tolist() == [0, 0, 1]


def test_the_interval_holds_the_accuracy_and_is_wider_for_few_people():
    correct = np.tile([True, True, True, False], 50)
    few = accuracy_interval(correct, np.repeat(np.arange(4), 50).astype(str))
    many = accuracy_interval(correct, np.repeat(np.arange(50), 4).astype(str))
    same_rate = accuracy_interval(np.repeat([True] * 3 + [False], 50), np.repeat(list('abcd'), 50))
    assert few[0] < many[0] < 0.75 < many[1] < few[1]
    assert same_rate[1] - same_rate[0] > few[1] - few[0]


def test_ages_that_are_ranges_are_slices_as_they_are():
    found = slices(ROWS.assign(age=['20 to 39', '20 to 39', '70 or more', '-1']))
    assert dict(zip(found['value'], found['images'], strict=True)) == {
        '20 to 39': 2,
        '70 or more': 1,
    }


def test_an_image_of_nobody_known_stands_for_itself():
    rows = ROWS.assign(subject_id='')
    low, high = summarize(rows, NAMES)['accuracy_interval']
    assert low < 0.5 < high
    metrics = summarize(rows, NAMES)
    assert (metrics['subjects'], metrics['images_unnamed']) == (0, 4)
    assert (metrics['interval_over'], metrics['people_behind']) == ('images', 4)


def test_an_empty_table_has_no_interval():
    with pytest.raises(ValueError, match='not be empty'):
        accuracy_interval(np.zeros(0, bool), [])


def test_probabilities_are_scored_by_hand():
    metrics = summarize(ROWS, NAMES)
    logs = np.log([0.8, 0.3, 0.6, 0.2])
    assert metrics['negative_log_likelihood'] == pytest.approx(-logs.mean())
    assert metrics['top_2_accuracy'] == 1.0
    # neutral: 0.8, 0.6, 0.2 against 0.1; happy: 0.3 against 0.1, 0.2, 0.7
    assert metrics['roc_auc_one_vs_rest'] == pytest.approx((1 + 2 / 3) / 2)
    # Observed 2/4; expected by chance neutral 3/4 * 2/4, happy 1/4 * 1/4, sad 0.
    chance = 3 / 8 + 1 / 16
    assert metrics['cohen_kappa'] == pytest.approx((0.5 - chance) / (1 - chance))


def test_calibration_is_worked_by_hand():
    # Confidences 0.8 and 0.7 (right, wrong) and 0.6 twice (wrong, right), in two bins of five.
    bins = reliability(ROWS, bins=5)
    assert bins['images'].tolist() == [3, 1]
    assert bins['confidence'].tolist() == pytest.approx([1.9 / 3, 0.8])
    assert bins['accuracy'].tolist() == pytest.approx([1 / 3, 1])
    error = summarize(ROWS, NAMES)['expected_calibration_error']
    assert error == pytest.approx((0.2 + 0.7 + 2 * 0.1) / 4)


def test_slices_have_intervals_and_say_when_they_are_small():
    rows = ROWS.assign(gender=['f', 'f', 'm', 'm'], age=['20', '20', '41', ''], camera='')
    found = slices(rows).set_index('value')
    assert found.loc['f', 'accuracy'] == 0.5 and found.loc['f', 'people'] == 1
    assert found['is_small'].all() and set(found['slice']) == {'gender', 'age'}
    assert found.loc['35 to 44', 'images'] == 1
    # One person says nothing of others.
    assert (
        found.loc['f', 'low':'high'].isna().all() and 'one alone' in found.loc['f', 'no_interval']
    )
    unnamed = slices(rows.assign(subject_id='')).set_index('value')
    assert unnamed.loc['m', 'low'] < unnamed.loc['m', 'accuracy'] < unnamed.loc['m', 'high']
    assert (unnamed.loc['m', 'over'], unnamed.loc['m', 'people']) == ('images', 0)
    named = {name: ['a', 'a', 'b', 'b'] for name in ('group', 'camera', 'gaze', 'detected')}
    assert set(slices(ROWS.assign(**named))['slice']) == set(named)


def test_gaps_are_between_groups_of_enough_people():
    people = [str(number) for number in range(40)]
    right = [True] * 19 + [False] + [True] * 10 + [False] * 10
    rows = pd.concat([ROWS.iloc[[0]]] * 40, ignore_index=True).assign(
        subject_id=people,
        gender=['f'] * 20 + ['m'] * 20,
        group=['few'] * 3 + ['many'] * 37,
        camera=['045', '090'] * 20,
    )
    rows['predicted'] = np.where(right, rows['label'], 'another')
    found = gaps(slices(rows)).to_dict('records')
    (row,) = found
    assert (row['slice'], row['most'], row['least']) == ('gender', 'f', 'm')
    assert row['gap'] == pytest.approx(0.95 - 0.5) and 0 < row['low'] < 0.45 < row['high'] < 1
    assert gaps(slices(rows.assign(gender=''))).empty


def test_confusions_are_sentences():
    first, second = top_confusions(confusion_matrix(ROWS, NAMES))
    assert first == 'happy is taken for sad in 1 of 1 images (100.0%).'
    assert second == 'neutral is taken for happy in 1 of 3 images (33.3%).'
