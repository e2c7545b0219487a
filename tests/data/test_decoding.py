import io
import struct

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from fer_keras.data.decoding import decode, decode_if_whole, decode_upright
from fer_keras.data.picture_headers import find_problem
from tests.fakes import png_bytes, random_images
from tfds_builders.pictures import LARGEST_CMYK_DIFFERENCE, read, read_picture

SCALAR = [tf.TensorSpec([], tf.string)]
# As graphs, since that is how training and serving run them.
decode_graph = tf.function(decode_upright, input_signature=SCALAR)
problem_graph = tf.function(find_problem, input_signature=SCALAR)
# Not square and nowhere symmetric; smooth, as JPEG wants it.
PICTURE = cv2.resize(random_images(1, 5)[0], (30, 20), interpolation=cv2.INTER_CUBIC)


def encode(image, kind, **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        file, kind, **options
    )
    return file.getvalue()


def exif_block(orientation, endian='<'):
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F], exif[0x0112] = 'a camera', orientation
    return exif.tobytes()


def as_pillow(data):
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert('RGB'))


@pytest.mark.parametrize('endian', ['<', '>'])
@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_every_orientation_is_turned_as_pillow_and_the_builders_turn_it(orientation, kind, endian):
    data = encode(PICTURE, kind, exif=exif_block(orientation, endian))
    turned = decode_graph(data).numpy()
    np.testing.assert_array_equal(turned, as_pillow(data))
    np.testing.assert_array_equal(turned, read_picture(data))


def test_a_quarter_turn_by_hand():
    # 6: the first row of the file is the right side of the picture.
    stored = np.array([[[1, 1, 1], [2, 2, 2]], [[3, 3, 3], [4, 4, 4]]], np.uint8)
    turned = decode_graph(encode(stored, 'PNG', exif=exif_block(6))).numpy()
    assert turned[..., 0].tolist() == [[3, 1], [4, 2]]


def exif_of(value):
    return b'Exif\0\0II*\0' + struct.pack('<IHHHIHH', 8, 1, 0x0112, 3, 1, value, 0)


@pytest.mark.parametrize('value', [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(value):
    upright = decode_graph(encode(PICTURE, 'JPEG')).numpy()
    np.testing.assert_array_equal(
        decode_graph(encode(PICTURE, 'JPEG', exif=exif_of(value))), upright
    )
    turned = decode_graph(encode(PICTURE, 'JPEG', exif=exif_of(8)))
    np.testing.assert_array_equal(turned, np.rot90(upright))


def test_damaged_exif_never_fails_and_only_turns():
    rng = np.random.default_rng(0)
    upright = decode_graph(encode(PICTURE, 'JPEG')).numpy()
    allowed = [np.rot90(side, turns) for side in (upright, upright[:, ::-1]) for turns in range(4)]
    exif = exif_block(6)
    clean = bytearray(encode(PICTURE, 'JPEG', exif=exif))
    start = clean.index(b'Exif')
    for _ in range(300):
        damaged = clean.copy()
        for position in start + 6 + rng.integers(len(exif) - 6, size=3):
            damaged[position] = rng.integers(256)
        image = decode_graph(bytes(damaged)).numpy()
        assert any(np.array_equal(image, turned) for turned in allowed)


@pytest.mark.parametrize('mode', ['L', 'LA', 'P', '1', 'RGBA', 'CMYK'])
@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
def test_grey_palette_transparency_and_cmyk_give_pillows_rgb(mode, kind):
    if (kind, mode) in {('JPEG', 'LA'), ('JPEG', 'P'), ('JPEG', 'RGBA'), ('PNG', 'CMYK')}:
        mode = 'RGB'
    image = Image.fromarray(PICTURE).convert(mode)
    if mode == 'RGBA':
        image.putalpha(Image.fromarray(PICTURE[..., 1]))
    data = encode(image, kind, **({'lossless': True, 'exact': True} if kind == 'WEBP' else {}))
    np.testing.assert_array_equal(decode_graph(data), as_pillow(data))
    difference = np.abs(decode_graph(data).numpy().astype(int) - read_picture(data))
    assert difference.max() <= (LARGEST_CMYK_DIFFERENCE if mode == 'CMYK' else 0)


@pytest.mark.parametrize('channels', [1, 3])
def test_sixteen_bits_become_the_upper_eight(channels):
    deep = np.random.default_rng(0).integers(65536, size=(6, 5, channels)).astype(np.uint16)
    data = cv2.imencode('.png', deep)[1].tobytes()
    expected = np.broadcast_to(deep[..., ::-1] >> 8, (6, 5, 3))
    np.testing.assert_array_equal(decode_graph(data), expected)
    np.testing.assert_array_equal(read_picture(data), expected)


@pytest.mark.parametrize('progressive', [False, True])
@pytest.mark.parametrize('subsampling', [0, 1, 2])
def test_jpeg_pixels_are_those_of_pillow_and_the_builders(subsampling, progressive):
    data = encode(PICTURE, 'JPEG', subsampling=subsampling, progressive=progressive, quality=80)
    np.testing.assert_array_equal(decode_graph(data), as_pillow(data))
    np.testing.assert_array_equal(decode_graph(data), read_picture(data))


def bomb(kind):
    """A file of at most some ten kilobytes that says it has 6000 x 5000 pixels."""
    if kind == 'VP8':  # Both sizes lie in fixed places of the frame's header.
        data = bytearray(encode(PICTURE, 'WEBP'))
        data[26:30] = struct.pack('<HH', 6000, 5000)
        return bytes(data)
    if kind == 'VP8X':
        data = bytearray(encode(PICTURE, 'WEBP', exif=exif_block(1)))
        data[24:30] = (5999).to_bytes(3, 'little') + (4999).to_bytes(3, 'little')
        return bytes(data)
    if kind == 'VP8L':
        return encode(Image.new('RGB', (6000, 5000)), 'WEBP', lossless=True, method=0)
    if kind == 'PNG':
        data = bytearray(encode(PICTURE, 'PNG'))
        data[16:24] = struct.pack('>II', 6000, 5000)
        return bytes(data)
    data = bytearray(encode(PICTURE, 'JPEG'))
    start = data.index(b'\xff\xc0')
    data[start + 5 : start + 9] = struct.pack('>HH', 5000, 6000)
    return bytes(data)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'VP8', 'VP8X', 'VP8L'])
def test_a_small_file_of_many_pixels_is_refused_by_its_header(kind):
    problem = problem_graph(bomb(kind)).numpy().decode()
    assert problem == ('must have at most 25000000 pixels. Received: 6000 x 5000. Shrink it first.')
    with pytest.raises(tf.errors.InvalidArgumentError, match='6000 x 5000'):
        decode_graph(bomb(kind))


def test_sizes_whose_product_overflows_are_refused():
    data = bytearray(encode(PICTURE, 'PNG'))
    data[16:24] = b'\xff' * 8
    assert b'at most' in problem_graph(bytes(data)).numpy()


@pytest.mark.parametrize('kind, size', [('JPEG', (5000, 1)), ('PNG', (1, 5000)), ('WEBP', (77, 3))])
@pytest.mark.parametrize('mode', ['RGB', 'L'])
def test_the_limit_is_the_number_of_pixels(kind, size, mode):
    data = encode(Image.new(mode, size), kind)
    count = size[0] * size[1]
    assert find_problem(tf.constant(data), count) == b''
    assert b'at most' in find_problem(tf.constant(data), count - 1).numpy()


@pytest.mark.parametrize(
    'data, received',
    [
        (encode(PICTURE, 'GIF'), 'must be a JPEG, PNG or WebP file'),
        (encode(PICTURE, 'BMP'), 'must be a JPEG, PNG or WebP file'),
        (encode(PICTURE, 'TIFF'), 'must be a JPEG, PNG or WebP file'),
        (b'', 'must be a JPEG, PNG or WebP file'),
        (
            encode(PICTURE, 'WEBP', save_all=True, append_images=[Image.fromarray(255 - PICTURE)]),
            'animated WebP',
        ),
    ],
)
def test_other_files_are_told_what_is_allowed(data, received):
    with pytest.raises(tf.errors.InvalidArgumentError, match=received):
        decode_graph(data)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
@pytest.mark.parametrize('share', [0.02, 0.3, 0.9])
def test_half_a_file_is_an_error(kind, share):
    data = encode(random_images(1, 60)[0], kind)
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_graph(data[: int(len(data) * share)])


@pytest.mark.parametrize('place', [33, -12])
def test_a_chunk_that_says_to_be_longer_than_the_file_is_refused_before_decoding(place):
    # libpng would make room for two gigabytes.
    whole = encode(PICTURE, 'PNG')
    place %= len(whole)
    text = struct.pack('>I', 2**31 - 1) + b'tEXtComment\0text' + bytes(4)
    assert b'cut off' in problem_graph(whole[:place] + text + whole[place:]).numpy()
    # One that is whole is none of these, nor is its name among the pixels.
    text = struct.pack('>I', 12) + b'tEXtComment\0text' + bytes(4)
    assert problem_graph(whole[:place] + text + whole[place:]).numpy() == b''
    assert problem_graph(whole + b'tEXt').numpy() == b''


def test_training_sees_the_upright_picture():
    upright = random_images(1, 32)[0]
    stored = np.rot90(upright)  # Counter-clockwise, so that a clockwise turn is needed: 6.
    data = encode(np.ascontiguousarray(stored), 'PNG', exif=exif_block(6))
    np.testing.assert_array_equal(decode(data, 32), decode(png_bytes(upright), 32))


@pytest.mark.parametrize('kind, is_turned', [(1, True), (3, True), (4, True), (2, False)])
@pytest.mark.parametrize('order', ['<', '>'])
def test_types_of_the_orientation_are_read_as_the_builders_read_them(kind, is_turned, order):
    values = {1: 'B3x', 2: 'B3x', 3: 'H2x', 4: 'I'}[kind]
    tiff = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(f'{order}IH', 8, 1)
    tiff += struct.pack(f'{order}HHI{values}I', 0x0112, kind, 1, 6, 0)
    data = encode(PICTURE, 'JPEG', exif=b'Exif\0\0' + tiff)
    turned = decode_graph(data).numpy()
    np.testing.assert_array_equal(turned, read(data).image)
    assert (turned.shape == (30, 20, 3)) == is_turned


def test_a_png_whose_end_has_another_checksum_is_not_stored_as_it_is():
    data = encode(PICTURE, 'PNG')[:-1] + b'x'
    reading = read(data)
    np.testing.assert_array_equal(reading.image, PICTURE)
    assert not reading.is_for_graph


def test_a_jpeg_with_a_scan_too_many_is_not_stored_as_it_is():
    data = encode(PICTURE, 'JPEG')
    scan = data[data.index(b'\xff\xda') : -2]
    reading = read(data[:-2] + scan + data[-2:])
    np.testing.assert_array_equal(reading.image, read(data).image)
    assert read(data).is_for_graph and not reading.is_for_graph
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_graph(data[:-2] + scan + data[-2:])


def test_an_animation_whose_control_is_damaged_is_read_as_the_graph_reads_it():
    frames = {'save_all': True, 'append_images': [Image.fromarray(255 - PICTURE)]}
    data = bytearray(encode(PICTURE, 'PNG', **frames))
    place = data.index(b'fcTL')
    data[place + 4 : place + 8] = b'\xff' * 4
    for damaged in (encode(PICTURE, 'PNG', **frames), bytes(data)):
        reading = read(damaged)
        assert reading.notes == ('the first of several frames',) and reading.is_for_graph
        np.testing.assert_array_equal(reading.image, PICTURE)
        np.testing.assert_array_equal(decode_graph(damaged).numpy(), PICTURE)


if_whole_graph = tf.function(decode_if_whole, input_signature=SCALAR)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
@pytest.mark.parametrize('orientation', [1, 6])
def test_a_server_decodes_alike_and_fails_for_nothing(kind, orientation):
    data = encode(PICTURE, kind, exif=exif_block(orientation))
    np.testing.assert_array_equal(if_whole_graph(data), decode_graph(data))
    for damaged in (data[: len(data) // 2], data[:12], b'', b'text', data[:40] + bytes(40)):
        assert if_whole_graph(damaged).shape == (0, 0, 3)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
def test_a_server_refuses_what_has_too_many_pixels(kind):
    data, count = tf.constant(encode(PICTURE, kind)), PICTURE.shape[0] * PICTURE.shape[1]
    assert decode_if_whole(data, count).shape == PICTURE.shape
    assert decode_if_whole(data, count - 1).shape == (0, 0, 3)
