import pytest

from fer_keras.config import STRATEGIES as CHOICES
from fer_keras.training.distribution import STRATEGIES, make_strategy


def test_every_choice_of_the_flag_is_built():
    assert set(CHOICES) == set(STRATEGIES)
    for name in CHOICES:
        assert make_strategy(name, batch_size=8).num_replicas_in_sync >= 1


def test_an_unknown_strategy_lists_the_known_ones():
    with pytest.raises(ValueError, match="'mirrored'.*Received: 'all'"):
        make_strategy('all', batch_size=8)
