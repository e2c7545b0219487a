"""What can be built is listed before anybody has an archive."""

import tfds_builders
from tfds_builders import build
from tfds_builders.listing import known_sets


def test_every_set_says_what_it_holds_and_where_it_comes_from():
    known = {one.name: one for one in known_sets()}
    assert list(known) == list(tfds_builders.BUILDERS)
    assert known['rafd'].holds == '7 classes, people named'
    assert known['ck_plus'].holds == '8 classes, people named'
    assert known['fer2013'].holds == known['raf_db'].holds == '7 classes, nobody named'
    assert known['salicon'].holds == 'where people looked'
    assert known['jaffe'].configs == ('faces', 'originals')
    ours = {'drawn_faces', 'expression_folders'}
    assert {name for name, one in known.items() if not one.page} == ours
    assert all(one.terms for one in known.values() if 'classes' in one.holds)


def test_the_list_is_printed_without_an_archive(capsys):
    assert build.main(['--list']) == 0
    printed = capsys.readouterr().out
    assert 'kdef                7 classes, people named\n' in printed
    assert 'https://kdef.se' in printed and 'frontal_faces, frontal_originals' in printed
    assert build.main([]) == 2
