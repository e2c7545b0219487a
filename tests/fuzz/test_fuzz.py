"""Two hundred and fifty damaged files for all readers; `make fuzz` reads thousands."""

import pytest

from tests.fuzz import mutations, runs

COUNTS = {'pictures': 180, 'videos': 30, 'tables': 40}


@pytest.fixture(scope='module')
def outcomes(tmp_path_factory):
    ranges = {kind: range(count) for kind, count in COUNTS.items()}
    return runs.run(ranges, tmp_path_factory.mktemp('fuzz'))


@pytest.mark.parametrize('kind', COUNTS)
def test_every_file_is_read_or_refused_with_a_reason_alike_by_all_readers(kind, outcomes):
    outcome = outcomes[kind]
    assert not outcome.faults, '\n'.join(map(str, outcome.faults))
    assert outcome.read + outcome.refused == COUNTS[kind]
    assert outcome.read >= len(mutations.SEEDS[kind]()) and outcome.refused > COUNTS[kind] / 4


def test_a_number_makes_the_same_file_each_time():
    for kind, seeds in mutations.SEEDS.items():
        for number in (0, len(seeds()), 1234):
            made = mutations.make_input(kind, number)
            assert made == mutations.make_input(kind, number)
            assert made.is_whole == (number == 0)
            assert (made.data in seeds().values()) == made.is_whole


def test_a_crash_a_hang_and_a_fault_are_named_and_the_rest_is_read(tmp_path, monkeypatch):
    worker = tmp_path / 'worker.py'
    worker.write_text(WORKER)
    monkeypatch.setattr(runs, '_WORKER', [str(worker)])
    monkeypatch.setattr(runs, '_SILENT_SECONDS', 2)
    outcome = runs.run({'pictures': range(3, 8), 'tables': range(2)}, tmp_path)
    read, tables = outcome['pictures'], outcome['tables']
    assert read.read == 2 and tables.read == 2 and not tables.faults
    assert [fault.number for fault in read.faults] == [4, 5, 6]
    crash, hang, fault = (fault.what for fault in read.faults)
    assert 'SIGSEGV' in crash and 'SIGABRT' in hang and fault == 'took 3.0 seconds'
    assert '--first=6 --only=pictures --count=1' in str(read.faults[-1])


WORKER = """
import json, os, signal, sys, time
for one in sys.argv[2:]:
    kind, first, last = one.split(':')
    for number in range(int(first), int(last)):
        print('start', kind, number, 'a file.jpg', flush=True)
        if kind == 'pictures' and number == 4:
            os.kill(os.getpid(), signal.SIGSEGV)
        if kind == 'pictures' and number == 5:
            time.sleep(60)
        found = {'seconds': 0, 'memory': 0, 'answer': 'read'}
        if kind == 'pictures' and number == 6:
            found['fault'] = 'took 3.0 seconds'
        print('end', kind, number, json.dumps(found), flush=True)
"""
