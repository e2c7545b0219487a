"""The one reader of pictures outside TensorFlow: what it reads, refuses, and says."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from tests.fakes import png_bytes, random_images
from tfds_builders import pictures
from tfds_builders.errors import BuilderError
from tfds_builders.pictures import read_picture

RED_TOP = np.zeros((20, 30, 3), np.uint8)
RED_TOP[:10, :, 0] = 255


def encode(picture, kind='PNG', **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def test_pixels_pass_unchanged():
    image = random_images(1, 20)[0]
    np.testing.assert_array_equal(read_picture(png_bytes(image)), image)


def test_exif_turns_the_picture_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn clockwise to see it upright.
    lying = Image.fromarray(np.rot90(RED_TOP))
    np.testing.assert_array_equal(read_picture(encode(lying, exif=exif)), RED_TOP)


def test_grey_palette_alpha_and_16_bits_become_rgb():
    grey = np.linspace(0, 255, 600).astype(np.uint8).reshape(20, 30)
    expected = np.repeat(grey[..., None], 3, axis=-1)
    wide = Image.fromarray(grey.astype(np.uint16) * 257)
    for data in (encode(Image.fromarray(grey)), encode(wide)):
        np.testing.assert_array_equal(read_picture(data), expected)
    transparent = np.dstack([RED_TOP, np.full(RED_TOP.shape[:2], 7, np.uint8)])
    palette = Image.fromarray(RED_TOP).convert('P')
    for picture in (Image.fromarray(transparent), palette):
        np.testing.assert_array_equal(read_picture(encode(picture)), RED_TOP)


def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(pictures, 'LARGEST_PIXELS', 599)
    data = encode(Image.new('RGB', (30, 20)))
    monkeypatch.setattr(ImageFile.ImageFile, 'load', lambda self: pytest.fail('it was decoded'))
    with pytest.raises(ValueError, match='at most 599 pixels. Received: 30x20'):
        read_picture(data)


def test_a_format_that_needs_another_program_is_not_tried(tmp_path):
    # PIL would hand it to Ghostscript.
    (tmp_path / 'drawing.jpg').write_bytes(encode(Image.fromarray(RED_TOP), 'EPS'))
    with pytest.raises(ValueError, match='drawing.jpg is damaged or no picture'):
        read_picture(tmp_path / 'drawing.jpg')


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP', 'BMP', 'TIFF', 'GIF'])
def test_a_file_is_read_by_its_content_and_not_by_its_name(kind, tmp_path):
    path = tmp_path / 'photo.jpg'
    path.write_bytes(encode(Image.fromarray(RED_TOP), kind))
    # JPEG mixes the colours of neighbours.
    np.testing.assert_allclose(read_picture(path).astype(int), RED_TOP, atol=80)
    np.testing.assert_array_equal(read_picture(path), read_picture(path.read_bytes()))


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP', 'BMP', 'TIFF'])
@pytest.mark.parametrize('share', [0.02, 0.3, 0.8])
def test_half_a_file_is_refused(kind, share):
    data = encode(Image.fromarray(random_images(1, 60)[0]), kind)
    with pytest.raises(ValueError, match='is damaged or no picture'):
        read_picture(data[: int(len(data) * share)])


def test_jpeg_pixels_are_those_of_the_prepared_sets():
    # The sets were made by OpenCV; a change of decoder would change their crops.
    for quality in (60, 95):
        data = encode(Image.fromarray(random_images(1, 90)[0]), 'JPEG', quality=quality)
        by_opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(read_picture(data), by_opencv[:, :, ::-1])


def test_fields_of_exif_that_pillow_cannot_read_are_no_reason_to_refuse():
    # Orientation 6 and a resolution that is said to be a text of one byte.
    entries = struct.pack('<HHIHH', 0x0112, 3, 1, 6, 0) + struct.pack('<HHII', 0x011A, 5, 1, 9999)
    tiff = b'II*\0' + struct.pack('<IH', 8, 2) + entries + bytes(4)
    lying = Image.fromarray(np.rot90(RED_TOP))
    data = encode(lying, 'JPEG', exif=b'Exif\0\0' + tiff, quality=95)
    assert read_picture(data).shape == RED_TOP.shape


def test_a_header_that_promises_gigabytes_is_refused():
    data = bytearray(encode(Image.fromarray(RED_TOP)))
    data[16:24] = struct.pack('>II', 60000, 60000)
    data[29:33] = struct.pack('>I', zlib.crc32(data[12:29]))
    with pytest.raises(ValueError, match='at most 80,000,000 pixels'):
        read_picture(bytes(data))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.png does not exist') as error:
        read_picture(tmp_path / 'gone.png')
    assert isinstance(error.value, BuilderError)


def test_unchanged_pixels_keep_channels_depth_and_orientation():
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    kept = pictures.read_unchanged(encode(Image.fromarray(grey), exif=exif))
    np.testing.assert_array_equal(kept, grey)
    assert pictures.read_unchanged(encode(Image.fromarray(RED_TOP))).shape == RED_TOP.shape


def test_what_is_small_enough_is_not_shrunk():
    image = random_images(1, 40)[0]
    assert pictures.shrink(image, 40) is image
    halved = pictures.shrink(image, 20)
    # By hand: each pixel is the mean of four.
    expected = image.reshape(20, 2, 20, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(halved, expected, atol=0.51)
