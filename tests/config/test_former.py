from fer_keras.config.data import DataConfig
from fer_keras.config.fields import as_flags
from fer_keras.config.former import differing_flags, modernize
from fer_keras.config.run import RunConfig
from fer_keras.config.saliency import SaliencyTrainingConfig

OLD = '--source=cfee\n--shallow_branch=True\n--balanced_sampling=False\n--group_rates=\n'
NEW = '--source=cfee\n--hog_branch=True\n--balance=none\n'


def test_flags_of_before_say_the_same_as_todays():
    assert differing_flags(NEW, OLD) == []
    assert differing_flags(NEW.replace('none', 'loss'), OLD) == ['--balance=loss', '--balance=none']
    # A run of before `label` trains on the label, and on nothing else.
    assert not differing_flags(NEW + '--label=majority\n', OLD)
    assert differing_flags(NEW + '--label=votes\n', OLD) == ['--label=majority', '--label=votes']


def test_a_setting_younger_than_a_flag_file_has_its_default():
    run = RunConfig(DataConfig(source='cfee'))
    assert differing_flags(as_flags(run), '--source=cfee\n') == []
    saliency = SaliencyTrainingConfig(seed=3)
    assert differing_flags('--saliency_data=salicon\n--seed=3\n', as_flags(saliency)) == []


def test_where_a_run_and_its_data_lie_is_no_difference(tmp_path, monkeypatch):
    moved = '--source=cfee\n--run_dir=/new\n--data_dir=/new\n'
    assert differing_flags('--source=cfee\n--run_dir=/old\n--data_dir=/old\n', moved) == []
    # One file by another path is the same, another one is not.
    (tmp_path / 'a.h5').write_bytes(b'')
    monkeypatch.setenv('HOME', str(tmp_path))
    here, there = (f'--source=cfee\n--backbone_weights={p}/a.h5\n' for p in ('~', tmp_path))
    assert differing_flags(here, there) == []
    assert len(differing_flags(here, '--source=cfee\n--backbone_weights=/b.h5\n')) == 2


def test_what_says_no_more_than_the_default_is_not_named():
    assert modernize({'balance_classes': 'False', 'group_rates': ''}) == ({}, [])


def test_todays_flag_is_stronger_than_one_that_is_gone():
    values, notes = modernize({'balance_classes': 'True', 'balance': 'sampling'})
    assert values == {'balance': 'sampling'}
    assert len(notes) == 1
