import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from absl import flags as absl_flags

from fer_keras import flags
from fer_keras.config.run import DataConfig, ModelConfig, RunConfig, TrainingConfig, as_flags

ROOT = Path(__file__).parents[1]
CLASSIFIERS = ('demo', 'cfee', 'rafd', 'cross', 'cross_reverse')
EXPERIMENTS = [*CLASSIFIERS, *(f'{name}_saliency' for name in CLASSIFIERS[1:])]


@pytest.fixture
def parse(monkeypatch):
    """Parses arguments with flags of the test's own."""

    def parse_arguments(*arguments: str) -> RunConfig:
        values = absl_flags.FlagValues()
        for module in (flags, flags.flags):
            monkeypatch.setattr(module, 'FLAGS', values)
        for define in ('string', 'enum', 'integer', 'float', 'bool'):
            original = getattr(absl_flags, f'DEFINE_{define}')
            monkeypatch.setattr(
                flags.flags,
                f'DEFINE_{define}',
                lambda *args, _original=original, **kwargs: _original(
                    *args, **kwargs, flag_values=values
                ),
            )
        flags.define_run()
        values(['train', *arguments])
        return flags.read_run()

    return parse_arguments


def test_flags_and_fields_are_the_same_set_with_the_same_defaults(parse):
    assert parse() == RunConfig(DataConfig(), ModelConfig(), TrainingConfig())
    parts = (DataConfig, ModelConfig, TrainingConfig)
    fields = {field.name for part in parts for field in dataclasses.fields(part)}
    assert fields <= set(flags.FLAGS)


def test_a_written_flag_file_gives_the_run_again(parse, tmp_path):
    run = RunConfig(
        DataConfig(source='rafd/frontal_faces', cache=False),
        ModelConfig(saliency='center', fusion='blend', fusion_strength=0.3),
        TrainingConfig(learning_rate=3e-5, deterministic=True),
    )
    (tmp_path / 'flags.txt').write_text(as_flags(run))
    assert parse(f'--flagfile={tmp_path / "flags.txt"}') == run


def test_the_command_line_overrides_the_flags_of_the_run(tmp_path):
    (tmp_path / 'flags.txt').write_text('--source=cfee\n')
    argv = flags._with_flags_of_the_run(['evaluate', '--run_dir', str(tmp_path), '--target=rafd'])
    assert argv[1] == f'--flagfile={tmp_path / "flags.txt"}'
    assert argv[2:] == ['--run_dir', str(tmp_path), '--target=rafd']


def test_a_folder_without_a_run_says_what_to_give(tmp_path):
    with pytest.raises(SystemExit, match='no run in that folder'):
        flags._with_flags_of_the_run(['evaluate', f'--run_dir={tmp_path}'])


def test_a_data_set_that_is_not_built_ends_with_the_command_to_type(tmp_path):
    command = [sys.executable, '-m', 'fer_keras.train', f'--data_dir={tmp_path}', '--source=cfee']
    completed = subprocess.run(
        [*command, f'--run_dir={tmp_path / "run"}'], capture_output=True, text=True, check=False
    )
    assert completed.returncode == 2
    assert 'python -m tfds_builders.build cfee' in completed.stderr
    assert 'Traceback' not in completed.stderr


@pytest.mark.parametrize('name', EXPERIMENTS)
def test_every_experiment_gives_a_configuration(parse, name, monkeypatch):
    monkeypatch.chdir(ROOT)
    run = parse(f'--flagfile=experiments/{name}.flags')
    assert run.data.source_names and run.training.epochs > 1
