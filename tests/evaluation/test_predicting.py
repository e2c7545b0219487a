import numpy as np
import pytest

from fer_keras.config.data import DataConfig
from fer_keras.data.datasets import open_dataset
from fer_keras.data.splits import read_split
from fer_keras.errors import InvalidInputError
from fer_keras.evaluation import predicting
from fer_keras.evaluation.predictions import label_names_of
from tests.fakes import BASIC, write_dataset


class FirstClass:
    """A classifier that is sure of the first of `classes`, whatever it sees."""

    def __init__(self, classes):
        self.classes = classes

    def predict(self, batches, verbose):
        images = sum(len(labels) for _, labels in batches)
        return np.eye(self.classes, dtype=np.float32)[np.zeros(images, int)]


@pytest.fixture
def source(tmp_path):
    write_dataset(tmp_path, people={'test': 2})
    return read_split([open_dataset('fake', str(tmp_path))], 'test', BASIC)


def test_each_image_has_a_row(source):
    rows = predicting.predict_split(FirstClass(7), source, DataConfig(image_size_px=32), BASIC)
    assert rows['file_name'].nunique() == len(rows) == 14
    assert set(rows['predicted']) == {'neutral'} and set(rows['label']) == set(BASIC)
    assert label_names_of(rows) == list(BASIC) and (rows['p_neutral'] == 1).all()


def test_what_is_read_once_is_not_kept(source, monkeypatch):
    seen = []
    real = predicting.evaluation_batches

    def note(source, data, **options):
        seen.append(data.cache)
        return real(source, data, **options)

    monkeypatch.setattr(predicting, 'evaluation_batches', note)
    data = DataConfig(image_size_px=32, cache=True)
    predicting.predict_split(FirstClass(7), source, data, BASIC)
    assert seen == [False]


def test_a_model_of_other_classes_is_refused(source):
    with pytest.raises(InvalidInputError, match='Received: 3 probabilities'):
        predicting.predict_split(FirstClass(3), source, DataConfig(image_size_px=32), BASIC)
