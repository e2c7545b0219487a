"""The one reader of pictures outside TensorFlow: what it reads, refuses, and says."""

import contextlib
import dataclasses
import io
import os
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from tests.fakes import png_bytes, random_images
from tfds_builders import picture_formats, pictures
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
    small = dataclasses.replace(picture_formats.FORMATS['PNG'], largest_pixels=599)
    monkeypatch.setitem(picture_formats.FORMATS, 'PNG', small)
    data = encode(Image.new('RGB', (30, 20)))
    monkeypatch.setattr(ImageFile.ImageFile, 'load', lambda self: pytest.fail('it was decoded'))
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('it was decoded'))
    with pytest.raises(ValueError, match='at most 599 pixels. Received: 30x20'):
        read_picture(data)


def test_a_format_that_needs_another_program_is_not_tried(tmp_path):
    # PIL would hand it to Ghostscript.
    (tmp_path / 'drawing.jpg').write_bytes(encode(Image.fromarray(RED_TOP), 'EPS'))
    with pytest.raises(ValueError, match='drawing.jpg is a PostScript drawing, and no picture'):
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
    with pytest.raises(ValueError, match='bytes cannot hold 60000x60000 pixels'):
        read_picture(bytes(data))
    chunk = struct.pack('>I', 11_000_000) + b'tEXt' + bytes(11_000_004)
    with pytest.raises(ValueError, match='at most 210,000,000 pixels. Received: 60000x60000'):
        read_picture(bytes(data[:33] + chunk + data[33:]))


def test_a_chunk_longer_than_its_file_takes_no_memory(monkeypatch):
    data = bytearray(encode(Image.fromarray(RED_TOP)))
    data[33:37] = struct.pack('>I', 2**32 - 7)
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('it was decoded'))
    with pytest.raises(ValueError, match='its end is missing'):
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


def tiff_of(values):
    return cv2.imencode('.tif', values)[1].tobytes()


RAMP = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)


@pytest.mark.parametrize(
    'values, divided_by, said',
    [
        (RAMP, 1 / 255, 'multiplied by 255'),
        (RAMP.astype(np.float64) * 255, 1, 'taken as it is'),
        ((RAMP * 255).astype(np.int32), 1, 'taken as it is'),
        ((RAMP * 65535).astype(np.int32), 256, 'divided by 256'),
        ((RAMP * 32767).astype(np.int16), 128, 'divided by 128'),
        ((RAMP.astype(np.float64) * (2**32 - 1)).astype(np.uint32), 2**32 / 255, 'brightest'),
        (RAMP * 2 - 1, 2 / 255, 'stretched'),
    ],
)
@pytest.mark.parametrize('channels', [1, 3])
def test_deep_tiffs_become_eight_bits_by_a_scale_that_is_said(values, divided_by, said, channels):
    given = values if channels == 1 else np.dstack([values, values, values * 0])
    reading = pictures.read(tiff_of(given))
    expected = (values - min(0, values.min())) / divided_by
    np.testing.assert_allclose(reading.image[..., 2], expected, atol=1.01)
    assert said in reading.notes[0] and not reading.is_for_graph


def test_not_a_number_is_dark_and_nothing_but_it_is_refused():
    values = RAMP.copy()
    values[0, 5] = np.nan
    assert read_picture(tiff_of(values))[0, 5].tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match='no value is a finite number'):
        read_picture(tiff_of(values * np.nan))


@pytest.mark.parametrize('kind', ['JPEG2000', 'AVIF'])
def test_newer_formats_are_read(kind):
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip(f'this Pillow does not write {kind}')
    smooth = Image.fromarray(RED_TOP).resize((60, 40))
    reading = pictures.read(encode(smooth, kind))
    assert (reading.kind, reading.is_for_graph) == (kind, False)
    np.testing.assert_allclose(reading.image[5, 5], (255, 0, 0), atol=12)


def test_heic_is_read_where_its_package_is_and_named_where_it_is_not(monkeypatch):
    data = b'\0\0\0\x18ftypheic\0\0\0\0mif1heic' + bytes(64)
    monkeypatch.setitem(sys.modules, 'pillow_heif', None)
    with pytest.raises(ValueError, match='HEIC picture.*Save it as JPEG, or type: pip install'):
        read_picture(data)
    monkeypatch.undo()
    heif = pytest.importorskip('pillow_heif')
    heif.register_heif_opener()
    picture = encode(Image.fromarray(RED_TOP).resize((60, 40)), 'HEIF', quality=90)
    np.testing.assert_allclose(read_picture(picture)[5, 5], (255, 0, 0), atol=12)


@pytest.mark.parametrize('kind', ['GIF', 'PNG', 'WEBP', 'TIFF'])
@pytest.mark.parametrize('apart', [False, True])
def test_of_several_frames_the_first_is_read_and_that_is_said(kind, apart):
    frames = [Image.fromarray(frame) for frame in (RED_TOP, RED_TOP[::-1], RED_TOP * 0)]
    # The picture of an animated PNG may be no frame of its animation.
    options = {'default_image': apart} if kind == 'PNG' else {'lossless': True}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    reading = pictures.read(data)
    np.testing.assert_array_equal(reading.image, RED_TOP)
    assert reading.notes[0].startswith('the first of several')


def test_a_jpeg_without_its_last_marker_is_read_and_one_without_pixels_is_not():
    data = encode(Image.fromarray(random_images(1, 60)[0]), 'JPEG')
    reading = pictures.read(data[:-2])
    np.testing.assert_array_equal(reading.image, read_picture(data))
    assert 'last bytes are missing' in reading.notes[0] and not reading.is_for_graph
    for missing in (4, 12, 100):
        with pytest.raises(ValueError, match='its end is missing'):
            read_picture(data[:-missing])


@pytest.mark.parametrize('kind', ['JPEG', 'PNG'])
def test_more_pixels_than_are_held_are_read_at_half_the_size(kind, monkeypatch):
    monkeypatch.setattr(picture_formats, 'LARGEST_PIXELS_UNREDUCED', 599)
    reading = pictures.read(encode(Image.fromarray(RED_TOP), kind))
    assert reading.image.shape == (10, 15, 3)
    np.testing.assert_allclose(reading.image[2, 2], (255, 0, 0), atol=12)
    assert 'half its size, 15x10' in reading.notes[0]


@pytest.mark.parametrize('size', [(200, 200), (1200, 1200)])
def test_a_jpeg_of_many_pixels_and_few_bytes_is_refused_before_it_is_decoded(size, monkeypatch):
    data = bytearray(encode(Image.new('RGB', (30, 20)), 'JPEG'))
    start = data.index(b'\xff\xc0')
    data[start + 5 : start + 9] = struct.pack('>HH', *(10 * side for side in size))
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('it was decoded'))
    with pytest.raises(ValueError, match='bytes cannot hold'):
        read_picture(bytes(data))


@pytest.mark.parametrize(
    'data, said',
    [
        (b'', r'is empty \(0 bytes\)'),
        (b'%PDF-1.7', 'is a PDF document'),
        (b'\0\0\0\x18ftypisom', 'is a video'),
        (b'\0\x05\x16\x07' + bytes(40), 'what macOS keeps beside a file'),
        (b'<!DOCTYPE html>', 'is a web page'),
        (b'\x93NUMPY', 'no known format'),
    ],
)
def test_what_is_no_picture_is_told_by_what_it_is(data, said):
    with pytest.raises(ValueError, match=said):
        read_picture(data)


@pytest.mark.parametrize('kind, value, turns', [(3, 6, 1), (4, 6, 1), (1, 6, 1), (2, 54, 0)])
@pytest.mark.parametrize('order', ['<', '>'])
def test_an_orientation_counts_in_every_type_of_whole_number(kind, value, turns, order):
    letters = {1: 'B3x', 2: 'B3x', 3: 'H2x', 4: 'I'}
    tiff = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(f'{order}IH', 8, 1)
    tiff += struct.pack(f'{order}HHI{letters[kind]}I', 0x0112, kind, 1, value, 0)
    data = encode(Image.fromarray(np.rot90(RED_TOP)), 'JPEG', exif=b'Exif\0\0' + tiff)
    expected = RED_TOP.shape if turns else (30, 20, 3)
    assert read_picture(data).shape == expected


def test_a_link_to_nothing_a_folder_and_a_pipe_are_named(tmp_path):
    (tmp_path / 'a.jpg').symlink_to('gone.jpg')
    os.mkfifo(tmp_path / 'b.jpg')
    with pytest.raises(FileNotFoundError, match=r'a.jpg does not exist: it is a link to gone.jpg'):
        read_picture(tmp_path / 'a.jpg')
    with pytest.raises(ValueError, match='is a folder'):
        read_picture(tmp_path)
    with pytest.raises(ValueError, match='is a device or pipe'):
        read_picture(tmp_path / 'b.jpg')


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_sixteen_bits_of_which_the_upper_are_empty_are_said_to_be_dark(suffix):
    values = (RAMP * 4095).astype(np.uint16)
    reading = pictures.read(cv2.imencode(suffix, values)[1].tobytes())
    np.testing.assert_array_equal(reading.image[..., 0], values >> 8)
    assert reading.notes == ('dark: the upper 4 of its 16 bits are empty',)
    assert not pictures.read(cv2.imencode(suffix, values * 16)[1].tobytes()).notes


def test_a_damaged_fax_has_the_same_pixels_each_time():
    file = io.BytesIO()
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60), np.uint8))
    grey.convert('1').save(file, 'TIFF', compression='group4')
    whole = file.getvalue()
    np.testing.assert_array_equal(
        pictures.read_picture(whole), np.asarray(grey.convert('1').convert('RGB'))
    )
    data = bytearray(whole)
    data[60:120] = bytes(60)
    images = []
    for stain in range(5):
        for size in range(50, 4000, 50):
            np.full(size, 50 * stain, np.uint8)
        images.append(pictures.read_picture(bytes(data)))
    assert all(np.array_equal(image, images[0]) for image in images)


def test_a_reason_of_a_library_is_one_line(monkeypatch):
    def fail(data, how):
        raise ValueError('Invalid input: end of file\n')

    monkeypatch.setattr(pictures, '_decode', fail)
    with pytest.raises(ValueError, match=r'\(PNG: Invalid input: end of file\)$'):
        pictures.read_unchanged(png_bytes(np.zeros((2, 2, 3), np.uint8)))


def test_a_damaged_animation_does_not_end_the_process():
    frames = {'save_all': True, 'append_images': [Image.fromarray(255 - RED_TOP)]}
    data = encode(Image.fromarray(RED_TOP), **frames)
    for place in range(data.index(b'fcTL') + 4, len(data) - 12, 3):
        damaged = bytearray(data)
        damaged[place : place + 8] = b'\xff' * 8
        for read in (pictures.read, pictures.read_unchanged):
            with contextlib.suppress(ValueError):
                read(bytes(damaged))
    assert 'acTL' in str(data) and pictures.read_unchanged(data).shape == RED_TOP.shape


def test_a_tiff_with_far_too_few_bytes_is_refused_before_it_is_unpacked():
    data = bytearray(encode(Image.fromarray(RED_TOP), 'TIFF'))
    # The tag of the height, of type LONG or SHORT.
    place = next(i for i in range(8, len(data)) if data[i : i + 3] in (b'\1\1\3', b'\1\1\4'))
    data[place + 2 : place + 12] = struct.pack('<HII', 4, 1, 1_000_000)
    with pytest.raises(ValueError, match='bytes cannot hold 30x1000000 pixels'):
        read_picture(bytes(data))
