"""What a tested split is besides, such as a validation part, is said wherever numbers stand."""

import numpy as np
import pytest

from fer_keras.config.data import DataConfig
from fer_keras.data.datasets import open_dataset
from fer_keras.evaluation.printing import print_report
from fer_keras.evaluation.report import evaluate_model
from fer_keras.evaluation.target import split_note
from fer_keras.inference.predictor import Predictor
from fer_keras.serving.model_card import describe_model
from tests.fakes import BASIC, write_dataset
from tfds_builders.official_splits import TEST_IS_VALIDATION


@pytest.fixture
def data(tmp_path):
    write_dataset(
        tmp_path,
        named=False,
        people={'train': 1, 'validation': 1, 'test': 2},
        metadata={'split_notes': TEST_IS_VALIDATION},
    )
    return DataConfig(data_dir=str(tmp_path), source='fake', image_size_px=48, batch_size=14)


@pytest.mark.slow
def test_a_test_on_the_official_validation_part_says_so(data, tmp_path, capsys):
    def answer(images):
        return np.full((len(images), 7), 1 / 7)

    out = tmp_path / 'report'
    metrics = evaluate_model(Predictor(answer, BASIC), data, str(out))
    print_report(metrics, str(out))
    texts = [capsys.readouterr().out, describe_model(BASIC, metrics=metrics)]
    for text in (*texts, *((out / f'report.{kind}').read_text() for kind in ('html', 'md'))):
        assert 'is the official validation part, on which papers report' in text
    assert 'not named, so that one may be in several splits' in (out / 'report.md').read_text()


def test_other_splits_and_folds_of_the_set_are_what_their_names_say(data):
    target = open_dataset('fake', data.data_dir)
    assert split_note(target, data) == TEST_IS_VALIDATION['test']
    assert not split_note(target, DataConfig(source='other', target='fake', target_split='all'))
    assert not split_note(target, DataConfig(source='fake', fold=3))
