from fer_keras.config.data import DataConfig
from fer_keras.config.fields import as_flags
from fer_keras.config.former import modernize, modernize_file
from fer_keras.config.run import RunConfig
from fer_keras.config.saliency import SaliencyTrainingConfig

OLD = '--source=cfee\n--shallow_branch=True\n--balanced_sampling=False\n--group_rates=\n'
NEW = '--source=cfee\n--hog_branch=True\n--balance=none\n'


def test_flags_of_before_say_the_same_as_todays():
    assert modernize_file(NEW) == modernize_file(OLD)
    assert set(NEW.splitlines()) <= set(modernize_file(OLD).splitlines())
    assert modernize_file(NEW.replace('none', 'loss')) != modernize_file(OLD)


def test_a_setting_younger_than_a_flag_file_has_its_default():
    assert modernize_file(as_flags(RunConfig(DataConfig(source='cfee')))) == modernize_file(
        '--source=cfee\n'
    )
    saliency = SaliencyTrainingConfig(seed=3)
    assert modernize_file('--saliency_data=salicon\n--seed=3\n') == modernize_file(
        as_flags(saliency)
    )


def test_what_says_no_more_than_the_default_is_not_named():
    assert modernize({'balance_classes': 'False', 'group_rates': ''}) == ({}, [])


def test_todays_flag_is_stronger_than_one_that_is_gone():
    values, notes = modernize({'balance_classes': 'True', 'balance': 'sampling'})
    assert values == {'balance': 'sampling'}
    assert len(notes) == 1
