import dataclasses

import pytest

from fer_keras.config.data import DataConfig
from fer_keras.config.fields import as_flags
from fer_keras.config.model import ModelConfig
from fer_keras.config.run import RunConfig
from fer_keras.config.training import TrainingConfig


def test_target_is_the_source_unless_named():
    assert DataConfig(source='cfee/basic_faces').target_name == 'cfee/basic_faces'
    assert DataConfig(target='rafd/frontal_faces').target_name == 'rafd/frontal_faces'


def test_sources_are_pooled_with_a_comma():
    assert DataConfig(source='cfee, rafd,').source_names == ('cfee', 'rafd')


def test_people_that_were_trained_on_are_no_target():
    with pytest.raises(ValueError, match='target_split.*Received.*all'):
        DataConfig(source='cfee,rafd', target='rafd', target_split='all')
    DataConfig(source='cfee', target='rafd', target_split='all')
    # Another config of a set holds the same people.
    with pytest.raises(ValueError, match='another config'):
        DataConfig(source='cfee/basic_faces', target='cfee/all_faces', target_split='all')
    assert DataConfig(source='cfee/basic_faces', target='cfee/all_faces').is_target_a_source
    assert not DataConfig(source='cfee/basic_faces', target='rafd/all_faces').is_target_a_source


def test_a_split_of_images_is_tested_by_itself_alone():
    leaky = 'cfee/basic_faces_leaky_image_split'
    DataConfig(source=leaky)
    DataConfig(source=leaky, target='rafd/all_faces', target_split='all')
    for clash in (
        {'source': leaky, 'target': 'cfee/basic_faces'},
        {'source': 'cfee/basic_faces', 'target': leaky},
        {'source': f'cfee/basic_faces,{leaky}'},
    ):
        with pytest.raises(ValueError, match='puts a person into every split.*Received'):
            DataConfig(**clash)


def test_a_source_of_the_histograms_is_neither_target_nor_without_their_branch():
    data = DataConfig(source='cfee', hog_source='drawn, more,')
    assert data.hog_source_names == ('drawn', 'more')
    for clash in (
        {'source': 'cfee', 'hog_source': 'more,cfee'},
        {'source': 'cfee', 'target': 'drawn', 'hog_source': 'drawn'},
        {'source': 'cfee/basic_faces', 'hog_source': 'cfee/all_faces'},  # The same people.
    ):
        with pytest.raises(ValueError, match='other data sets than.*Received'):
            DataConfig(**clash)
    RunConfig(data, ModelConfig(hog_branch=True))
    with pytest.raises(ValueError, match='hog_branch=False. Give --hog_branch'):
        RunConfig(data)


@pytest.mark.parametrize(
    ('part', 'values'),
    [
        (DataConfig, {'source': ' , '}),
        (DataConfig, {'fold': 10}),
        (DataConfig, {'cache': 1}),
        (ModelConfig, {'fusion': 'multiply', 'fusion_strength': 0.5}),
        (ModelConfig, {'saliency': 'none', 'saliency_weights': 'x.h5'}),
        (ModelConfig, {'color': 'gray'}),
        (ModelConfig, {'crop': 2.0}),
        (ModelConfig, {'dropout': float('nan')}),
        (TrainingConfig, {'epochs': 2, 'head_epochs': 3}),
        (TrainingConfig, {'optimizer': 'adam'}),
        (TrainingConfig, {'epochs': 1.5}),
        (TrainingConfig, {'learning_rate': '1e-3'}),
    ],
)
def test_fields_that_are_wrong_or_disagree_are_refused(part, values):
    with pytest.raises(ValueError, match='Received'):
        part(**values)


def test_whole_numbers_are_numbers():
    assert ModelConfig(crop=1).crop == 1


def test_a_flag_file_has_a_line_for_every_field():
    parts = (DataConfig, ModelConfig, TrainingConfig)
    fields = [field.name for part in parts for field in dataclasses.fields(part)]
    lines = as_flags(RunConfig()).splitlines()
    assert [line.split('=')[0] for line in lines] == [f'--{name}' for name in fields]
