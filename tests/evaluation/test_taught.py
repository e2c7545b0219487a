"""Nobody who taught a model tests it unsaid, by whatever way they come into the test."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from fer_keras.config.data import DataConfig
from fer_keras.config.run import RunConfig
from fer_keras.config.training import TrainingConfig
from fer_keras.data.datasets import open_sources
from fer_keras.data.recording import make_record, require_new_people
from fer_keras.data.splits import read_split
from fer_keras.environment import describe_environment
from fer_keras.errors import InvalidInputError
from fer_keras.evaluation.comparison import compare
from fer_keras.evaluation.printing import print_report
from fer_keras.evaluation.report import evaluate, evaluate_model
from fer_keras.evaluation.target import check_people
from fer_keras.evaluation.taught import describe_marks, describe_taught, leave_out_taught
from fer_keras.inference.predictor import Predictor
from fer_keras.provenance.wording import sentences
from fer_keras.run_dir import RunDir
from fer_keras.training.claiming import Taught, claim, record_training
from tests.fakes import BASIC, tiniest_model, write_dataset, write_untrained_run

PEOPLE = {'train': 3, 'validation': 2, 'test': 3}


def record_of(data):
    builders = open_sources(data)
    training, validation = (
        read_split(builders, split, BASIC, fold=data.fold) for split in ('train', 'validation')
    )
    return make_record(training, validation, (), builders, fold=data.fold)


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp('data')
    write_dataset(path, people=PEOPLE)
    write_dataset(path, name='unnamed', people=PEOPLE, named=False)
    return path


@pytest.fixture(scope='module')
def run_dir(data_dir, tmp_path_factory):
    """A run that trained on `fake`, as its record says, and learned nothing."""
    run_dir = write_untrained_run(tmp_path_factory.mktemp('runs') / 'run', tiniest_model())
    data = config(data_dir).data
    with open(run_dir.environment_file, 'w') as file:
        json.dump(describe_environment(open_sources(data)), file)
    with open(run_dir.training_record_file, 'wb') as file:
        file.write(record_of(data).to_bytes())
    return run_dir


def taught_by(builders):
    splits = (read_split(builders, split, BASIC) for split in ('train', 'validation'))
    return Taught(BASIC, *splits, ())


def config(data_dir, **data):
    data = {'source': 'fake', 'image_size_px': 48, 'batch_size': 14} | data
    return RunConfig(DataConfig(data_dir=str(data_dir), **data), tiniest_model(), TrainingConfig())


def test_new_people_are_tested_without_a_word(run_dir, data_dir, tmp_path, capsys):
    metrics = evaluate(config(data_dir), run_dir, str(tmp_path))
    taught = metrics['taught']
    assert taught['is_recorded'] and not taught['people'] and not taught['images']
    assert [(one['split'], one['images'], one['people']) for one in taught['by']] == [
        ('train', 21, 3), ('validation', 14, 2),
    ]  # fmt: skip
    print_report(metrics, str(tmp_path))
    assert 'warning' not in capsys.readouterr().out
    assert 'Taught by' in (tmp_path / 'report.html').read_text()


def test_people_of_a_set_that_was_dealt_anew_are_refused(run_dir, tmp_path):
    write_dataset(tmp_path, people=PEOPLE, deal=['test', 'validation', 'train'])
    with pytest.raises(InvalidInputError, match=r"3 of the 3 people.*'train0'.*built anew"):
        evaluate(config(tmp_path), run_dir, str(tmp_path / 'report'))


def test_or_marked_wherever_a_number_stands(run_dir, tmp_path, capsys):
    write_dataset(tmp_path, people=PEOPLE, deal=['test', 'validation', 'train'])
    run, report = config(tmp_path, allow_taught_people=True), tmp_path / 'report'
    metrics = evaluate(run, run_dir, str(report))
    assert metrics['images'] == 21  # Somebody wants to see them.
    print_report(metrics, str(report))
    for text in (
        capsys.readouterr().out,
        (report / 'report.html').read_text(),
        (report / 'report.md').read_text(),
    ):
        assert 'TESTED ON PEOPLE WHO TAUGHT THE MODEL: 3 of 3 people, with 21 images' in text
    assert json.loads((report / 'metrics.json').read_text())['taught']['people'] == 3
    rows = pd.read_csv(report / 'predictions.csv')
    assert set(rows['taught']) == {'person'}
    assert describe_marks(rows) == '21 images of people who taught'


def test_images_of_nobody_known_are_left_out_of_the_number(run_dir, data_dir, tmp_path, capsys):
    # Half of the people of the test are those of the training; nobody is named.
    write_dataset(tmp_path, name='some', people={'test': 2}, deal=['train'], named=False)
    write_dataset(tmp_path, name='others', people={'test': 2}, named=False)
    run = config(tmp_path, target='some', target_split='test')
    with pytest.raises(InvalidInputError, match='images to test that did not teach'):
        evaluate(run, run_dir, str(tmp_path / 'none'))
    pooled = RunConfig(run.data, run.model, run.training)
    write_dataset(tmp_path, name='mixed', people={'train': 2, 'test': 2}, named=False)
    pooled = config(tmp_path, target='mixed', target_split='all')
    metrics = evaluate(pooled, run_dir, str(tmp_path / 'report'))
    assert (metrics['images'], metrics['taught']['images']) == (14, 14)
    assert metrics['taught']['with_images']['images'] == 28
    print_report(metrics, str(tmp_path / 'report'))
    assert '14 of 28 tested images have the very pixels' in capsys.readouterr().out
    rows = pd.read_csv(tmp_path / 'report/predictions.csv')
    assert len(rows) == 28 and (rows['taught'] == 'image').sum() == 14
    fresh = rows[rows['taught'] != 'image']
    assert (fresh['label'] == fresh['predicted']).mean() == pytest.approx(metrics['accuracy'])
    matrix = pd.read_csv(tmp_path / 'report/confusion_matrix.csv').drop(columns='true')
    assert matrix.to_numpy().sum() == 14


@pytest.mark.slow
def test_a_model_without_a_record_says_so_in_every_number(data_dir, tmp_path, capsys):
    def answer(images):
        return np.full((len(images), 7), 1 / 7)

    run = config(data_dir, target='fake')
    metrics = evaluate_model(Predictor(answer, BASIC), run.data, str(tmp_path))
    print_report(metrics, str(tmp_path))
    for text in (capsys.readouterr().out, (tmp_path / 'report.html').read_text()):
        assert 'It is not recorded who taught this model' in text
    assert set(pd.read_csv(tmp_path / 'predictions.csv')['taught']) == {'not recorded'}
    # What the user says of it is held against the test all the same.
    write_dataset(tmp_path / 'anew', people=PEOPLE, deal=['test', 'validation', 'test'])
    data = dataclasses.replace(run.data, data_dir=str(tmp_path / 'anew'))
    with pytest.raises(InvalidInputError, match='3 of the 3 people'):
        evaluate_model(Predictor(answer, BASIC), data, str(tmp_path / 'report'))


def test_a_test_that_would_be_refused_is_refused_before_the_training(data_dir, tmp_path):
    data = config(data_dir).data
    check_people(data, record_of(data).people)
    write_dataset(tmp_path, people=PEOPLE, deal=['train', 'validation', 'train'])
    with pytest.raises(InvalidInputError, match='3 of the 3 people'):
        check_people(dataclasses.replace(data, data_dir=str(tmp_path)), record_of(data).people)


def test_a_set_that_is_leaky_by_its_name_stays_usable(data_dir):
    name = 'fake_leaky_image_split'
    data = DataConfig(source=name, data_dir=str(data_dir))
    people = frozenset({(name, 'anna')})
    require_new_people(data, people, people)
    with pytest.raises(InvalidInputError, match='1 of the 1 people'):
        require_new_people(DataConfig(source='fake'), people, people)
    rows = pd.DataFrame({'taught': ['person', ''], 'subject_id': ['anna', 'bert'], 'file_name': ''})
    found = describe_taught(rows, BASIC, None, is_recorded=True, is_leaky=data.is_leaky)
    assert sentences(found)[0].startswith('LEAKY') and '1 of 2 people' in sentences(found)[0]


def note_an_epoch(run_dir):
    """What was begun has a line of history; a start that failed before binds nobody."""
    with open(run_dir.history_file, 'w') as file:
        file.write('epoch,loss\n0,1.0\n')


@pytest.mark.slow
def test_a_run_goes_on_with_those_with_whom_it_began(data_dir, tmp_path):
    run_dir = RunDir(str(tmp_path / 'run'))

    def begin(data_dir):
        run = config(data_dir)
        builders = open_sources(run.data)
        record = record_training(run, run_dir, taught_by(builders), builders)
        claim(run_dir, '', builders, BASIC, record, is_chief=True)
        note_an_epoch(run_dir)

    begin(data_dir)
    before = (tmp_path / 'run/environment.json').read_text()
    begin(data_dir)
    write_dataset(tmp_path, people=PEOPLE, deal=['test', 'validation', 'train'])
    with pytest.raises(InvalidInputError, match=r'fake train.*3 people, now 3, 0 of them'):
        begin(tmp_path)
    assert (tmp_path / 'run/environment.json').read_text() == before


def test_a_run_of_an_earlier_version_goes_on_with_the_same_split(tmp_path):
    run_dir = RunDir(str(tmp_path / 'run'))
    for number in (1, 2):
        write_dataset(tmp_path / str(number), people=PEOPLE, metadata={'split_hash': f'{number}'})
    run = config(tmp_path / '1')
    builders = open_sources(run.data)
    claim(run_dir, '', builders, BASIC, is_chief=True)  # It had no record.
    note_an_epoch(run_dir)
    taught = taught_by(builders)
    assert record_training(run, run_dir, taught, builders).images == 35
    anew = open_sources(config(tmp_path / '2').data)
    with pytest.raises(InvalidInputError, match='fake is split otherwise'):
        record_training(run, run_dir, taught, anew)


def test_comparisons_leave_out_what_taught_either(data_dir):
    rows = pd.DataFrame(
        {
            'file_name': list('abc'), 'subject_id': '', 'label': 'sad',
            'predicted': ['sad', 'sad', 'happy'], 'taught': ['image', '', ''],
        }
    )  # fmt: skip
    other = rows.assign(taught=['', 'image', ''], predicted='sad')
    assert [len(one) for one in leave_out_taught([rows, other])] == [1, 1]
    (found,) = compare({'first': [rows], 'second': [other]})
    assert found.accuracies == (0.0, 1.0)
