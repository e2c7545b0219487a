import collections

import pytest

from tfds_builders import splits


def test_slots_split_70_15_15_and_fold_in_ten():
    names = [splits.split_of(slot) for slot in range(20)]
    assert collections.Counter(names) == {'train': 14, 'validation': 3, 'test': 3}
    folds = collections.Counter(splits.fold_of(slot) for slot in range(20))
    assert folds == dict.fromkeys(range(10), 2)


def test_the_answers_are_what_they_have_always_been():
    """Changing one of these moves people between the splits of published results."""
    assert [splits.subject_slot('cfee', str(number)) for number in (109, 200, 393)] == [8, 0, 9]
    assert splits.hash_slot('expression_folders', 'anna') == 15
    strata = {f'{i:02d}': ('a' if i % 2 else 'b', 'c') for i in range(1, 7)}
    assert splits.deal_strata('rafd', strata) == {
        '01': 0,
        '03': 1,
        '05': 14,
        '06': 2,
        '02': 3,
        '04': 17,
    }


def test_each_twenty_numbers_have_each_slot_once():
    for first in (0, 100, 380):
        slots = [splits.subject_slot('cfee', str(number)) for number in range(first, first + 20)]
        assert sorted(slots) == list(range(20))


def test_leading_zeros_do_not_move_a_person():
    assert splits.subject_slot('cfee', '007') == splits.subject_slot('cfee', '7')


def test_sets_are_split_independently():
    slots = {name: [splits.subject_slot(name, str(i)) for i in range(40)] for name in ('a', 'b')}
    assert slots['a'] != slots['b']


def test_ids_that_are_no_numbers_are_spread_over_the_slots():
    counts = collections.Counter(
        splits.split_of(splits.subject_slot('set', f'person {i}')) for i in range(2000)
    )
    assert counts['train'] == pytest.approx(1400, abs=80)
    assert counts['test'] == pytest.approx(300, abs=60)


def test_strata_are_dealt_evenly():
    strata = {f'{i}': ('f' if i < 20 else 'm',) for i in range(40)}
    slots = splits.deal_strata('rafd', strata)
    for stratum in ('f', 'm'):
        counts = collections.Counter(
            splits.split_of(slot) for person, slot in slots.items() if strata[person] == (stratum,)
        )
        assert counts == {'train': 14, 'validation': 3, 'test': 3}


def test_the_order_of_people_does_not_matter():
    strata = {f'{i}': (str(i % 3),) for i in range(30)}
    backwards = dict(reversed(strata.items()))
    assert splits.deal_strata('rafd', strata) == splits.deal_strata('rafd', backwards)


def test_a_split_hash_tells_any_difference_but_not_the_order():
    rows = [('a.jpg', 'train'), ('b.jpg', 'test')]
    assert splits.split_hash(rows) == splits.split_hash(rows[::-1])
    assert splits.split_hash(rows) != splits.split_hash([('a.jpg', 'test'), ('b.jpg', 'test')])
