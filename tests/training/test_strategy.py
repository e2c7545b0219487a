import subprocess
import sys

import pytest

from fer_keras.config.choices import STRATEGIES as CHOICES
from fer_keras.training.strategy import STRATEGIES, make_strategy
from tests.fakes import write_dataset


def test_every_choice_of_the_flag_is_built():
    assert set(CHOICES) == set(STRATEGIES)
    for name in set(CHOICES) - {'multi_worker'}:
        assert make_strategy(name, batch_size=8).num_replicas_in_sync >= 1


def test_replicas_and_parts_share_the_batch():
    with pytest.raises(ValueError, match='times the 3 parts of `accumulate`.*batch_size=8'):
        make_strategy('default', batch_size=8, parts=3)


def test_an_unknown_strategy_lists_the_known_ones():
    with pytest.raises(ValueError, match="'mirrored'.*Received: 'all'"):
        make_strategy('all', batch_size=8)


TWO_REPLICAS = """
import sys
import tensorflow as tf

cpu = tf.config.list_physical_devices('CPU')[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from fer_keras.config.run import DataConfig, ModelConfig, RunConfig, TrainingConfig
from fer_keras.run_dir import RunDir
from fer_keras.training import session, strategy
from tests.fakes import add_tiny_backbone

add_tiny_backbone()
two = lambda: tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])
strategy.STRATEGIES['mirrored'] = two
assert strategy.make_strategy('mirrored', batch_size=14).num_replicas_in_sync == 2
run = RunConfig(
    DataConfig(data_dir=sys.argv[1], source='fake', image_size_px=32, batch_size=14),
    ModelConfig(backbone='tiny', backbone_weights='none'),
    TrainingConfig(run_dir=sys.argv[2], epochs=2, head_epochs=1, ema_momentum=0.9),
)
session.train(run, RunDir(run.training.run_dir))
try:
    strategy.make_strategy('mirrored', batch_size=7)
except ValueError as error:
    print(error)
"""


@pytest.mark.slow
def test_two_replicas_train_both_stages_and_share_the_batch(tmp_path):
    write_dataset(tmp_path / 'data')
    command = [sys.executable, '-c', TWO_REPLICAS, str(tmp_path / 'data'), str(tmp_path / 'run')]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert 'multiple of the 2 replicas' in completed.stdout
    assert len((tmp_path / 'run/history.csv').read_text().splitlines()) == 3
    assert (tmp_path / 'run/checkpoints/best.keras').is_file()
