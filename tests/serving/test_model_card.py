"""The card says what a model began with."""

import dataclasses

import pytest

from fer_keras.config.run import RunConfig
from fer_keras.serving.model_card import describe_model
from tests.fakes import BASIC


@pytest.mark.parametrize(
    'start, said',
    [
        ({}, 'imagenet'),
        ({'initial_weights': 'wild'}, 'wild'),
        ({'initial_weights': '/home/me/runs/first/'}, 'first'),
        ({'backbone_weights': '/home/me/faces.weights.h5'}, 'faces.weights.h5'),
    ],
)
def test_the_weights_before_training_are_those_that_were_loaded(start, said):
    run = RunConfig()
    run = dataclasses.replace(run, model=dataclasses.replace(run.model, **start))
    assert f'weights before training: {said} |' in describe_model(BASIC, run=run)
