from fer_keras.config.former import modernize, modernize_file

OLD = '--source=cfee\n--shallow_branch=True\n--balanced_sampling=False\n--group_rates=\n'
NEW = '--source=cfee\n--hog_branch=True\n--balance=none\n'


def test_flags_of_before_say_the_same_as_todays():
    assert sorted(modernize_file(OLD).splitlines()) == sorted(NEW.splitlines())
    assert modernize_file(NEW) == modernize_file(OLD)


def test_what_says_no_more_than_the_default_is_not_named():
    assert modernize({'balance_classes': 'False', 'group_rates': ''}) == ({}, [])


def test_todays_flag_is_stronger_than_one_that_is_gone():
    values, notes = modernize({'balance_classes': 'True', 'balance': 'sampling'})
    assert values == {'balance': 'sampling'}
    assert len(notes) == 1
