"""Of two processes one works in a folder, and none that has ended stays in it."""

import dataclasses
import json
import os
import subprocess
import sys
import threading

import pytest

from tfds_builders import locks
from tfds_builders.errors import HeldLockError, UnwritableFolderError
from tfds_builders.locks import hold


def write_holder(path, **changes):
    """A lock of another process: by default one of another host, renewed just now."""
    holder = locks.Holder('lab-3', 4711, '2026-01-31 12:00:00', 'elsewhere 1 1', 'abc')
    path.write_text(json.dumps(dataclasses.asdict(holder) | changes))
    return path


def renewed_ago(path, seconds):
    then = os.stat(path).st_mtime - seconds
    os.utime(path, (then, then))


def test_a_lock_names_host_process_and_time_and_what_to_do(tmp_path):
    path = write_holder(tmp_path / 'lock.json')
    with pytest.raises(HeldLockError) as raised, hold(path, 'built'):
        pass
    told = str(raised.value)
    assert told.startswith(f'{tmp_path} is being built by process 4711 on lab-3, since 2026-01-31')
    assert 'it is free 120 s after' in told and 'Wait until it has ended' in told
    assert os.listdir(tmp_path) == ['lock.json']


@pytest.mark.parametrize('seconds', [121, -121])
def test_a_lock_that_was_not_renewed_is_free(seconds, tmp_path):
    path = write_holder(tmp_path / 'lock.json')
    renewed_ago(path, seconds)
    with hold(path, 'built'):
        assert json.loads(path.read_text())['process'] == os.getpid()
    assert os.listdir(tmp_path) == []


def test_a_lock_of_a_process_of_this_machine_that_was_killed_is_free_at_once(tmp_path):
    path = tmp_path / 'lock.json'
    code = f"""
import os, signal
from tfds_builders.locks import hold
with hold({str(path)!r}, 'built'):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, '-c', code], check=False)
    assert path.is_file()
    with hold(path, 'built'):
        pass


def test_a_container_of_the_same_host_name_is_another_machine(tmp_path):
    own = locks._describe_self()
    # A process of our number, which there is another's.
    machine = own.machine.replace('pid:[', 'pid:[9')
    path = write_holder(tmp_path / 'lock.json', host=own.host, process=own.process, machine=machine)
    with pytest.raises(HeldLockError), hold(path, 'built'):
        pass


def test_a_process_that_has_the_number_of_one_that_ended_is_another(tmp_path):
    own = locks._describe_self()
    machine = f'{own.machine.rpartition(" ")[0]} 1'
    path = write_holder(tmp_path / 'lock.json', process=own.process, machine=machine)
    with hold(path, 'built') as lock:
        lock.require_held()
        assert lock.is_taken_over


@pytest.mark.parametrize('content', ['', '{"host": ', '[]', '{"other": 1}'])
def test_a_damaged_lock_is_somebodys_until_it_is_old(content, tmp_path):
    path = tmp_path / 'lock.json'
    path.write_text(content)
    with pytest.raises(HeldLockError, match='does not say which'), hold(path, 'built'):
        pass
    renewed_ago(path, 200)
    with hold(path, 'built'):
        pass


def test_a_lock_is_renewed_while_it_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, 'RENEWED_EVERY_S', 0.02)
    path = tmp_path / 'lock.json'
    with hold(path, 'built') as lock:
        renewed_ago(path, 500)
        for _ in range(500):
            if locks._age_s(str(path)) < 100:
                break
            threading.Event().wait(0.01)
        assert locks._age_s(str(path)) < 100
        os.remove(path)
        lock.require_held()  # Removed by hand, it is written again.
        assert path.is_file()


def test_who_stood_still_and_lost_the_lock_is_told_and_leaves_it_alone(tmp_path):
    path = tmp_path / 'lock.json'
    with hold(path, 'built') as lock:
        write_holder(path)
        with pytest.raises(HeldLockError, match='no longer held by this process.*on lab-3'):
            lock.require_held()
    assert path.is_file()


def test_who_waits_is_told_once_and_goes_on_when_it_is_free(tmp_path):
    path, told, order = tmp_path / 'lock.json', [], []
    is_waiting = threading.Event()

    def wait(message):
        told.append(message)
        is_waiting.set()

    def second():
        with hold(path, 'built', wait=wait):
            order.append('second')

    thread = threading.Thread(target=second)
    with hold(path, 'built'):
        thread.start()
        assert is_waiting.wait(30)
        order.append('first')
    thread.join(30)
    assert order == ['first', 'second'] and len(told) == 1


def test_of_many_that_take_over_a_lock_one_holds_it(tmp_path):
    path = write_holder(tmp_path / 'lock.json')
    renewed_ago(path, 500)
    held, refused, everyone = [], [], threading.Barrier(8)
    is_done = threading.Event()

    def take():
        everyone.wait()
        try:
            with hold(path, 'built'):
                held.append(1)
                is_done.wait(30)
        except HeldLockError:
            refused.append(1)
        if len(refused) == 7:
            is_done.set()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(held), len(refused)) == (1, 7)


def test_where_nothing_was_made_nothing_is_left(tmp_path):
    with pytest.raises(KeyError), hold(tmp_path / 'new/lock.json', 'built'):
        raise KeyError
    (tmp_path / 'old').mkdir()
    for name in ('old', 'new'):
        with hold(tmp_path / name / 'lock.json', 'built'):
            if name == 'new':
                (tmp_path / 'new/file').write_text('')
    assert sorted(os.listdir(tmp_path)) == ['new', 'old']


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    told = 'cannot be written to: a file is in its place. Give'
    for name in ('file/lock.json', 'file/inside/lock.json'):
        with pytest.raises(UnwritableFolderError, match=told), hold(tmp_path / name, 'built'):
            pass
