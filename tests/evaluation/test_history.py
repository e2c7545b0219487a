"""The learning curves of a report, of a history that may be damaged."""

import numpy as np
import pytest

from fer_keras.evaluation.history import read_history


def read(path, content):
    path.write_bytes(content)
    return read_history(str(path))


def test_damaged_lines_are_left_out_and_counted(tmp_path, capsys):
    path = tmp_path / 'history.csv'
    whole = b'epoch,loss\n0,0.5\n1,nan\n'
    np.testing.assert_array_equal(read(path, whole)['loss'], [0.5, np.nan])
    assert capsys.readouterr().err == ''
    assert list(read(path, whole + b'\xff\xfe\n3,x\n4,1,2,3\n5,0.1\n')['epoch']) == [0, 1, 5]
    assert f'{path} is damaged; 2 of its lines are left out' in capsys.readouterr().err


@pytest.mark.parametrize('content', [b'\x00\xff', b'a,b\n1,2\n', b'epoch,loss\nx,y\n'])
def test_what_is_no_history_gives_no_curves(content, tmp_path, capsys):
    assert read(tmp_path / 'history.csv', content) is None
    assert 'is damaged' in capsys.readouterr().err


def test_no_history_gives_no_curves(tmp_path, capsys):
    assert read_history(str(tmp_path / 'gone.csv')) is None
    assert read(tmp_path / 'empty.csv', b'') is None
    assert capsys.readouterr().err == ''
