"""What folders and patterns stand for, whatever people and their systems keep in them."""

import os

import pytest

from fer_keras.errors import MissingFileError
from fer_keras.inference import folders
from tests.fakes import png_bytes, random_images

PNG = png_bytes(random_images(1, 8)[0])


def write(root, *names, data=PNG):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def names_of(root, *inputs):
    found = folders.find_sources([str(given) for given in inputs or [root]])
    return [os.path.relpath(name, root) for name in found.names], dict(found.left_out)


def test_folders_stand_for_what_is_in_them_and_all_else_is_counted(tmp_path):
    write(tmp_path, 'b.JPG', 'inner/a.png', 'clip.mp4', 'c.jfif', 'd.avif', 'e.HEIC', 'f.m4v')
    write(tmp_path, 'notes.txt', 'inner/more.txt', 'paper.PDF', 'readme', data=b'text')
    write(tmp_path, 'no_suffix', 'odd.xyz')
    names, left_out = names_of(tmp_path)
    known = ['b.JPG', 'c.jfif', 'clip.mp4', 'd.avif', 'e.HEIC', 'f.m4v', 'inner/a.png']
    assert names == [*known, 'no_suffix', 'odd.xyz']
    assert left_out == {'.txt': 2, '.pdf': 1, 'without suffix': 1}
    said = folders.find_sources([str(tmp_path)]).describe_left_out()
    assert said == 'left out as no pictures or videos: 2 .txt, 1 .pdf, 1 without suffix'
    with pytest.raises(MissingFileError, match='does not exist'):
        folders.find_sources([str(tmp_path / 'none')])


def test_hidden_files_and_those_of_systems_are_no_pictures_of_a_folder(tmp_path):
    write(tmp_path, 'a.jpg', '._a.jpg', '.thumbnails/a.jpg', '__MACOSX/a.jpg', '.DS_Store')
    write(tmp_path, 'Thumbs.db', '@eaDir/a.jpg', 'day/desktop.ini', '$RECYCLE.BIN/x.jpg')
    assert names_of(tmp_path) == (['a.jpg'], {})
    # But who names one means it.
    assert names_of(tmp_path, tmp_path / '.thumbnails')[0] == ['.thumbnails/a.jpg']


def test_links_are_followed_once(tmp_path):
    root = tmp_path / 'trip'
    write(tmp_path, 'trip/day1/a.jpg', 'day2/b.jpg')
    (root / 'day2').symlink_to(tmp_path / 'day2')
    (root / 'again').symlink_to(tmp_path / 'day2')
    (root / 'day1/loop').symlink_to(root)
    (root / 'copy.jpg').symlink_to('day1/a.jpg')
    (root / 'gone.jpg').symlink_to('nothing.jpg')
    (root / 'gone').symlink_to('nothing')
    names, left_out = names_of(root)
    # A picture that is not there has its row, which says so.
    assert names == ['again/b.jpg', 'day1/a.jpg', 'gone.jpg']
    assert left_out == {'links to nothing': 1}
    assert names_of(root, f'{root}/**/*.jpg')[0] == names


def test_a_pattern_stands_for_what_fits_it_unless_a_file_has_that_name(tmp_path):
    write(tmp_path, 'a.png', 'b.png', 'inner/c.png', 'inner/deep/d.png', '[a].png', '.e.png')

    def fitting(pattern):
        return names_of(tmp_path, f'{tmp_path}/{pattern}')[0]

    assert fitting('**/?.png') == ['a.png', 'b.png', 'inner/c.png', 'inner/deep/d.png']
    assert fitting('inn*') == ['inner/c.png', 'inner/deep/d.png']
    assert fitting('inner/**') == ['inner/c.png', 'inner/deep/d.png']
    assert fitting('*/**/d.png') == ['inner/deep/d.png']
    assert fitting('[a].png') == ['[a].png'] and fitting('*.png') == ['[a].png', 'a.png', 'b.png']
    with pytest.raises(MissingFileError, match='patterns'):
        fitting('*.jpg')


def test_a_folder_without_pictures_says_what_is_in_it(tmp_path):
    write(tmp_path, 'a.txt', data=b'text')
    with pytest.raises(MissingFileError, match='no picture and no video. Left out.*: 1 .txt'):
        folders.find_sources([str(tmp_path)])


def test_names_of_any_bytes_are_found(tmp_path):
    names = ['caf\udce9.png', 'new\nline.png', '\U0001f600.png', 'x' * 251 + '.png', '*.png']
    write(tmp_path, *names)
    assert sorted(names_of(tmp_path)[0]) == sorted(names)
    assert names_of(tmp_path, f'{tmp_path}/caf?.png')[0] == ['caf\udce9.png']
