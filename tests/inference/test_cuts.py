"""What is a cut, and what is not."""

import numpy as np

from fer_keras.inference.cuts import find_cuts
from fer_keras.inference.photos import Picture


def cuts_of(images):
    """The numbers of the frames that follow a cut; every frame must come out, in order."""
    pictures = [Picture('a.mp4', number, image) for number, image in enumerate(images)]
    found = list(find_cuts(iter(pictures)))
    assert [picture.frame for picture, _ in found] == list(range(len(images)))
    return [picture.frame for picture, is_cut in found if is_cut]


def scene(seed, frames, pan_px=0):
    """A coarse picture, which the camera pans over."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(256, size=(9, 16, 3)).astype(np.uint8)
    picture = coarse.repeat(20, axis=0).repeat(20, axis=1)
    noise = [rng.integers(0, 4, picture.shape).astype(np.uint8) for _ in range(frames)]
    return [np.roll(picture // 2, pan_px * i, axis=1) + noise[i] for i in range(frames)]


def test_every_cut_is_found_also_near_the_ends():
    assert cuts_of(scene(0, 8) + scene(1, 8) + scene(2, 8)) == [8, 16]
    assert cuts_of(scene(0, 1) + scene(1, 1)) == [1]
    assert cuts_of(scene(0, 2)) == [] and cuts_of([]) == []


def test_a_flash_and_a_moving_camera_are_no_cut():
    still = scene(0, 12)
    still[5] = np.full_like(still[5], 255)
    assert cuts_of(still) == []
    assert cuts_of(scene(0, 12) + scene(0, 12, pan_px=8)) == []
    # A slow camera, whose frames stand three times each.
    assert cuts_of([image for image in scene(0, 8, pan_px=20) for _ in range(3)]) == []


def test_what_ends_a_video_is_passed_on():
    end = Picture('a.mp4', None, None, 'breaks off')
    pictures = [Picture('a.mp4', i, image) for i, image in enumerate(scene(0, 2))]
    assert [one.problem for one, _ in find_cuts([*pictures, end])] == ['', '', 'breaks off']
