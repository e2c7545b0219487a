import pandas as pd
import pytest

from fer_keras.evaluation.intervals import accuracy_interval, intervals, resampled_measures
from tests.evaluation.test_measures import random_rows
from tests.evaluation.test_metrics import NAMES, ROWS, table


def test_whole_people_are_drawn():
    # Each person is always right or always wrong: with two, accuracies are 0, 1/2 or 1.
    rows = table([('a', 'neutral', [1, 0, 0])] * 5 + [('b', 'neutral', [0, 1, 0])] * 5)
    drawn = resampled_measures(rows, NAMES, resamples=50)['accuracy']
    assert set(drawn) == {0, 0.5, 1}


def test_the_accuracy_has_the_interval_of_the_cluster_bootstrap():
    rows = random_rows(people=20)
    low, high = intervals(resampled_measures(rows, NAMES))['accuracy']
    correct = (rows['label'] == rows['predicted']).to_numpy()
    # The draws are the same, and so are the ends.
    assert (low, high) == pytest.approx(accuracy_interval(correct, list(rows['subject_id'])))


def test_a_number_that_is_never_defined_has_no_interval():
    rows = pd.concat([ROWS[ROWS['label'] == 'neutral']] * 2, ignore_index=True)
    found = intervals(resampled_measures(rows, NAMES, resamples=20))
    assert 'roc_auc_one_vs_rest' not in found and 'accuracy' in found


def test_a_published_interval_repeats():
    # Other draws would change the intervals of every report.
    rows = random_rows(people=20)
    found = intervals(resampled_measures(rows, NAMES))
    assert found['accuracy'] == pytest.approx([0.825, 0.925], abs=1e-12)
    assert found['macro_f1'] == pytest.approx([0.8199903044460264, 0.9204668337557724], abs=1e-12)
