"""Photos as a caller in Python has them: one or many, of any kind."""

import io
import pathlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.inference.given_photos import as_pictures
from tests.fakes import png_bytes, random_images

PHOTO = random_images(1, 12)[0]


@pytest.fixture
def path(tmp_path):
    (tmp_path / 'a.png').write_bytes(png_bytes(PHOTO))
    return str(tmp_path / 'a.png')


KINDS = {
    'str': str,
    'Path': pathlib.Path,
    'bytes': lambda path: pathlib.Path(path).read_bytes(),
    'bytearray': lambda path: bytearray(pathlib.Path(path).read_bytes()),
    'open file': lambda path: open(path, 'rb'),  # noqa: SIM115
    'buffer': lambda path: io.BytesIO(pathlib.Path(path).read_bytes()),
    'PIL image': Image.open,
    'array': lambda path: PHOTO,
}
WRAPPERS = {
    'one': lambda one: one,
    'list': lambda one: [one],
    'tuple': lambda one: (one,),
    'generator': lambda one: (each for each in [one]),
    'map': lambda one: map(lambda each: each, [one]),
}


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('wrapper', WRAPPERS)
def test_one_photo_and_many_of_every_kind_give_the_same_picture(kind, wrapper, path):
    (picture,) = as_pictures(WRAPPERS[wrapper](KINDS[kind](path)))
    np.testing.assert_array_equal(picture.image, PHOTO)
    has_name = kind in ('str', 'Path', 'open file')
    assert picture.source == (path if has_name else '')


def test_many_of_different_kinds_keep_their_order(path):
    others = [PHOTO, path, pathlib.Path(path).read_bytes(), Image.fromarray(PHOTO)]
    assert len(list(as_pictures(others))) == 4
    for many in (np.stack([PHOTO, PHOTO]), pd.Series([path, path]), {path: 1}.keys()):
        for picture in as_pictures(many):
            np.testing.assert_array_equal(picture.image, PHOTO)
    assert list(as_pictures([])) == [] and list(as_pictures(np.zeros((0, 4, 4, 3), np.uint8))) == []


def test_a_file_that_was_read_to_its_end_is_read_from_its_start(path):
    with open(path, 'rb') as file:
        file.read()
        np.testing.assert_array_equal(next(as_pictures(file)).image, PHOTO)


@pytest.mark.parametrize('mode', ['L', 'LA', 'P', 'RGBA', 'I;16', 'I', 'F', '1', 'CMYK'])
def test_a_picture_of_pillow_is_read_as_its_file_is(mode, path):
    picture = Image.open(path)
    if mode in ('I;16', 'I', 'F'):
        grey = np.asarray(picture.convert('L'))
        kind = {'I;16': np.uint16, 'I': np.int32, 'F': np.float32}[mode]
        picture = Image.fromarray(grey.astype(kind) * (257 if mode == 'I;16' else 1))
    else:
        picture = picture.convert(mode)
    with pytest.warns(UserWarning, match='as it is') if mode in 'IF' else _nothing():
        (seen,) = as_pictures(picture)
    np.testing.assert_allclose(seen.image, np.asarray(_shown(picture)), atol=1)


def _nothing():
    return io.BytesIO()


def _shown(picture):
    if picture.mode.startswith('I;'):
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    return picture.convert('L').convert('RGB') if picture.mode in 'IF' else picture.convert('RGB')


@pytest.mark.parametrize(
    'given, message',
    [
        (None, 'must be one, or an iterable, of.*Received: NoneType'),
        (3, 'Received: int'),
        ({'a.jpg': 1}, 'Received: dict'),
        ([None], 'Received: NoneType'),
        ([[PHOTO]], 'A photo must be one of.*Received: list'),
        (io.StringIO('text'), 'open.path, "rb".'),
        (PHOTO / 255, 'float64.*multiply|float64.*255'),
        (PHOTO[..., 0], 'Received: uint8 .12, 12.. A grey one'),
        (np.zeros((0, 4, 3), np.uint8), 'at least one pixel'),
        (np.zeros((4, 4, 4), np.uint8), r'photo\[..., :3\]'),
    ],
)
def test_anything_else_is_refused_and_told_what_is_allowed(given, message):
    with pytest.raises(InvalidInputError, match=message):
        list(as_pictures(given))


@pytest.mark.parametrize(
    'given, problem',
    [
        (b'', 'is empty'),
        (b'%PDF-1.7', 'is a PDF document'),
        ('.', 'is a folder'),
        (io.BytesIO(png_bytes(PHOTO)[:60]), 'its end is missing'),
        (Image.open(io.BytesIO(png_bytes(PHOTO)[:200])), 'its end is missing'),
    ],
)
@pytest.mark.parametrize('wrapper', ['one', 'list'])
def test_a_photo_that_cannot_be_read_is_a_problem_alone_and_among_others(given, problem, wrapper):
    (picture,) = as_pictures(WRAPPERS[wrapper](given))
    assert picture.image is None and problem in picture.problem
    pictures = list(as_pictures([PHOTO, given, PHOTO]))
    assert [picture.image is None for picture in pictures] == [False, True, False]


def test_a_file_that_is_missing_is_named_and_does_not_lose_the_others(path):
    with pytest.raises(MissingFileError, match=r'^a.jpg does not exist'):
        list(as_pictures('a.jpg'))
    found, missing = as_pictures([path, pathlib.Path('a.jpg')])
    assert found.image is not None and missing.image is None
    assert missing.source == 'a.jpg' and missing.problem == 'a.jpg does not exist.'


def test_what_was_left_out_of_a_photo_is_warned_of(tmp_path):
    frames = [Image.fromarray(frame) for frame in random_images(2, 12)]
    frames[0].save(tmp_path / 'a.gif', save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match='a.gif: the first of several frames'):
        (picture,) = as_pictures(tmp_path / 'a.gif')
    assert picture.image.shape[-1] == 3 and 'the first of several frames' in picture.note
