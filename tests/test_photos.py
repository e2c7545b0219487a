import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from fer_keras import photos
from tests.fakes import png_bytes, random_images

RED_TOP = np.zeros((20, 30, 3), np.uint8)
RED_TOP[:10, :, 0] = 255


def encode(picture, kind='PNG', **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def test_pixels_pass_unchanged():
    image = random_images(1, 20)[0]
    np.testing.assert_array_equal(photos.read_photo(png_bytes(image)), image)


def test_exif_turns_the_picture_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    lying = Image.fromarray(np.rot90(RED_TOP))
    np.testing.assert_array_equal(photos.read_photo(encode(lying, exif=exif)), RED_TOP)


def test_grey_palette_alpha_and_16_bits_become_rgb():
    grey = np.linspace(0, 255, 600).astype(np.uint8).reshape(20, 30)
    expected = np.repeat(grey[..., None], 3, axis=-1)
    wide = Image.fromarray(grey.astype(np.uint16) * 257)
    for data in (encode(Image.fromarray(grey)), encode(wide)):
        np.testing.assert_array_equal(photos.read_photo(data), expected)
    transparent = np.dstack([RED_TOP, np.full(RED_TOP.shape[:2], 7, np.uint8)])
    palette = Image.fromarray(RED_TOP).convert('P')
    for picture in (Image.fromarray(transparent), palette):
        np.testing.assert_array_equal(photos.read_photo(encode(picture)), RED_TOP)


def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(photos, 'LARGEST_PIXELS', 599)
    data = encode(Image.new('RGB', (30, 20)))
    monkeypatch.setattr(ImageFile.ImageFile, 'load', lambda self: pytest.fail('it was decoded'))
    with pytest.raises(ValueError, match='at most 599 pixels. Received: 30x20'):
        photos.read_photo(data)


def test_damaged_files_are_refused_by_name_and_never_crash(tmp_path):
    rng = np.random.default_rng(0)
    image = Image.fromarray(random_images(1, 24)[0])
    refused = 0
    for kind in ('PNG', 'JPEG'):
        whole = encode(image, kind)
        for number in range(500):
            data = bytearray(whole[: rng.integers(1, len(whole))] if number % 2 else whole)
            for _ in range(rng.integers(1, 9)):
                data[rng.integers(len(data))] = rng.integers(256)
            (tmp_path / 'mutated').write_bytes(data)
            try:
                assert photos.read_photo(tmp_path / 'mutated').dtype == np.uint8
            except ValueError as error:
                refused += 1
                assert 'mutated' in str(error)
    assert refused > 100


def test_folders_stand_for_what_is_in_them(tmp_path):
    (tmp_path / 'inner').mkdir()
    for name in ('b.JPG', 'inner/a.png', 'clip.mp4', 'notes.txt'):
        (tmp_path / name).write_bytes(b'')
    names = [path.name for path in photos.list_inputs([str(tmp_path)])]
    assert names == ['b.JPG', 'clip.mp4', 'a.png']
    with pytest.raises(FileNotFoundError, match='does not exist'):
        photos.list_inputs([str(tmp_path / 'none')])


def test_every_other_frame_of_a_video(tmp_path):
    path = tmp_path / 'clip.avi'
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 10, (32, 32))
    for value in range(0, 250, 50):
        video.write(np.full((32, 32, 3), value, np.uint8))
    video.release()
    frames = list(photos.read_video(path, every=2))
    assert [number for number, _ in frames] == [0, 2, 4]
    assert [round(float(frame.mean()), -1) for _, frame in frames] == [0, 100, 200]


def test_no_video_is_refused(tmp_path):
    (tmp_path / 'clip.mp4').write_bytes(b'none')
    with pytest.raises(ValueError, match='cannot be opened'):
        list(photos.read_video(tmp_path / 'clip.mp4', every=1))
