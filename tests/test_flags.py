import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from fer_keras import flags
from fer_keras.config.data import DataConfig
from fer_keras.config.evaluation import EvaluationConfig
from fer_keras.config.fields import GROUPS, as_flags, settings_of
from fer_keras.config.inference import PredictionConfig
from fer_keras.config.model import ModelConfig
from fer_keras.config.protocol import ProtocolConfig
from fer_keras.config.run import RunConfig
from fer_keras.config.training import TrainingConfig
from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.run_dir import RunDir

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted(
    path.stem
    for path in (ROOT / 'experiments').glob('*.flags')
    if '--source=' in path.read_text() or '_' not in path.stem
)


def read(*arguments, configs=(RunConfig,), **options):
    return flags._read(configs, arguments, **options)[0]


def test_every_setting_has_a_flag_of_its_default():
    assert read() == [RunConfig()]
    named = {
        field.name
        for part in (DataConfig, ModelConfig, TrainingConfig)
        for field, _ in settings_of(part)
    }
    assert named == {
        field.name
        for part in (DataConfig, ModelConfig, TrainingConfig)
        for field in dataclasses.fields(part)
    }
    assert all(
        known.group in GROUPS
        for part in (DataConfig, ModelConfig, TrainingConfig, PredictionConfig)
        for _, known in settings_of(part)
    )


def test_a_written_flag_file_gives_the_run_again(tmp_path):
    run = RunConfig(
        DataConfig(source='rafd/frontal_faces', cache=False, balance='loss'),
        ModelConfig(saliency='center', fusion='blend', fusion_strength=0.3),
        TrainingConfig(learning_rate=3e-5, deterministic=True),
    )
    (tmp_path / 'flags.txt').write_text(as_flags(run))
    assert read(f'--flagfile={tmp_path / "flags.txt"}') == [
        dataclasses.replace(
            run,
            data=dataclasses.replace(run.data, data_dir=str(Path(run.data.data_dir).expanduser())),
        )
    ]


@pytest.mark.parametrize(
    ('argument', 'told'),
    [
        ('--crop=2', r'`crop` must be in \[0.1, 1\]. Received: crop=2.0'),
        ('--epochs=ten', '`epochs` must be a whole number, at least 1. Received: --epochs=ten'),
        ('--color=gray', '`color` must be one of `rgb`, `grey`, `gradients`'),
        ('--optimizer=adam', '`optimizer` must be one of'),
        ('--saliency=spectral', 'or begin with `saved_model:`'),
        ('--learnin_rate=1', 'learnin_rate'),
    ],
)
def test_flags_and_python_callers_are_refused_alike(argument, told):
    with pytest.raises(InvalidInputError, match=told):
        read(argument)


def test_several_values_have_commas_between_and_the_type_of_their_default(tmp_path):
    (tmp_path / 'a.flags').write_text('')
    (protocol,) = read(
        f'--experiments={tmp_path}/a.flags',
        '--seeds=3,5',
        '--flags=--epochs=1 --seed=2',
        configs=(ProtocolConfig,),
    )
    assert protocol.seeds == (3, 5) and protocol.flags == '--epochs=1 --seed=2'


def test_a_tilde_is_the_home_in_every_path(monkeypatch):
    monkeypatch.setenv('HOME', '/home/me')
    (run,) = read('--run_dir=~/runs/x', '--data_dir=~/data', '--source=~odd/name')
    assert (run.training.run_dir, run.data.data_dir) == ('/home/me/runs/x', '/home/me/data')
    assert run.data.source == '~odd/name'


def test_a_tilde_is_the_home_in_both_forms_of_a_flag_in_files_and_for_python_callers(
    monkeypatch, tmp_path
):
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'a.flags').write_text('--run_dir=~/runs/x\n--backbone_weights=~root/w.h5\n')
    expected = str(tmp_path / 'runs/x')
    for arguments in (['--run_dir=~/runs/x'], ['--run_dir', '~/runs/x'], ['--flagfile=~/a.flags']):
        (run,) = read(*arguments)
        assert run.training.run_dir == expected
    assert run.model.backbone_weights == str(Path('~root/w.h5').expanduser())
    assert TrainingConfig(run_dir='~/runs/x').run_dir == expected
    assert TrainingConfig(run_dir=Path('~/runs/x')).run_dir == expected
    assert RunDir('~/runs/x').path == expected
    # What nobody said stays as it is: it is another folder for another user.
    assert DataConfig().data_dir == '~/tensorflow_datasets'
    (protocol,) = read('--experiments=~/a.flags', configs=(ProtocolConfig,))
    assert protocol.experiments == (str(tmp_path / 'a.flags'),)
    flags_of_runs = flags.parse_run(['--flagfile', '~/a.flags'])
    assert flags_of_runs.training.run_dir == expected
    assert flags._expand_argument('~/a,~/b') == f'{tmp_path}/a,{tmp_path}/b'


def test_the_home_of_nobody_is_refused():
    with pytest.raises(InvalidInputError, match='no user nobody_here. .* give ./~nobody_here/x'):
        read('--run_dir=~nobody_here/x')
    with pytest.raises(InvalidInputError, match='no user nobody_here'):
        TrainingConfig(run_dir='~nobody_here/x')


def test_the_flag_file_of_a_run_that_was_moved_says_where_it_begins_anew(tmp_path, capsys):
    run_dir = RunDir(str(tmp_path / 'new'))
    run_dir.claim(f'--source=cfee\n--run_dir={tmp_path}/old\n')
    read(f'--flagfile={run_dir.flags_file}')
    Path(run_dir.history_file).write_text('epoch,loss\n0,1\n')
    read(f'--flagfile={run_dir.flags_file}', f'--run_dir={run_dir.path}')
    assert capsys.readouterr().err == ''
    read(f'--flagfile={run_dir.flags_file}')
    told = capsys.readouterr().err
    assert f'begins a new one in {tmp_path}/old. To go on' in told
    assert f'give --run_dir={tmp_path}/new besides' in told


def test_a_flag_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / 'flags.txt').write_bytes(b'\xff\x00')
    with pytest.raises(InvalidInputError, match='must be text in UTF-8.*flags.txt'):
        read(f'--flagfile={tmp_path}/flags.txt')


def test_the_command_line_overrides_the_flags_of_the_run(tmp_path):
    (tmp_path / 'flags.txt').write_text('--source=cfee\n--seed=5\n')
    run, _ = read(
        '--run_dir',
        str(tmp_path),
        '--target=rafd',
        configs=(RunConfig, EvaluationConfig),
        continues_run=True,
    )
    assert (run.data.source, run.data.target, run.training.seed) == ('cfee', 'rafd', 5)


def test_a_value_is_no_flag_whatever_it_is_called(tmp_path):
    (tmp_path / 'flags.txt').write_text('--seed=5\n')
    arguments = ['--source', 'model', f'--run_dir={tmp_path}']
    run, options = read(*arguments, configs=(RunConfig, EvaluationConfig), continues_run=True)
    assert (run.data.source, run.training.seed, options.model) == ('model', 5, '')


@pytest.mark.parametrize('inside', ['', 'saved_model/1', 'checkpoints/best.keras'])
def test_a_model_inside_a_run_has_the_flags_of_the_run(tmp_path, inside):
    (tmp_path / 'flags.txt').write_text('--seed=5\n')
    arguments = [f'--model={tmp_path / inside}', '--output=report']
    run, _ = read(*arguments, configs=(RunConfig, EvaluationConfig), continues_run=True)
    assert run.training.seed == 5
    with pytest.raises(
        InvalidInputError, match='`source` must be named. Received: none. Give --source'
    ):
        flags.require_given('source', 'must be named', 'NAME/CONFIG')


def test_a_folder_without_a_run_says_what_to_give(tmp_path):
    with pytest.raises(MissingFileError, match='no run in that folder'):
        read(f'--run_dir={tmp_path}', configs=(RunConfig, EvaluationConfig), continues_run=True)


def test_flags_that_are_gone_are_read_and_named(capsys):
    (run,) = read(
        '--balance_classes', '--group_rates=0.1,1', '--precision=auto', '--shallow_branch'
    )
    assert (run.data.balance, run.training.precision, run.model.hog_branch) == (
        'loss',
        'float32',
        True,
    )
    told = capsys.readouterr().err
    assert '--balance_classes is gone; it is read as --balance=loss.' in told
    assert '--group_rates=0.1,1 is gone, since no measurement asked for it; it is left out.' in told
    assert '--precision=auto is gone; it is read as --precision=float32.' in told
    (run,) = read('--balanced_sampling=true', '--balance_classes=False', '--group_rates=')
    assert run.data.balance == 'sampling'
    assert capsys.readouterr().err.count('note:') == 1


def test_another_runs_flags_are_read_without_those_of_this_command():
    assert flags.parse_run(['--verbosity=1', '--epochs=7']).training.epochs == 7
    with pytest.raises(InvalidInputError, match='This was in: --epochs=0'):
        flags.parse_run(['--epochs=0'])


def test_a_data_set_that_is_not_built_ends_with_the_command_to_type(tmp_path):
    command = [sys.executable, '-m', 'fer_keras.train', f'--data_dir={tmp_path}', '--source=cfee']
    completed = subprocess.run(
        [*command, f'--run_dir={tmp_path / "run"}'], capture_output=True, text=True, check=False
    )
    assert completed.returncode == 2
    assert 'python -m tfds_builders.build cfee' in completed.stderr
    assert 'Traceback' not in completed.stderr


@pytest.mark.parametrize('name', EXPERIMENTS)
def test_every_experiment_gives_a_configuration(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    (run,) = read(f'--flagfile=experiments/{name}.flags')
    assert run.data.source_names and run.training.epochs > 1


def test_a_fault_of_ours_shows_where_it_came_from_and_asks_for_a_report(capsys):
    try:
        raise ValueError('of some library')
    except ValueError as error:
        assert flags._tell(error) == flags.FAULT
    told = capsys.readouterr().err
    assert 'Traceback' in told and 'test_flags.py' in told and 'Please report it' in told
    assert flags._tell(InvalidInputError('`x` must be 1.')) == 2
    assert capsys.readouterr().err == 'error: `x` must be 1.\n'
