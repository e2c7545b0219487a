"""Searched in some frames, followed in the others."""

import numpy as np
import pytest

from fer_keras.inference import following
from fer_keras.inference.following import follow
from fer_keras.inference.photos import Picture
from tests.fakes import face_at

pytest.importorskip('trackers')


class Scene:
    """Frames of one grey whose people are known: a detector that reads the number in a pixel."""

    def __init__(self, people, cuts=()):
        self.people, self.cuts = people, cuts
        self.searched = []

    def pictures(self):
        for number in range(len(self.people)):
            shade = 200 * (sum(number >= cut for cut in self.cuts) % 2)
            image = np.full((36, 64, 3), shade, np.uint8)
            image[0, 0, 0] = number
            yield Picture('a.mp4', number, image, time=number / 25)

    def find(self, images):
        numbers = [int(image[0, 0, 0]) for image in images]
        self.searched += numbers
        return [[face_at(x) for x in self.people[number]] for number in numbers]

    def follow(self, search_s=0.2):
        """For each frame the middle of each track's box; and the frames that were searched."""
        frames = [f for some in follow(self.pictures(), self.find, search_s) for f in some]
        assert [frame.picture.frame for frame in frames] == list(range(len(self.people)))
        assert not any(len(frame.people) and frame.picture.image is None for frame in frames)
        return [
            {track: round((one.box[0] + one.box[2]) / 2, 3) for track, one in frame.people.items()}
            for frame in frames
        ]


def test_between_two_searches_a_face_lies_on_the_line_between_them():
    scene = Scene([[100 + 2 * number] for number in range(11)])
    assert scene.follow() == [{0: 100 + 2 * number} for number in range(11)]
    assert scene.searched == [0, 5, 10]


def test_only_where_it_was_searched_a_face_has_a_confidence():
    scene = Scene([[100]] * 6)
    frames = [one for some in follow(scene.pictures(), scene.find, 0.2) for one in some]
    known = [not np.isnan(frame.people[0].confidence) for frame in frames]
    assert known == [True, False, False, False, False, True]


def test_each_frame_is_searched_where_that_is_asked():
    scene = Scene([[100]] * 6)
    scene.follow(search_s=0)
    assert scene.searched == list(range(6))


def test_where_somebody_comes_or_goes_each_frame_is_searched():
    scene = Scene([[100]] * 3 + [[100, 400]] * 8)
    found = scene.follow()
    assert [len(people) for people in found] == [1] * 3 + [2] * 8
    assert scene.searched == [0, 5, 1, 2, 3, 4, 10]


def test_people_who_stand_close_together_are_searched_in_each_frame():
    scene = Scene([[100, 170]] * 4)
    assert scene.follow() == [{0: 100, 1: 170}] * 4
    assert scene.searched == [0, 1, 2, 3]


def test_a_cut_ends_all_tracks_and_nothing_is_followed_over_it():
    scene = Scene([[100]] * 8 + [[110]] * 8, cuts=[8])
    assert scene.follow() == [{0: 100}] * 8 + [{1: 110}] * 8
    # The last frame before the cut and the first one after it, too.
    assert scene.searched == [0, 5, 7, 8, 13, 15]


def test_a_video_that_breaks_off_keeps_its_last_frames():
    scene = Scene([[100]] * 4)
    end = Picture('a.mp4', None, None, 'breaks off')
    frames = [f for some in follow([*scene.pictures(), end], scene.find, 0.2) for f in some]
    assert [len(frame.people) for frame in frames] == [1, 1, 1, 1, 0]
    assert frames[-1].picture.problem == 'breaks off'
    assert list(follow([], scene.find, 0.2)) == [[]]


def test_few_frames_are_in_memory_where_they_are_large(monkeypatch):
    monkeypatch.setattr(following, 'LARGEST_PIXELS_UNREDUCED', 2 * 36 * 64 * 3)
    scene = Scene([[100]] * 6)
    scene.follow(search_s=2)
    assert scene.searched == [0, 2, 4, 5]
