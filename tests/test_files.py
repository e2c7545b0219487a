import os

import pytest

from fer_keras import files
from fer_keras.errors import UnwritableFileError


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'new' / 'a.json'
    files.write_json(path, {'a': 1})
    with pytest.raises(RuntimeError), files.whole_file(path) as unfinished:
        with open(unfinished, 'w') as file:
            file.write('half')
        raise RuntimeError('killed')
    assert files.read_json(path) == {'a': 1}
    assert os.listdir(path.parent) == ['a.json']


def test_an_unfinished_file_has_the_suffix_and_a_name_of_its_own(tmp_path):
    with (
        files.whole_file(tmp_path / 'a.keras') as one,
        files.whole_file(tmp_path / 'a.keras') as two,
    ):
        assert one != two and one.endswith('.keras')
        for path in (one, two):
            with open(path, 'w') as file:
                file.write(path)
    assert (tmp_path / 'a.keras').read_text() == one  # The outer block is left last.


def test_what_cannot_be_written_says_which_file_and_why(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UnwritableFileError, match=r'file/a.txt cannot be written: '):
        files.write_text(tmp_path / 'file' / 'a.txt', 'a')


def test_what_killed_processes_left_of_a_file_is_removed_and_nothing_else(tmp_path):
    for name in ('a.unfinished-12.keras', 'a.unfinished.keras', 'a.keras', 'b.unfinished-1.keras'):
        (tmp_path / name).write_text('')
    files.remove_unfinished(tmp_path / 'a.keras')
    assert sorted(os.listdir(tmp_path)) == ['a.keras', 'b.unfinished-1.keras']


def test_weights_of_keras_keep_both_parts_of_their_suffix(tmp_path):
    with files.whole_file(tmp_path / 'a.weights.h5') as unfinished:
        assert unfinished.endswith('.weights.h5') and 'a.unfinished-' in unfinished
        with open(unfinished, 'w') as file:
            file.write('')
    assert os.listdir(tmp_path) == ['a.weights.h5']
