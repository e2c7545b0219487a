import pytest

from fer_keras.config.run import DataConfig, ModelConfig, RunConfig, TrainingConfig
from fer_keras.models.backbones import BACKBONES
from fer_keras.run_dir import RunDir
from fer_keras.training import precision
from fer_keras.training.precision import choose_precision, measure
from tests.fakes import TINY_BACKBONE

RUN = RunConfig(
    DataConfig(image_size_px=48),
    ModelConfig(backbone='tiny', backbone_weights='none'),
    TrainingConfig(precision='auto'),
)


@pytest.mark.parametrize(
    ('speed', 'expected'), [(50.0, 'mixed_bfloat16'), (10.5, 'float32'), (5.0, 'float32')]
)
def test_the_faster_precision_is_chosen_printed_and_kept(
    tmp_path, monkeypatch, capsys, speed, expected
):
    speeds = {'float32': 10.0, 'mixed_bfloat16': speed}
    monkeypatch.setattr(precision, 'measure', lambda run, policy, classes: speeds[policy])
    run_dir = RunDir(str(tmp_path))
    assert choose_precision(RUN, run_dir, num_classes=7) == expected
    printed = capsys.readouterr().out
    assert f'precision: {expected}' in printed and f'mixed_bfloat16 {speed}' in printed
    # A run that goes on must not measure again: it could choose otherwise.
    speeds.clear()
    assert choose_precision(RUN, run_dir, num_classes=7) == expected


def test_a_given_precision_is_not_measured(tmp_path):
    run = RunConfig(training=TrainingConfig(precision='mixed_float16'))
    assert choose_precision(run, RunDir(str(tmp_path)), num_classes=7) == 'mixed_float16'


def test_real_steps_are_measured(monkeypatch):
    monkeypatch.setitem(BACKBONES, 'tiny', TINY_BACKBONE)
    policy = precision.keras.config.dtype_policy()
    try:
        assert measure(RUN, 'mixed_bfloat16', 7) > 0
        assert precision.keras.config.dtype_policy().name == 'mixed_bfloat16'
    finally:
        precision.keras.config.set_dtype_policy(policy)
