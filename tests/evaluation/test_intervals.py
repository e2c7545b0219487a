import numpy as np
import pandas as pd
import pytest

from fer_keras.evaluation.intervals import intervals, resampled_metrics, weighted_metrics
from fer_keras.evaluation.metrics import summarize
from fer_keras.evaluation.statistics import bootstrap_over_subjects
from tests.evaluation.test_metrics import NAMES, ROWS, table


def random_rows(people=12, images=8, seed=0):
    random = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        for _ in range(images):
            label = random.integers(3)
            probabilities = random.dirichlet(1 + 3 * np.eye(3)[label])
            # Rounded, so that some scores are ties.
            rows.append((f's{person}', NAMES[label], np.round(probabilities, 2)))
    return table(rows)


@pytest.mark.parametrize('rows', [ROWS, random_rows()], ids=['few', 'many'])
def test_with_equal_weights_each_number_is_that_of_the_summary(rows):
    found = weighted_metrics(rows, NAMES, np.ones((2, len(rows))))
    metrics = summarize(rows, NAMES)
    compared = [name for name in found if not name.startswith('recall ')]
    assert len(compared) == 9
    for name in compared:
        assert found[name] == pytest.approx([metrics[name]] * 2), name
    for name, values in metrics['per_class'].items():
        assert found[f'recall {name}'] == pytest.approx([values['recall']] * 2)


def test_a_weight_of_two_is_the_image_twice():
    rows = random_rows()
    times = np.random.default_rng(1).integers(3, size=len(rows))
    repeated = rows.loc[np.repeat(rows.index, times)].reset_index(drop=True)
    found = weighted_metrics(rows, NAMES, times[None])
    metrics = summarize(repeated, NAMES)
    for name in ('macro_f1', 'roc_auc_one_vs_rest', 'expected_calibration_error', 'cohen_kappa'):
        assert found[name][0] == pytest.approx(metrics[name]), name


def test_whole_people_are_drawn():
    # Each person is always right or always wrong: with two, accuracies are 0, 1/2 or 1.
    rows = table([('a', 'neutral', [1, 0, 0])] * 5 + [('b', 'neutral', [0, 1, 0])] * 5)
    drawn = resampled_metrics(rows, NAMES, resamples=50)['accuracy']
    assert set(drawn) == {0, 0.5, 1}


def test_the_accuracy_has_the_interval_of_the_cluster_bootstrap():
    rows = random_rows(people=20)
    low, high = intervals(resampled_metrics(rows, NAMES))['accuracy']
    correct = (rows['label'] == rows['predicted']).to_numpy()
    expected = bootstrap_over_subjects(correct, list(rows['subject_id']))
    assert (low, high) == pytest.approx(expected, abs=0.01)


def test_a_class_that_a_draw_lacks_is_left_out_of_its_mean():
    found = weighted_metrics(ROWS, NAMES, np.array([[1, 0, 1, 1]]))
    assert np.isnan(found['recall happy'][0])
    assert found['unweighted_average_recall'][0] == pytest.approx(2 / 3)


def test_a_number_that_is_never_defined_has_no_interval():
    rows = pd.concat([ROWS[ROWS['label'] == 'neutral']] * 2, ignore_index=True)
    found = intervals(resampled_metrics(rows, NAMES, resamples=20))
    assert 'roc_auc_one_vs_rest' not in found and 'accuracy' in found
