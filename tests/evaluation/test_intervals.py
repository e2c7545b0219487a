import numpy as np
import pandas as pd
import pytest

from fer_keras.evaluation.interval_formulas import (
    clopper_pearson,
    difference_intervals,
    independent_images,
    share_intervals,
)
from fer_keras.evaluation.intervals import (
    accuracy_interval,
    few_people,
    sampled_unit,
    shown_accuracy,
    shown_sample,
)
from fer_keras.evaluation.measure_intervals import measure_intervals
from fer_keras.evaluation.measures import MEASURES, measure
from tests.evaluation.test_measures import random_rows
from tests.evaluation.test_metrics import NAMES, ROWS, table

UNEQUAL = {5: [1, 4, 20, 89, 400], 10: [1, 2, 4, 7, 14, 28, 54, 106, 206, 400]}


def simulated(random, images, accuracy, correlation):
    """Whether each image is recognised, and whose it is: beta-binomial over people."""
    own = np.full(len(images), accuracy)
    if correlation:
        total = 1 / correlation - 1
        own = random.beta(accuracy * total, (1 - accuracy) * total, len(images))
    person = np.repeat(np.arange(len(images)), images)
    return random.random(len(person)) < own[person], person.astype(str)


# A short form of `python -m benchmarks.interval_coverage`.
@pytest.mark.parametrize('accuracy', [0.5, 0.8, 0.97])
@pytest.mark.parametrize('images', [[6] * 5, UNEQUAL[5], [6] * 10, UNEQUAL[10]], ids=str)
def test_an_interval_of_few_people_holds_the_true_accuracy(images, accuracy):
    random = np.random.default_rng(0)
    for correlation in (0, 0.5):
        ends = np.array(
            [
                accuracy_interval(*simulated(random, images, accuracy, correlation))
                for _ in range(150)
            ]
        )
        is_held = (ends[:, 0] <= accuracy) & (accuracy <= ends[:, 1])
        # Of 150 intervals that hold it in 93 % of tests, 130 or fewer do in less than one of 200.
        assert is_held.sum() > 130


def test_the_interval_of_many_people_of_equal_images_is_about_that_of_a_bootstrap():
    random = np.random.default_rng(0)
    right = random.binomial(6, random.beta(3.2, 0.8, 35))
    times = random.multinomial(35, np.full(35, 1 / 35), 5000)
    low, high = np.quantile(times @ right / 210, [0.025, 0.975])
    found = share_intervals(right, np.full(35, 6))
    assert 1 < np.diff(found)[0] / (high - low) < 1.25


def test_images_of_people_of_one_image_are_independent():
    # Clopper and Pearson 1934: 8 of 10, and so nearly by the variance over ten people.
    assert clopper_pearson(np.array(0.8), np.array(10.0)) == pytest.approx(
        [0.4439, 0.9748], abs=1e-4
    )
    found = share_intervals([1] * 8 + [0] * 2, np.ones(10))
    assert found == pytest.approx([0.4439, 0.9748], abs=0.01)


def test_people_who_are_all_right_count_as_one_image_each():
    found = share_intervals([50.0] * 5, [50] * 5)
    assert found == pytest.approx([0.025 ** (1 / 5), 1])
    # Two people with most of the images are hardly more than two.
    low, _ = share_intervals([400.0, 400, 1, 1, 1], [400, 400, 1, 1, 1])
    assert low == pytest.approx(0.025 ** (1 / 2.03), abs=0.01)


def test_a_variance_that_was_seen_in_many_people_outvotes_the_worst_case():
    weights = np.full(200, 1 / 200)
    count = independent_images(np.array(0.25 / 1200), np.array(0.25), weights)
    assert 1100 < count < 1200
    few = independent_images(np.array(0.25 / 1200), np.array(0.25), weights, 1)
    assert few == pytest.approx(200)


def test_a_number_lies_in_its_interval():
    for seed in range(30):
        random = np.random.default_rng(seed)
        images = random.integers(1, 30, 2 + seed)
        right = random.binomial(images, random.random(2 + seed))
        low, high = share_intervals(right, images)
        assert 0 <= low <= right.sum() / images.sum() <= high <= 1
    rows = random_rows(people=20)
    values, found = measure(rows, NAMES), measure_intervals([rows], NAMES)
    assert set(found.ends) == set(values) and set(found.reasons) == {'expected_calibration_error'}
    for name, ends in found.ends.items():
        assert ends is None or ends[0] <= values[name] <= ends[1], name


def test_two_who_answer_alike_differ_by_as_much_as_was_not_seen():
    low, high = difference_intervals(np.zeros(35), np.zeros(35), np.full(35, 6))
    assert low == -high and high == pytest.approx(1 - 0.025 ** (1 / 35))


def test_better_and_worse_are_exchanged_with_the_sign():
    random = np.random.default_rng(0)
    better, worse = random.binomial(8, 0.2, 12), random.binomial(8, 0.1, 12)
    low, high = difference_intervals(better, worse, np.full(12, 8))
    assert difference_intervals(worse, better, np.full(12, 8)) == pytest.approx([-high, -low])


def test_one_person_has_no_interval():
    rows = ROWS.assign(subject_id='a')
    assert accuracy_interval(np.array([True, False]), ['a', 'a']) is None
    found = measure_intervals([rows], NAMES)
    assert set(found.ends.values()) == {None} and set(found.reasons) == set(found.ends)
    assert 'one alone' in found.reasons['accuracy']


def test_of_few_people_only_shares_of_images_have_an_interval():
    found = measure_intervals([random_rows(people=9)], NAMES)
    with_interval = {name for name, ends in found.ends.items() if ends}
    shares = {'accuracy', 'accuracy_among_present', 'top_2_accuracy'}
    assert with_interval == shares | {f'recall {name}' for name in NAMES}
    assert found.reasons['macro_f1'] == 'fewer than 10 people'


def test_a_class_of_one_person_leaves_the_means_over_classes_without_an_interval():
    rows = random_rows(people=20, present=2)
    rows.loc[rows['subject_id'] == 's3', 'label'] = 'sad'
    found = measure_intervals([rows], NAMES)
    assert found.ends['recall sad'] is found.ends['unweighted_average_recall'] is None
    assert 'one person' in found.reasons['macro_f1'] and found.ends['cohen_kappa']


def test_a_number_that_is_not_defined_has_no_interval():
    rows = pd.concat([ROWS[ROWS['label'] == 'neutral']] * 5, ignore_index=True)
    rows['subject_id'] = [f's{number}' for number in range(len(rows))]
    found = measure_intervals([rows], NAMES)
    assert found.reasons['roc_auc_one_vs_rest'] == found.reasons['cohen_kappa'] == 'undefined'


def test_a_classifier_that_is_always_sure_and_right_has_intervals_of_shares():
    rows = table([(f's{n}', name, np.eye(3)[i]) for n in range(12) for i, name in enumerate(NAMES)])
    found = measure_intervals([rows], NAMES)
    assert found.reasons['negative_log_likelihood'] == 'too little is wrong'
    low, high = found.ends['cohen_kappa']
    assert 0.4 < low < high == 1


def test_seeds_are_averaged_and_count_no_image_twice():
    rows = random_rows(people=20)
    once, thrice = (measure_intervals([rows] * count, NAMES).ends for count in (1, 3))
    for name in MEASURES:
        assert once[name] == (thrice[name] and pytest.approx(thrice[name])), name


def test_many_people_are_left_out_in_groups():
    rows = random_rows(people=700, images=2)
    found = measure_intervals([rows], NAMES).ends
    low, high = found['macro_f1']
    assert 0.7 < (high - low) / np.diff(found['accuracy'])[0] < 1.5


def test_where_nobody_is_named_the_interval_is_over_images():
    assert sampled_unit(ROWS) == 'people'
    assert sampled_unit(ROWS.assign(subject_id='')) == 'images'
    mixed = ROWS.assign(subject_id=['a', 'a', '', ''])
    assert sampled_unit(mixed) == 'people and unnamed images'
    # Three: the person and two images.
    assert accuracy_interval(np.array([True] * 4), ['a', 'a', '1', '2']) is not None


def test_few_people_are_warned_of_in_one_sentence():
    assert few_people(10) == '' and few_people(9, 'images').startswith('Only 9 images stand')
    assert few_people(1).startswith('Only 1 person stands')


def test_metrics_of_an_earlier_release_can_be_shown():
    metrics = {'accuracy': 0.5, 'accuracy_interval': [0.25, 0.75], 'images': 4, 'subjects': 2}
    assert shown_accuracy(metrics) == '50.0% (95 % over people: 25.0% to 75.0%)'
    assert shown_sample(metrics) == '4 images of 2 people'
    assert 'over images' in shown_accuracy(metrics | {'subjects': 0})


def test_a_published_interval_repeats():
    # Another method would change the intervals of every report.
    found = measure_intervals([random_rows(people=20)], NAMES).ends
    assert found['accuracy'] == pytest.approx([0.80, 0.93], abs=0.02)
    assert found['macro_f1'] == pytest.approx([0.80, 0.93], abs=0.02)


def test_an_empty_class_needs_no_interval():
    rows = table([(f's{number}', 'neutral', [0.9, 0.1, 0]) for number in range(12)])
    assert 'recall sad' not in measure_intervals([rows], NAMES).ends
