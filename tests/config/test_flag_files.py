"""Flag files are read as they are typed, from any folder."""

import os

import pytest

from fer_keras import flags
from fer_keras.config.flag_files import expand_flag_files, find_recipe, recipes
from fer_keras.config.protocol import ProtocolConfig
from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.protocols.jobs import list_jobs
from fer_keras.usage import commands, describe_recipe


def test_a_file_stands_for_its_flags_where_it_is_named(tmp_path):
    (tmp_path / 'inner').write_text('// as absl has them\n--b=2\n\n')
    (tmp_path / 'outer').write_text(
        f'\ufeff# a comment\n--a=1\n--flagfile={tmp_path}/inner\n --c=3\n'
    )
    for named in ([f'--flagfile={tmp_path}/outer'], ['--flagfile', f'{tmp_path}/outer']):
        assert expand_flag_files(['x', *named, '--a=4']) == [
            'x',
            '--a=1',
            '--b=2',
            '--c=3',
            '--a=4',
        ]


def test_what_follows_two_strokes_is_no_flag():
    assert expand_flag_files(['--', '--flagfile=x']) == ['--', '--flagfile=x']


def test_a_file_that_is_missing_or_includes_itself_is_named(tmp_path):
    (tmp_path / 'a').write_text(f'--flagfile={tmp_path}/b')
    (tmp_path / 'b').write_text(f'--flagfile={tmp_path}/a')
    with pytest.raises(InvalidInputError, match='must not include itself'):
        expand_flag_files([f'--flagfile={tmp_path}/a'])
    (tmp_path / 'b').write_text('--flagfile=nowhere')
    with pytest.raises(MissingFileError, match='nowhere, which is none. It is included by .*b'):
        expand_flag_files([f'--flagfile={tmp_path}/a'])
    with pytest.raises(MissingFileError, match='nothing, which is none'):
        expand_flag_files(['--flagfile'])


def test_the_recipes_of_the_package_are_read_in_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = flags.parse_run(['--flagfile=experiments/cross.flags'])  # It includes base.flags.
    assert (run.data.source, run.model.color) == ('cfee/basic_faces', 'gradients')
    assert list_jobs(ProtocolConfig(experiments=('experiments/cross.flags',)))
    with pytest.raises(InvalidInputError, match='crosss.flags.. do not exist'):
        ProtocolConfig(experiments=('experiments/crosss.flags',))
    os.mkdir('experiments')
    with open('experiments/base.flags', 'w') as file:
        file.write('--color=grey')
    run = flags.parse_run(['--flagfile=experiments/cross.flags'])
    assert (run.data.source, run.model.color) == ('cfee/basic_faces', 'grey')


def test_recipes_say_their_question_and_their_cost():
    found = describe_recipe(find_recipe('cross'))
    assert found.startswith('  cross\n    Question: does what is learned')
    assert 'Cost: about 4 minutes' in found and 'Command' not in found
    assert describe_recipe(find_recipe('base')) == ''
    assert sum(bool(describe_recipe(one)) for one in recipes()) == len(recipes()) - 1
    with pytest.raises(InvalidInputError, match='one of .*, cross, .*Received: crosss'):
        find_recipe('crosss')


def test_every_command_says_what_it_does():
    assert {'train', 'predict', 'recipes', 'train_saliency'} <= set(commands())
    assert all(commands().values())
