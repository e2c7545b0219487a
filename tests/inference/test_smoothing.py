"""Means of the same person, as much before as after."""

import numpy as np

from fer_keras.inference.following import FollowedFrame
from fer_keras.inference.photos import Picture
from fer_keras.inference.smoothing import AnsweredFrame, smooth


def frames(*answers, step_s=0.1):
    """A frame for each dictionary of answers."""
    for number, raw in enumerate(answers):
        followed = FollowedFrame(Picture('a.mp4', number, None), number * step_s, {})
        yield AnsweredFrame(followed, {track: np.array([p]) for track, p in raw.items()}, {})


def smoothed(*answers, seconds):
    return [
        {track: round(float(p[0]), 6) for track, p in frame.smoothed.items()}
        for frame in smooth(frames(*answers), seconds)
    ]


def test_means_are_over_half_before_and_half_after():
    values = [0, 0, 0, 1, 1, 1]
    found = smoothed(*({0: value} for value in values), seconds=0.2)
    np.testing.assert_allclose([one[0] for one in found], [0, 0, 1 / 3, 2 / 3, 1, 1], atol=1e-6)


def test_zero_leaves_the_answers_as_they_are():
    assert smoothed({0: 0.25}, {0: 0.75}, seconds=0) == [{0: 0.25}, {0: 0.75}]


def test_nobody_has_a_share_in_the_answer_of_another():
    assert smoothed({0: 1}, {0: 1, 1: 0}, {1: 0}, seconds=2) == [{0: 1}, {0: 1, 1: 0}, {1: 0}]


def test_what_is_shorter_than_half_is_outvoted():
    found = smoothed(*({0: value} for value in (0, 0, 0, 1, 0, 0, 0)), seconds=0.4)
    # At the ends a frame has fewer around it.
    assert [one[0] for one in found] == [0, 0.25, 0.2, 0.2, 0.2, 0.25, 0]


def test_a_frame_comes_out_once_those_after_it_are_known():
    asked = []

    def counted():
        for frame in frames(*[{0: 1}] * 50):
            asked.append(frame)
            yield frame

    next(iter(smooth(counted(), 1.0)))
    assert len(asked) == 7
