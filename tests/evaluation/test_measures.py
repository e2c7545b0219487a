import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk_metrics

from fer_keras.evaluation.measures import MEASURES, measure, weighted_measures
from fer_keras.evaluation.metrics import summarize
from tests.evaluation.test_metrics import NAMES, ROWS, table


def random_rows(people=12, images=8, seed=0, present=3):
    """Probabilities are rounded, so that some are ties."""
    random = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        for _ in range(images):
            label = random.integers(present)
            probabilities = random.dirichlet(1 + 3 * np.eye(3)[label])
            rows.append((f's{person}', NAMES[label], np.round(probabilities, 2)))
    return table(rows)


TABLES = {
    'few': ROWS,
    'many': random_rows(),
    'absent class': random_rows(present=2),
    'one class': random_rows(present=1),
    'ties': random_rows().assign(p_happy=0.25),
    'never recognised': table([('a', 'happy', [1, 0, 0]), ('b', 'sad', [1, 0, 0])]),
}


def by_scikit_learn(rows):
    """The measures that scikit-learn has; None where one is undefined."""
    truth, predicted = rows['label'], rows['predicted']
    present = [name for name in NAMES if (truth == name).any()]
    averaged = {'labels': present, 'average': 'macro', 'zero_division': 0}
    areas = [sk_metrics.roc_auc_score(truth == name, rows[f'p_{name}']) for name in present[1:]]
    if areas:
        areas.append(sk_metrics.roc_auc_score(truth == present[0], rows[f'p_{present[0]}']))
    own = np.array([row[f'p_{row["label"]}'] for row in rows.to_dict('records')])
    return {
        'accuracy': sk_metrics.accuracy_score(truth, predicted),
        'unweighted_average_recall': sk_metrics.recall_score(truth, predicted, **averaged),
        'macro_f1': sk_metrics.f1_score(truth, predicted, **averaged),
        'cohen_kappa': sk_metrics.cohen_kappa_score(truth, predicted, labels=NAMES)
        if areas
        else None,
        'roc_auc_one_vs_rest': np.mean(areas) if areas else None,
        'negative_log_likelihood': -np.log(np.maximum(own, 1e-12)).mean(),
    }


@pytest.mark.parametrize('rows', TABLES.values(), ids=TABLES)
def test_the_numbers_are_those_of_scikit_learn(rows):
    found = summarize(rows, NAMES)
    for name, expected in by_scikit_learn(rows).items():
        assert found[name] == (expected and pytest.approx(expected, abs=1e-12)), name
    columns = ['precision', 'recall', 'f1', 'images']
    present = list(found['per_class'])
    expected = sk_metrics.precision_recall_fscore_support(
        rows['label'], rows['predicted'], labels=present, zero_division=0
    )
    for column, values in zip(columns, expected, strict=True):
        ours = [found['per_class'][name][column] for name in present]
        assert ours == pytest.approx(list(values), abs=1e-12)


def test_each_measure_has_a_number():
    assert set(MEASURES) < set(measure(ROWS, NAMES)) and set(MEASURES) < set(summarize(ROWS, NAMES))


def test_a_weight_of_two_is_the_image_twice():
    rows = random_rows()
    times = np.random.default_rng(1).integers(3, size=len(rows))
    repeated = rows.loc[np.repeat(rows.index, times)].reset_index(drop=True)
    found = weighted_measures(rows, NAMES, times[None])
    expected = measure(repeated, NAMES)
    assert {name: value[0] for name, value in found.items()} == pytest.approx(expected)


def test_a_class_that_a_draw_lacks_is_left_out_of_its_mean():
    found = weighted_measures(ROWS, NAMES, np.array([[1, 0, 1, 1]]))
    assert np.isnan(found['recall happy'][0])
    assert found['unweighted_average_recall'][0] == pytest.approx(2 / 3)


def test_images_of_one_class_leave_what_compares_classes_undefined():
    rows = pd.concat([ROWS[ROWS['label'] == 'neutral']] * 2, ignore_index=True)
    found = summarize(rows, NAMES)
    assert found['cohen_kappa'] is None and found['roc_auc_one_vs_rest'] is None
    assert found['accuracy'] == found['unweighted_average_recall'] == pytest.approx(2 / 3)
