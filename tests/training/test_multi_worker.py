"""Two real processes that train together through TF_CONFIG, and one of which is killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fer_keras.training.strategy import make_strategy
from tests.fakes import write_dataset
from tests.training.test_resume import newest_state

# The command itself; afterwards each process leaves the weights that it ended with. What hangs says
# where, and ends.
WORKER = """
import faulthandler
import os
import sys
import numpy as np
import tensorflow as tf
from fer_keras import flags, train
from fer_keras.data.batches import EvaluationBatches, TrainingBatches
from fer_keras.training import session
from fer_keras.config.run import RunConfig
from tests.fakes import add_tiny_backbone

faulthandler.dump_traceback_later(600, exit=True)
add_tiny_backbone()
models, build = [], session.build_classifier
prepared = {}

def count(kind):
    noted, prepare = prepared.setdefault(kind.__name__, []), kind.prepare

    def note(image):
        noted.append(image)
        return image

    def counted(batches, example):
        image = tf.ensure_shape(tf.numpy_function(note, [example['image']], tf.string), ())
        return prepare(batches, {**example, 'image': image})

    return type(kind.__name__, (kind,), {'prepare': counted})

# Of the loop alone: the branch of histograms reads by itself, once.
session.TrainingBatches = count(TrainingBatches)
session.EvaluationBatches = count(EvaluationBatches)
session.build_classifier = lambda *args, **opts: models.append(build(*args, **opts)) or models[0]

def log_writes(event, arguments):
    is_inside = event == 'open' and str(arguments[0]).startswith(os.environ['RUN'])
    if is_inside and set(str(arguments[1])) & set('wax+'):
        print('WROTE', arguments[0], flush=True)

def main(run):
    sys.addaudithook(log_writes)
    train.main(run)
    np.savez(os.environ['WEIGHTS'], *models[0].get_weights())
    for kind, noted in prepared.items():
        print('PREPARED', kind, len(noted), 'of which different', len(set(noted)), flush=True)

flags.start(main, RunConfig)
"""


def free_hosts(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(('localhost', 0))
    hosts = [f'localhost:{one.getsockname()[1]}' for one in sockets]
    for one in sockets:
        one.close()
    return hosts


def start(data_dir, run_dir):
    """Starts the same command on both hosts."""
    hosts = free_hosts(2)
    workers = []
    for index in range(2):
        task = {'cluster': {'worker': hosts}, 'task': {'type': 'worker', 'index': index}}
        arguments = [
            '--source=fake', f'--data_dir={data_dir}', f'--run_dir={run_dir}',
            '--backbone=tiny', '--backbone_weights=none', '--image_size_px=48',
            '--batch_size=14', '--epochs=2',
            '--head_epochs=0', '--learning_rate=1e-3', '--ema_momentum=0.9', '--deterministic',
            '--checkpoint_steps=1', '--strategy=multi_worker', '--saliency=spectral_residual',
            '--hog_branch',
        ]  # fmt: skip
        environment = os.environ | {
            'TF_CONFIG': json.dumps(task),
            'WEIGHTS': f'{run_dir}-weights-{index}.npz',
            'RUN': f'{run_dir}{os.sep}',
        }
        log = open(f'{run_dir}-{index}.log', 'a')  # noqa: SIM115, a pipe could fill and stop it
        workers.append(
            subprocess.Popen(
                [sys.executable, '-c', WORKER, *arguments], env=environment, stdout=log, stderr=log
            )
        )
    return workers


def read_log(run_dir, index):
    return Path(f'{run_dir}-{index}.log').read_text()


def finish(workers, run_dir):
    for index, worker in enumerate(workers):
        assert worker.wait(240) == 0, read_log(run_dir, index)[-4000:]


@pytest.fixture(scope='module')
def peace(tmp_path_factory):
    """A run that nothing happens to."""
    root = tmp_path_factory.mktemp('workers')
    write_dataset(root / 'data', people={'train': 6, 'validation': 2, 'test': 2})
    finish(start(root / 'data', root / 'peace'), root / 'peace')
    return root / 'peace'


@pytest.fixture(scope='module')
def killed(peace):
    """The same run, whose second worker is killed in the second epoch."""
    data, killed = peace.parent / 'data', peace.parent / 'killed'
    workers = start(data, killed)
    try:
        while newest_state(killed) < 'state-000001-00000001.npz':
            assert workers[0].poll() is None, read_log(killed, 0)[-4000:]
            time.sleep(0.01)
        workers[1].send_signal(signal.SIGKILL)
        # It cannot go on alone, and says so by its exit status to whatever started it.
        assert workers[0].wait(120) != 0
        assert 'Another worker is lost' in read_log(killed, 0)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    finish(start(data, killed), killed)
    return killed


def weights(run_dir, index):
    with np.load(f'{run_dir}-weights-{index}.npz') as file:
        return [file[name] for name in file.files]


def assert_same_weights(one, other):
    for own, others in zip(weights(*one), weights(*other), strict=True):
        np.testing.assert_array_equal(own, others)


@pytest.mark.slow
def test_both_workers_end_with_identical_weights(peace):
    assert_same_weights((peace, 0), (peace, 1))


@pytest.mark.slow
def test_and_with_the_same_although_one_was_killed(peace, killed):
    for index in (0, 1):
        assert_same_weights((killed, index), (peace, 0))


@pytest.mark.slow
def test_the_history_is_that_of_a_run_in_peace(peace, killed):
    one, other = ((run / 'history.csv').read_text() for run in (peace, killed))
    assert one == other and len(one.splitlines()) == 3
    assert (killed / 'report/metrics.json').is_file()


@pytest.mark.slow
def test_each_worker_prepares_its_share_of_the_images_once(peace):
    for index in range(2):
        log = read_log(peace, index)
        assert 'PREPARED TrainingBatches 21 of which different 21' in log
        assert 'PREPARED EvaluationBatches 7 of which different 7' in log


@pytest.mark.slow
def test_only_the_chief_writes_and_reports(peace):
    assert (peace / 'report/metrics.json').is_file()
    chief, worker = (read_log(peace, index) for index in range(2))
    assert 'unweighted average recall' in chief and 'epoch 1/2' in chief
    assert 'states/state-' in chief and 'best.unfinished-' in chief
    assert 'WROTE' not in worker
    assert 'unweighted average recall' not in worker and 'epoch 1/2' not in worker


def test_several_workers_need_their_addresses(monkeypatch):
    monkeypatch.delenv('TF_CONFIG', raising=False)
    with pytest.raises(ValueError, match='export TF_CONFIG='):
        make_strategy('multi_worker', batch_size=8)
