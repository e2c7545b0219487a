"""Numbers of people: given once, kept, and never to two."""

import numpy as np
import pytest

from fer_keras.inference.tracks import Tracker
from tests.fakes import face_at

pytest.importorskip('trackers')
STEP_S = 0.2


def follow(*places):
    """The numbers of the faces at these places, a list a search; None: nobody."""
    tracker = Tracker()
    return [
        tracker.update(step * STEP_S, [face_at(x) for x in xs if x is not None])
        for step, xs in enumerate(places)
    ]


def test_two_who_cross_keep_their_numbers():
    # The one who is behind is found by nobody for two searches.
    right = [100 + 25 * step for step in range(20)]
    left = [580 - 25 * step for step in range(20)]
    hidden = [abs(a - b) < 50 for a, b in zip(right, left, strict=True)]
    places = [[a, None if no else b] for a, b, no in zip(right, left, hidden, strict=True)]
    numbers = follow(*places)
    assert sum(hidden) == 2
    assert all(found[0] == 0 for found in numbers)
    assert {found[1] for found in numbers if len(found) == 2} == {1}


def test_who_is_found_within_a_second_is_the_same():
    # Five searches are a second: found after a second, four searches without.
    assert follow([100], [100], [], [], [], [], [100])[-1] == [0]
    assert follow([100], [100], [], [], [], [], [], [100])[-1] == [1]


def test_who_leaves_and_turns_round_is_the_same():
    # The prediction goes on to the right, where nobody is.
    assert follow([300], [360], [420], [480], [], [], [470], [410])[-2:] == [[0], [0]]


def test_who_is_somewhere_else_or_of_another_size_is_somebody_new():
    assert follow([100], [100], [], [500])[-1] == [1]
    tracker = Tracker()
    tracker.update(0.0, [face_at(100)])
    assert tracker.update(0.2, []) == []
    assert tracker.update(0.4, [face_at(100, size=200)]) == [1]


def test_an_ear_is_not_the_face_that_turned_away():
    tracker = Tracker()
    for step, size in enumerate((100, 80, 60, 45)):  # It shrinks as its head turns.
        assert tracker.update(0.04 * step, [face_at(100, size=size)]) == [0]
    assert tracker.update(0.16, []) == []
    assert tracker.update(0.2, [face_at(112, size=18)]) == [1]
    assert tracker.update(0.3, [face_at(100, size=60)]) == [0]


def test_a_face_has_its_number_from_its_first_frame_on():
    assert follow([100, 400], [100, 400], [400, 100]) == [[0, 1], [0, 1], [1, 0]]


def test_a_cut_ends_all_tracks():
    tracker = Tracker()
    assert tracker.update(0.0, [face_at(100), face_at(400)]) == [0, 1]
    tracker.cut()
    assert tracker.update(0.04, [face_at(100)]) == [2]


def test_frames_of_one_time_are_followed():
    tracker = Tracker()
    assert [tracker.update(0.0, [face_at(100)]) for _ in range(3)] == [[0]] * 3


def test_no_two_faces_of_a_frame_share_a_number():
    rng = np.random.default_rng(0)
    tracker = Tracker()
    for step in range(100):
        people = [face_at(*rng.uniform(0, 300, 2)) for _ in range(rng.integers(6))]
        numbers = tracker.update(step * rng.uniform(0.01, 0.3), people)
        assert len(set(numbers)) == len(people) and min(numbers, default=0) >= 0
