"""Which detector finds the faces for a model: asked for, remembered, or missing."""

import itertools
import json
import types
import warnings

import cv2
import numpy as np
import pandas as pd
import pytest

import fer_keras
from fer_keras.config import choices
from fer_keras.config.inference import DemoAppConfig, PredictionConfig
from fer_keras.data.datasets import open_dataset, open_sources
from fer_keras.data.recording import detector_of, make_record
from fer_keras.data.splits import read_split
from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.evaluation.report import evaluate_model
from fer_keras.inference import answering, page_server, shard_plan, sharded_answers
from fer_keras.inference.choosing import choose_detector
from fer_keras.inference.outcome import Outcome
from fer_keras.inference.page import DemoPage
from fer_keras.inference.predictor import Predictor
from fer_keras.inference.video_answers import answer_video
from fer_keras.provenance import record as records
from fer_keras.provenance.record import CHOSE, TRAINED, TaughtSplit, TrainingRecord
from fer_keras.provenance.wording import sentences
from fer_keras.serving.model_card import describe_model
from tests.fakes import BASIC, write_dataset, write_untrained_run
from tests.inference.test_photos import write_video
from tests.tfds_builders.test_detectors import RED, photo_of
from tests.tiny_yunet import write_tiny_yunet
from tfds_builders import detectors

NAMES = ('sad', 'happy')


def happy(images):
    """Crops of a red face are happy."""
    red = images[:, 128, 128, 0] / 255
    return np.stack([1 - red, red], axis=1)


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    return write_tiny_yunet(tmp_path_factory.mktemp('yunet') / 'tiny.onnx')


@pytest.fixture(scope='module')
def identity(file):
    return detectors.choose(file).identity


def record_of(*found_by):
    nobody = np.zeros((0, 6), np.uint8), np.zeros((0, 32), np.uint8)
    return TrainingRecord(
        tuple(
            TaughtSplit(role, f'set{number}/faces/1.0.0', 'train', -1, '', (), True, *nobody, one)
            for number, one in enumerate(found_by)
            for role in (TRAINED, CHOSE)
        )
    )


def model_of(*found_by, detector=None):
    return Predictor(happy, NAMES, record=record_of(*found_by), detector=detector)


# --- The choice ---


def test_the_names_are_those_of_the_builders():
    of_files = [f'{name}:' for name, kind in detectors.KINDS.items() if kind.takes_file]
    assert of_files == choices.DETECTORS_OF_FILES
    named = [name for name, kind in detectors.KINDS.items() if not kind.takes_file]
    assert named == choices.DETECTORS and detectors.MTCNN.identity == records.MTCNN


@pytest.mark.parametrize('config', [PredictionConfig, DemoAppConfig])
def test_another_name_is_refused_before_anything_is_loaded(config):
    with pytest.raises(
        InvalidInputError, match='one of `mtcnn`, `single_shot`, or begin with.*own'
    ):
        config(detector='own')


@pytest.mark.parametrize('record', [None, record_of(), record_of('mtcnn'), record_of('')])
def test_the_default_has_the_crops_of_mtcnn_without_a_word(record):
    detector, note, problem = choose_detector(None, record)
    assert detector == detectors.choose(detectors.PREFERRED) and (note, problem) == ('', '')
    assert detectors.crops_of(detector.identity) == detectors.DEFAULT == 'mtcnn'


def test_what_a_model_learned_from_is_not_told(file, identity):
    for asked, taught in itertools.product(('mtcnn', 'single_shot'), repeat=2):
        assert choose_detector(asked, record_of(taught)).note == ''
    assert choose_detector(None, record_of('mtcnn', 'single_shot')).note == ''
    assert choose_detector(file, record_of(identity, '')).note == ''
    assert choose_detector(file, None).note == ''


def test_what_it_did_not_learn_from_is_told(file, identity):
    for asked, taught in (
        (file, 'mtcnn'),
        ('mtcnn', identity),
        ('single_shot', identity),
        (file, 'yunet:0a1b'),
    ):
        note = choose_detector(asked, record_of(taught)).note
        assert f'faces that {detectors.describe(taught)} found taught the model' in note
    mixed = choose_detector(None, record_of(identity, 'mtcnn'))
    assert mixed.detector.name == detectors.PREFERRED and ' and mtcnn found' in mixed.note


def test_a_missing_file_and_one_that_is_none_are_errors_of_this_package(tmp_path):
    with pytest.raises(MissingFileError, match='a.onnx does not exist'):
        fer_keras.Predictor(happy, NAMES, detector=f'yunet:{tmp_path}/a.onnx')
    with pytest.raises(InvalidInputError, match='must be the ONNX file of YuNet'):
        fer_keras.Predictor(happy, NAMES, detector=f'yunet:{__file__}')


# --- In Python ---


def test_its_faces_are_found_cropped_and_answered(file):
    table = model_of(detector=file).predict(photo_of((3, 2, RED)))
    assert table['label'].tolist() == ['happy']
    box = table[['left', 'top', 'right', 'bottom']].to_numpy()
    np.testing.assert_allclose(box, [[96, 64, 128, 96]], atol=0.1)


def test_without_the_file_photos_are_refused_and_crops_answered(identity, file):
    model = model_of(identity)
    with pytest.raises(InvalidInputError, match='--detector=yunet:FILE') as raised:
        model.predict(photo_of())
    assert detectors.describe(identity) in str(raised.value)
    assert model.predict_crops(np.full((256, 256, 3), RED, np.uint8))['label'].tolist() == ['happy']
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert model.predict(photo_of((3, 2, RED)), detector=file)['face'].tolist() == [0]
    with pytest.warns(UserWarning, match='here mtcnn finds them'):
        model.predict(photo_of(), detector='mtcnn')


def test_loading_warns_where_the_faces_are_others(file, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        fer_keras.load()
    with pytest.warns(UserWarning, match='faces that mtcnn found taught the model'):
        model = fer_keras.load(detector=file)
    assert model.predict(photo_of((3, 2, RED)))['face'].tolist() == [0]


# --- Commands ---


@pytest.fixture
def command(monkeypatch, tmp_path):
    """`predict` with a model that faces of some detector taught."""

    def call(source, *found_by, **options):
        monkeypatch.setattr(
            answering, 'load', lambda path, detector: model_of(*found_by, detector=detector)
        )
        config = PredictionConfig(model='x', output=str(tmp_path / 'out.csv'), **options)
        outcome = answering.answer_files(config, [str(source)])
        return outcome, pd.read_csv(tmp_path / 'out.csv')

    return call


def test_photos_are_searched_with_what_was_asked_for_and_notes_say_so(file, command, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), photo_of((3, 2, RED))[..., ::-1])
    outcome, table = command(tmp_path / 'a.png', 'mtcnn', detector=file)
    assert table['label'].tolist() == ['happy'] and 'mtcnn found taught' in outcome.notes[0]
    assert not command(tmp_path / 'a.png', 'mtcnn')[0].notes


def test_nothing_is_written_where_the_file_is_missing(identity, command, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), photo_of())
    with pytest.raises(InvalidInputError, match='taught this model. Received: no file'):
        command(tmp_path / 'a.png', identity)
    assert not (tmp_path / 'out.csv').exists()
    assert len(command(tmp_path / 'a.png', identity, crops=True)[1]) == 1


def test_videos_are_searched_with_it(file, tmp_path):
    pytest.importorskip('trackers')
    from fer_keras.inference.photos import read_pictures

    video = write_video(tmp_path / 'clip.avi', [80] * 3)
    frames = read_pictures([str(video)], every=1, max_frames=0)
    pictures = [one._replace(image=photo_of((3, 2, RED))) for one in frames]
    config = PredictionConfig(search_s=0)
    ((_, table),) = answer_video(model_of(detector=file), pictures, config)
    assert table['label'].tolist() == ['happy'] * 3 and set(table['track']) == {0}


def test_the_page_finds_faces_with_it(file, identity, monkeypatch):
    page = DemoPage(model_of(detector=file), largest_upload=2**20)
    assert [face['label'] for face in page.answer(photo_of((3, 2, RED)))['faces']] == ['happy']
    monkeypatch.setattr(page_server, 'load', lambda path, detector: model_of(identity))
    with pytest.raises(InvalidInputError, match='--detector=yunet:FILE'):
        page_server.serve_page(DemoAppConfig(port=0))


def test_shards_of_two_detectors_never_lie_in_one_folder(file, tmp_path, monkeypatch):
    monkeypatch.setattr(sharded_answers, 'find_record', lambda model: None)
    plans = []
    for asked in ('mtcnn', file):
        config = PredictionConfig(detector=asked, output=str(tmp_path / 'x.csv'))
        config, detector = sharded_answers._settle_detector(config, Outcome(1))
        assert str(detector) == config.detector
        settings = shard_plan.settings_of(config, detector.identity)
        plan = shard_plan.ShardPlan(str(tmp_path), 'wild', '0a', settings)
        shard_plan.write_files(plan, [])
        plans.append(plan)
    with pytest.raises(InvalidInputError, match='begun with detector=mtcnn. Received: .*=yunet:'):
        shard_plan.require_same(*plans, [])
    before = {name: one for name, one in plans[0].settings.items() if name != 'detector'}
    older = shard_plan.ShardPlan(str(tmp_path), 'wild', '0a', before)
    shard_plan.require_same(older, plans[0], [])  # Begun before there was a choice.


@pytest.mark.slow
def test_beam_finds_faces_with_it(file, tmp_path):
    run_dir = write_untrained_run(tmp_path / 'run')
    cv2.imwrite(str(tmp_path / 'a.png'), photo_of((3, 2, RED), (6, 6, RED))[..., ::-1])
    config = PredictionConfig(
        model=run_dir.path,
        detector=file,
        output=str(tmp_path / 'answers'),
        beam_pipeline_options='runner=DirectRunner',
    )
    assert answering.answer_files(config, [str(tmp_path / 'a.png')]).faces == 2
    summary = json.loads((tmp_path / 'answers/summary.json').read_text())
    assert summary['settings']['detector'] == detectors.choose(file).identity


# --- What a model remembers ---


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory, identity):
    """Sets of which the first is YuNet's, the next says nothing, and nobody was looked for."""
    folder = tmp_path_factory.mktemp('data')
    name, sha256 = identity.split(':')
    people = {'train': 2, 'validation': 1, 'test': 1}
    metadata = {'detector': {'name': name, 'sha256': sha256}}
    write_dataset(folder, name='of_yunet', people=people, metadata=metadata)
    write_dataset(folder, name='older', people=people)
    return str(folder)


def test_a_record_names_the_detector_of_each_set(data_dir, identity):
    from fer_keras.config.data import DataConfig

    builders = open_sources(DataConfig(data_dir=data_dir, source='of_yunet,older'))
    training, validation = (read_split(builders, s, BASIC) for s in ('train', 'validation'))
    made = make_record(training, validation, (), builders)
    assert [split.detector for split in made.splits] == [identity, ''] * 2
    again = TrainingRecord.from_bytes(made.to_bytes())
    assert again.detectors == made.detectors == (identity,)


def test_crops_that_say_nothing_are_those_of_mtcnn(data_dir):
    builder = open_dataset('older', data_dir)
    assert detector_of(builder) == ''  # Whole pictures.
    crops = types.SimpleNamespace(metadata=None, features={'box'})
    assert detector_of(types.SimpleNamespace(info=crops)) == 'mtcnn'


def test_a_record_of_before_is_of_mtcnn(monkeypatch):
    dumps = json.dumps

    def forget(about, **how):
        for split in about['splits']:
            del split['detector']
        return dumps(about, **how)

    monkeypatch.setattr(records.json, 'dumps', forget)
    older = TrainingRecord.from_bytes(record_of('yunet:0a').to_bytes())
    assert older.detectors == ('mtcnn',)


def test_a_test_of_other_crops_says_so(data_dir, identity, tmp_path):
    from fer_keras.config.data import DataConfig

    model = Predictor(
        lambda images: np.full((len(images), 7), 1 / 7), BASIC, record=record_of('mtcnn')
    )
    data = DataConfig(data_dir=data_dir, source='set0/faces', target='of_yunet')
    taught = evaluate_model(model, data, str(tmp_path))['taught']
    assert taught['crops'] == {'taught': 'mtcnn', 'tested': detectors.describe(identity)}
    assert 'Faces that mtcnn found taught this model' in sentences(taught)[-1]


def test_the_model_card_says_what_the_graph_finds_faces_with():
    card = describe_model(NAMES, record=record_of('yunet:0a1b2c', 'mtcnn'))
    assert 'Its graph finds faces with single_shot, whatever taught it' in card
    assert 'faces found by yunet (SHA-256 0a1b2c)' in card
    for usual in (record_of('mtcnn', ''), None):
        assert 'Its graph finds' not in describe_model(NAMES, record=usual)
