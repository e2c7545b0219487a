"""What people have in their folders beside JPEG and PNG: read, and stored as training reads it."""

import io
import json
import os

import cv2
import numpy as np
import pytest
import tensorflow as tf
from etils import epath
from PIL import Image

from fer_keras.data.decoding import decode_upright
from tests.fakes import png_bytes, random_images
from tfds_builders import archives, build, photo_tasks, picture_formats, pictures


def as_file(image, kind, **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


def write_people(folder, files, people=20):
    """A folder of one class, with a picture of each of so many people and these files."""
    (folder / 'happy').mkdir(parents=True)
    (folder / 'sad').mkdir()
    for person in range(people):
        png = png_bytes(random_images(1, 16, seed=person)[0])
        (folder / f'happy/{person:03d}_1.png').write_bytes(png)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def build_originals(folder, data_dir):
    config = build.configs_of('expression_folders', ['originals'])[0]
    builder, _ = build.prepare('expression_folders', config, epath.Path(folder), data_dir)
    rows = {}
    for split in builder.info.splits:
        decoders = {'image': build.tfds.decode.SkipDecoding()}
        for row in build.tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders)):
            rows[row['file_name'].decode()] = row
    return builder.info.metadata, rows


PHOTO = random_images(1, 20, seed=99)[0]


def test_what_the_graph_cannot_read_is_stored_as_png_and_listed(tmp_path, capsys):
    frames = {'save_all': True, 'append_images': [Image.fromarray(255 - PHOTO)]}
    files = {
        'sad/001_bmp.jpg': as_file(PHOTO, 'BMP'),
        'sad/002_tiff.tif': as_file(PHOTO, 'TIFF'),
        'sad/003_gif.gif': as_file(PHOTO, 'GIF', **frames),
        'sad/004_webp.webp': as_file(PHOTO, 'WEBP', lossless=True, **frames),
        'sad/005_float.tif': cv2.imencode('.tif', PHOTO[..., 0].astype(np.float32) / 255)[
            1
        ].tobytes(),
        'sad/006_jfif.jfif': as_file(PHOTO, 'JPEG'),
        'sad/007_webp.webp': as_file(PHOTO, 'WEBP'),
        'sad/008_no_suffix': png_bytes(PHOTO),
        'sad/009_notes.txt': b'no picture',
    }
    metadata, rows = build_originals(write_people(tmp_path / 'photos', files), tmp_path / 'data')
    assert list(metadata['skipped']) == ['sad/009_notes.txt']
    stored_again = ['001_bmp.jpg', '002_tiff.tif', '003_gif.gif', '004_webp.webp', '005_float.tif']
    assert sorted(metadata['re_encoded']) == [f'sad/{name}' for name in stored_again]
    assert 'several frames' in metadata['reading_notes']['sad/003_gif.gif']
    assert 'multiplied by 255' in metadata['reading_notes']['sad/005_float.tif']
    for name, data in files.items():
        if name in metadata['skipped']:
            continue
        seen = decode_upright(tf.constant(rows[name]['image'])).numpy()
        np.testing.assert_array_equal(seen, pictures.read_picture(data))
        assert rows[name]['pixel_hash'].decode() == pictures.pixel_hash(seen)
        assert (rows[name]['image'] == data) == (name not in metadata['re_encoded'])
    where = ['--config=originals', f'--data_dir={tmp_path / "data"}']
    assert build.main([f'expression_folders={tmp_path / "photos"}', *where]) == 0
    printed = capsys.readouterr().out
    assert 'written again for training: 5' in printed and 'as PNG: BMP of 20x20' in printed


def test_more_pixels_than_the_graph_takes_are_reduced(tmp_path, monkeypatch):
    for module in (picture_formats, photo_tasks):
        monkeypatch.setattr(module, 'LARGEST_PIXELS_IN_GRAPH', 399)
    files = {'sad/001_a.png': png_bytes(PHOTO)}
    metadata, rows = build_originals(write_people(tmp_path / 'photos', files), tmp_path / 'data')
    assert metadata['re_encoded'] == {'sad/001_a.png': 'as PNG: PNG of 20x20, reduced to 19x19'}
    assert tf.io.decode_png(rows['sad/001_a.png']['image']).shape == (19, 19, 3)
    assert rows['sad/001_a.png']['pixel_hash'].decode() == pictures.pixel_hash(PHOTO)


@pytest.mark.parametrize('size', [(30000, 30000), (65500, 65500), (14000, 14000)])
def test_damaged_headers_pipes_and_links_to_nothing_are_left_out(size, tmp_path):
    jpeg = bytearray(as_file(PHOTO, 'JPEG'))
    start = jpeg.index(b'\xff\xc0')
    jpeg[start + 5 : start + 9] = b''.join(side.to_bytes(2, 'big') for side in size)
    folder = write_people(tmp_path / 'photos', {'sad/001_header.jpg': bytes(jpeg)})
    (folder / 'sad/002_link.jpg').symlink_to('gone.jpg')
    os.mkfifo(folder / 'sad/003_pipe.jpg')
    metadata, rows = build_originals(folder, tmp_path / 'data')
    assert len(rows) == 20 and len(metadata['skipped']) == 3
    assert 'bytes cannot hold' in metadata['skipped']['sad/001_header.jpg']
    assert metadata['skipped']['sad/002_link.jpg'] == 'a link to gone.jpg, which is not there'
    assert metadata['skipped']['sad/003_pipe.jpg'] == 'a device or pipe'


def test_names_of_any_bytes_are_built_and_named(tmp_path):
    folder = write_people(tmp_path / 'photos', {})
    names = ['001_\udce9.png', '002_\n.png', '003_\U0001f600.png', '004_' + 'x' * 247 + '.png']
    for number, name in enumerate(names):
        (folder / 'sad' / name).write_bytes(png_bytes(random_images(1, 16, seed=50 + number)[0]))
    metadata, rows = build_originals(folder, tmp_path / 'data')
    expected = ['001_\\xe9.png', *names[1:]]
    assert {f'sad/{name}' for name in expected} <= set(rows) and not metadata['skipped']
    json.dumps(dict(metadata), ensure_ascii=False).encode()


def test_links_are_followed_once_and_doubled_files_named(tmp_path):
    folder = write_people(tmp_path / 'photos', {}, people=2)
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere/005_1.png').write_bytes(png_bytes(PHOTO))
    (folder / 'sad/more').symlink_to(tmp_path / 'elsewhere')
    (folder / 'sad/again').symlink_to(tmp_path / 'elsewhere')
    (folder / 'sad/loop').symlink_to(folder)
    (folder / 'sad/copy.png').symlink_to('../happy/000_1.png')

    def parse(path, parts):
        return archives.Photo(path, '/'.join(parts), 'happy', 'anna')

    archive = archives.read_folder(epath.Path(folder), parse, 'photos')
    assert [photo.file_name for photo in archive.photos] == [
        'happy/000_1.png', 'happy/001_1.png', 'sad/again/005_1.png'
    ]  # fmt: skip
    assert archive.skipped == {'sad/copy.png': 'a link to another file of the archive'}


def test_a_split_of_which_nothing_can_be_read_says_why(tmp_path):
    folder = write_people(tmp_path / 'photos', {})
    for path in list((folder / 'happy').iterdir()):
        for name in (path.name, path.name.replace('_1', '_2')):
            path.with_name(name).write_bytes(b'no picture')
    with pytest.raises(ValueError, match='The split `.*` must have a picture.*none of .*no known'):
        build_originals(folder, tmp_path / 'data')
