"""Runs that are killed go on as if nothing had happened."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from fer_keras.config.fields import as_flags
from fer_keras.config.run import RunConfig
from fer_keras.config.training import TrainingConfig
from fer_keras.errors import ExistingFileError, InvalidInputError, UnwritableFileError
from fer_keras.files import read_json
from fer_keras.run_dir import RunDir
from fer_keras.training.callbacks import BestCheckpoint, forget_epochs_after
from fer_keras.training.holding import hold_run
from fer_keras.training.loop import Loop
from fer_keras.training.saved_states import Checkpoints, TrainingState, assign, values_of
from fer_keras.training.tasks import ClassifierTask
from tests.fakes import write_dataset

EPOCHS = 4
STEPS = 10  # an epoch

# The command itself with a backbone that is built in a second. Told so, it is killed in the midst
# of writing a state, of which half is left. What hangs says where, and ends.
TRAIN = """
import faulthandler, os, signal
faulthandler.dump_traceback_later(600, exit=True)
from fer_keras import flags, train
from fer_keras.config.run import RunConfig
from tests.fakes import add_tiny_backbone

add_tiny_backbone()
left, sync = [int(os.environ.get('KILL_AT_WRITE', -1))], os.fsync

def sync_or_die(number):
    if 'state-' in os.readlink(f'/proc/self/fd/{number}'):
        left[0] -= 1
    if left == [0]:
        os.ftruncate(number, os.fstat(number).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    sync(number)

os.fsync = sync_or_die
flags.start(train.main, RunConfig)
"""


def start(data_dir, run_dir, **environment):
    """Everything that draws at random or remembers is on."""
    arguments = [
        '--source=fake', f'--data_dir={data_dir}', f'--run_dir={run_dir}', '--backbone=tiny',
        '--backbone_weights=none', '--image_size_px=48', '--batch_size=14', '--crop=0.8',
        '--saliency=spectral_residual', f'--saliency_cache={data_dir}/maps',
        '--augmentation=strong', '--mixup_alpha=0.4', '--cutmix_alpha=1', '--balance=sampling',
        f'--epochs={EPOCHS}', '--head_epochs=1', '--learning_rate=1e-3', '--ema_momentum=0.9',
        '--sam_radius=0.05', '--deterministic', '--checkpoint_steps=1',
        '--hog_branch', '--average_mirrored',
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, '-c', TRAIN, *arguments],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def newest_state(run_dir):
    folder = RunDir(str(run_dir)).state_dir
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return max((name for name in names if re.fullmatch(r'state-[\d-]+\.npz', name)), default='')


def finish(process):
    printed, errors = process.communicate()
    assert process.returncode == 0, errors[-3000:]
    return printed


def stop_at(process, run_dir, step, number):
    """Sends a signal as soon as the state before a step of the run, counted from 0, is there."""
    state = f'state-{step // STEPS:06d}-{step % STEPS:08d}.npz'
    while newest_state(run_dir) < state and process.poll() is None:
        time.sleep(0.001)
    assert process.poll() is None, f'the run ended before it was stopped at {state}'
    process.send_signal(number)
    return process.communicate()


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """One run in peace, and one that is stopped in every way and finds a damaged state."""
    root = tmp_path_factory.mktemp('resume')
    write_dataset(root / 'data', people={'train': 20, 'validation': 2, 'test': 2})
    printed = finish(start(root / 'data', root / 'peace'))
    killed = root / 'killed'
    seed = random.SystemRandom().randrange(10**6)
    print(f'steps drawn with {seed}')  # pytest shows it where a test fails
    draw = random.Random(seed)
    stop_at(start(root / 'data', killed), killed, draw.randint(1, 12), signal.SIGKILL)
    stop_at(start(root / 'data', killed), killed, draw.randint(18, 22), signal.SIGKILL)
    writing = start(root / 'data', killed, KILL_AT_WRITE=str(draw.randint(1, 4)))
    writing.communicate()
    assert writing.returncode == -signal.SIGKILL
    newest = os.path.join(RunDir(str(killed)).state_dir, newest_state(killed))
    with open(newest, 'r+b') as file:  # as a full disk leaves it
        file.truncate(os.path.getsize(newest) // 2)
    interrupted = start(root / 'data', killed)
    _, errors = stop_at(interrupted, killed, 30, signal.SIGINT)
    after_interrupt = newest_state(killed)
    finish(start(root / 'data', killed))
    return SimpleNamespace(
        peace=root / 'peace',
        killed=killed,
        printed=printed,
        interrupted=(interrupted.returncode, errors, after_interrupt),
        maps=os.listdir(root / 'data/maps'),
    )


@pytest.mark.slow
def test_ctrl_c_saves_the_step_and_ends_cleanly(runs):
    status, errors, newest = runs.interrupted
    assert status == 130 and 'Traceback' not in errors
    step, epoch = re.search(r'Saved after step (\d+) of epoch (\d+)', errors).groups()
    assert newest == f'state-{int(epoch) - 1:06d}-{int(step):08d}.npz'


@pytest.mark.slow
def test_the_maps_of_both_splits_were_made_once_for_all_runs(runs):
    assert len(runs.maps) == 2 and all(name.endswith('.npy') for name in runs.maps)


@pytest.mark.slow
def test_progress_tells_loss_accuracy_speed_and_time_left(runs):
    number = r'[\d.]+'
    assert re.search(
        rf'epoch 2/4  loss {number}  accuracy {number}  val_loss {number}  '
        rf'val_accuracy {number}  \d+ images/s  \d+ s left',
        runs.printed,
    )


def shown(folder):
    events = EventAccumulator(str(folder), size_guidance={'tensors': 0})
    events.Reload()
    return events


@pytest.mark.slow
def test_tensorboard_has_curves_confusions_overlays_and_flags(runs):
    train, validation = shown(runs.peace / 'train'), shown(runs.peace / 'validation')
    assert len(train.Tensors('epoch_loss')) == len(validation.Tensors('epoch_loss')) == EPOCHS
    confusions = validation.Tensors('confusion_matrix')
    assert [event.step for event in confusions] == list(range(EPOCHS))
    width, height, *pictures = validation.Tensors('saliency_overlay')[0].tensor_proto.string_val
    assert (int(width), int(height)) == (38, 38) and len(pictures) == 8
    flags = train.summary_metadata['_hparams_/session_start_info'].plugin_data.content
    values = HParamsPluginData.FromString(flags).session_start_info.hparams
    assert values['sam_radius'].number_value == 0.05


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_history(runs):
    peace, killed = (run / 'history.csv' for run in (runs.peace, runs.killed))
    assert killed.read_bytes() == peace.read_bytes()
    assert len(peace.read_text().splitlines()) == 1 + EPOCHS


@pytest.mark.slow
def test_a_killed_run_ends_with_bit_identical_weights(runs):
    peace, killed = (
        Checkpoints(RunDir(str(run)).state_dir).latest() for run in (runs.peace, runs.killed)
    )
    assert peace.is_finished and killed.is_finished
    for part in ('model', 'optimizer'):
        pairs = zip(getattr(killed, part), getattr(peace, part), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs), part


@pytest.mark.slow
def test_a_killed_run_keeps_the_same_best_model(runs):
    peace, killed = (
        keras.saving.load_model(RunDir(str(run)).model_file, compile=False)
        for run in (runs.peace, runs.killed)
    )
    for a, b in zip(killed.get_weights(), peace.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    metrics = [(run / 'report/metrics.json').read_text() for run in (runs.peace, runs.killed)]
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize('precision', ['float32', 'mixed_float16'])
def test_a_loop_that_is_cut_off_goes_on_in_any_precision(tmp_path, precision):
    images = np.random.default_rng(0).normal(size=(8, 3)).astype('float32')
    labels = np.eye(2, dtype='float32')[np.arange(8) % 2]
    data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(4)
    config = TrainingConfig(
        epochs=2, head_epochs=0, learning_rate=0.1, checkpoint_steps=1, ema_momentum=0.5
    )

    def run(folder, cut_off_at=None):
        def epoch(number, step, context):
            if number == cut_off_at:
                raise KeyboardInterrupt
            return data.skip(step)

        keras.utils.set_random_seed(0)
        backbone = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)], name='backbone')
        head = [keras.layers.Dropout(0.5), keras.layers.Dense(2, 'softmax', dtype='float32')]
        model = keras.Sequential([keras.Input((3,)), backbone, *head])
        run_dir = RunDir(str(tmp_path / folder))
        os.makedirs(os.path.dirname(run_dir.model_file), exist_ok=True)
        task = ClassifierTask(model, tf.distribute.get_strategy(), config)
        batches = SimpleNamespace(steps_per_epoch=2, batch_size=4, epoch=epoch)
        Loop(task, run_dir).run(batches, data)
        return model.get_weights()

    keras.config.set_dtype_policy(precision)
    try:
        expected = run('peace')
        with pytest.raises(KeyboardInterrupt):
            run('cut_off', cut_off_at=1)
        for one, other in zip(run('cut_off'), expected, strict=True):
            np.testing.assert_array_equal(one, other)
        histories = [(tmp_path / f / 'history.csv').read_text() for f in ('peace', 'cut_off')]
        assert histories[0] == histories[1] and histories[0].count('epoch') == 1
    finally:
        keras.config.set_dtype_policy('float32')


def test_an_unfinished_run_of_other_flags_is_not_continued(tmp_path):
    run_dir = RunDir(str(tmp_path))
    run_dir.claim('--seed=0\n')
    run_dir.claim('--seed=0\n')
    Checkpoints(run_dir.state_dir).save(TrainingState(step=1))
    with pytest.raises(FileExistsError, match="unfinished run of other flags.*'--seed=1'"):
        run_dir.claim('--seed=1\n')


def test_a_start_that_failed_refuses_no_mended_flags(tmp_path):
    run_dir = RunDir(str(tmp_path))
    run_dir.claim('--seed=0\n')
    (tmp_path / 'history.csv').write_text('')
    (tmp_path / 'checkpoints/states').mkdir()
    (tmp_path / 'checkpoints/states/state-000000-00000001.unfinished-1a2b.npz').write_text('')
    assert not run_dir.has_begun
    run_dir.claim('--seed=1\n')
    assert (tmp_path / 'flags.txt').read_text() == '--seed=1\n'


def test_a_run_that_was_moved_goes_on(tmp_path):
    for name in ('old', 'new'):
        run = RunConfig(training=TrainingConfig(run_dir=str(tmp_path / name)))
        run_dir = RunDir(run.training.run_dir)
        run_dir.claim(as_flags(run))
        Checkpoints(run_dir.state_dir).save(TrainingState(step=1))
        if name == 'old':
            (tmp_path / 'old').rename(tmp_path / 'new')


def test_a_second_training_in_a_folder_is_told_who_trains_there(tmp_path):
    run_dir = RunDir(str(tmp_path / 'run'))
    with hold_run(run_dir, is_chief=True) as require_held:
        told = f'{tmp_path}/run is being trained by process {os.getpid()} on .*another --run_dir'
        with pytest.raises(ExistingFileError, match=told), hold_run(run_dir, is_chief=True):
            pass
        with hold_run(run_dir, is_chief=False):
            pass
        require_held()
        other = json.loads(Path(run_dir.lock_file).read_text()) | {'token': 'other', 'host': 'b'}
        Path(run_dir.lock_file).write_text(json.dumps(other))
        with pytest.raises(ExistingFileError, match='no longer held by this process.* on b,'):
            require_held()
    assert Path(run_dir.lock_file).is_file()  # It is the other's.


def test_a_run_in_a_folder_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / 'file').write_text('')
    for folder in (tmp_path / 'file/run', '/proc/run'):
        run_dir, told = RunDir(str(folder)), 'cannot be written to.*--run_dir'
        with pytest.raises(UnwritableFileError, match=told), hold_run(run_dir, is_chief=True):
            pass
        with pytest.raises(UnwritableFileError, match=told):
            run_dir.claim('')


def test_a_damaged_state_is_skipped_with_a_note(tmp_path, capsys):
    checkpoints = Checkpoints(str(tmp_path))
    checkpoints.save(TrainingState(epoch=1, model=[np.arange(1000.0)]))
    newest = checkpoints.save(TrainingState(epoch=2, model=[np.arange(1000.0)]))
    with open(newest, 'r+b') as file:
        file.seek(4000)
        file.write(b'\xff' * 8)
    assert checkpoints.latest().epoch == 1
    told = capsys.readouterr().err
    assert told.startswith(f'note: {newest} (') and 'goes on from the state before' in told


def test_a_run_whose_states_are_all_damaged_does_not_begin_anew_unsaid(tmp_path):
    checkpoints = Checkpoints(str(tmp_path))
    path = checkpoints.save(TrainingState(epoch=1, model=[np.arange(1000.0)]))
    content = Path(path).read_bytes()
    rng = np.random.default_rng(0)
    for number in range(60):
        damaged = bytearray(content)
        place = int(rng.integers(len(content) - 8)) if number % 2 else number * 4
        damaged[place : place + 8] = rng.bytes(8)
        Path(path).write_bytes(damaged)
        try:  # What no check sees is read.
            assert checkpoints.latest().model[0].shape == (1000,)
        except InvalidInputError as error:
            assert f'delete {tmp_path}: the same command then begins' in str(error)
    for wrong in (b'', content[:100], b'\x80\x04pickle'):
        Path(path).write_bytes(wrong)
        with pytest.raises(InvalidInputError, match='none of its saved states can be read'):
            checkpoints.latest()


def test_only_the_last_states_are_kept(tmp_path):
    checkpoints = Checkpoints(str(tmp_path), keep=2)
    for epoch in range(5):
        checkpoints.save(TrainingState(epoch=epoch))
    assert sorted(os.listdir(tmp_path)) == [
        'state-000003-00000000.npz',
        'state-000004-00000000.npz',
    ]


def test_dropout_generators_are_part_of_the_state():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5, seed=1)])
    before = values_of(model.variables)
    first = np.array(model(np.ones((1, 4)), training=True))
    assign(model.variables, before, 'model')
    np.testing.assert_array_equal(model(np.ones((1, 4)), training=True), first)
    assert before


def test_a_state_of_another_model_is_refused():
    with pytest.raises(ValueError, match='another --run_dir'):
        assign(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]).variables, [], 'model')


@pytest.mark.parametrize('damage', [b'', b'PK', None])
def test_a_best_model_that_is_damaged_or_gone_is_written_again(damage, tmp_path, capsys):
    path = tmp_path / 'best.keras'
    checkpoint = BestCheckpoint(str(path), 'val_loss')
    checkpoint.set_model(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]))
    checkpoint.on_epoch_end(0, {'val_loss': 0.5})
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    checkpoint.on_epoch_end(1, {'val_loss': 0.7})
    assert zipfile.is_zipfile(path) and checkpoint.best == 0.7
    assert f'{path} is gone or damaged' in capsys.readouterr().err


def test_a_run_whose_files_are_damaged_says_which(tmp_path):
    run_dir = RunDir(str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r'labels.txt is missing'):
        run_dir.read_labels()
    (tmp_path / 'labels.txt').write_bytes(b'\xff')
    with pytest.raises(InvalidInputError, match=r'labels.txt must name a class a line'):
        run_dir.read_labels()
    with pytest.raises(FileNotFoundError, match=r'environment.json is missing'):
        read_json(run_dir.environment_file)
    for content in (b'', b'{"a": ', b'\xff'):
        (tmp_path / 'environment.json').write_bytes(content)
        with pytest.raises(InvalidInputError, match=r'environment.json is damaged'):
            read_json(run_dir.environment_file)


def test_epochs_that_are_trained_again_leave_the_history(tmp_path):
    path = tmp_path / 'history.csv'
    path.write_text('epoch,loss\n0,0.5\n1,0.25\n2')
    forget_epochs_after(str(path), 1)
    assert path.read_text() == 'epoch,loss\n0,0.5\n'
    forget_epochs_after(str(path), 0)
    assert path.read_text() == ''


@pytest.mark.parametrize(
    ('content', 'kept', 'what'),
    [
        (
            b'epoch,loss\n0,0.5\nnonsense\n1,x\n2,0.1\n',
            b'epoch,loss\n0,0.5\n2,0.1\n',
            '2 of its lines are',
        ),
        (b'\x00\xff\xfe\n0,0.5\n', b'', 'it begins anew'),
        (b'0,0.5\n1,0.25\n', b'', 'it begins anew'),
    ],
)
def test_lines_of_a_damaged_history_are_left_out_and_said(content, kept, what, tmp_path, capsys):
    path = tmp_path / 'history.csv'
    path.write_bytes(content)
    forget_epochs_after(str(path), 5)
    assert path.read_bytes() == kept
    assert f'{path} is damaged; {what}' in capsys.readouterr().err
