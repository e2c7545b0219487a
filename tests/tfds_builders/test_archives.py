"""Wrong, mixed and damaged archives: what is refused, and what the message says."""

import cv2
import numpy as np
import pytest
from etils import epath

from tfds_builders import archives, build
from tfds_builders.cfee.cfee_dataset_builder import find_scheme


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')
    return epath.Path(root)


def test_the_release_without_its_photo_numbers_is_not_taken_for_the_relabelled_copy(tmp_path):
    # 04 would be read as fearful; in the release it has no label.
    with pytest.raises(ValueError, match='whose codes mean something else.*Restore the names'):
        find_scheme(touch(tmp_path, '01_109.jpg', '04_109.jpg', '26_109.jpg'))
    with pytest.raises(ValueError, match='people 001 to 230.*01_393.jpg'):
        find_scheme(touch(tmp_path / 'people', '01_393.jpg'))


@pytest.mark.parametrize(
    ('name', 'file_name'),
    [
        ('cfee', '01-04/Images1/01_109_1.jpg'),
        ('rafd', 'Rafd090_01_Caucasian_female_angry_frontal.jpg'),
        ('kdef', 'AF01/AF01ANS.JPG'),
        ('jaffe', 'KA.AN1.39.tiff'),
        ('ck_plus', 'cohn-kanade-images/S005/001/S005_001_00000011.png'),
        ('raf_db', 'basic/Image/aligned/train_00001_aligned.jpg'),
        ('affectnet', 'Manually_Annotated_file_lists/training.csv'),
        ('fer_plus', 'fer2013new.csv'),
        ('expw', 'data/label/label.lst'),
        ('sfew', 'Train/Train_Aligned_Faces/Happy/Airheads_000519240_00000005.png'),
        ('caer_s', 'train/Anger/0001.png'),
        ('fer2013', 'fer2013.csv'),
        ('expression_folders', 'Happiness/1.png'),
    ],
)
def test_a_wrong_archive_is_recognised_and_the_right_command_named(name, file_name, tmp_path):
    message = archives.guess_set(touch(tmp_path, file_name))
    assert f'{name}.' in message
    assert f'python -m tfds_builders.build {name}={tmp_path}' in message


def test_an_archive_that_is_still_packed_is_named_with_what_to_do(tmp_path, capsys):
    touch(tmp_path, 'cfee/CFEE.zip', 'cfee/readme.txt')
    assert build.main(['cfee', f'--manual_dir={tmp_path}', f'--data_dir={tmp_path}/data']) == 1
    told = capsys.readouterr().err
    assert 'Still packed: CFEE.zip. Unpack it where it is' in told and 'too high' not in told


def test_no_advice_repeats_the_command_that_failed(tmp_path):
    folder = touch(tmp_path, 'Rafd090_01_Caucasian_female_angry_frontal.jpg')
    assert 'rafd=' in archives.guess_set(folder)
    assert 'rafd=' not in archives.guess_set(folder, 'rafd')


def test_what_macos_adds_is_no_part_of_an_archive(tmp_path):
    folder = touch(tmp_path, 'happy/1.jpg', 'happy/._1.jpg', '.DS_Store', '__MACOSX/happy/1.jpg')
    assert [path.name for path in archives.list_files(folder)] == ['1.jpg']


def test_a_pattern_that_is_none_is_an_error_without_a_traceback(tmp_path, capsys):
    touch(tmp_path, 'happy/1.jpg')
    for pattern in ('(?P<', r'\w+'):
        arguments = [f'expression_folders={tmp_path}', f'--subject_pattern={pattern}']
        assert build.main([*arguments, f'--data_dir={tmp_path / "data"}']) == 1
        assert 'a regular expression with a group `subject`' in capsys.readouterr().err


def test_another_pattern_does_not_silently_reuse_prepared_data(tmp_path, capsys):
    (tmp_path / 'photos/happy').mkdir(parents=True)
    for name in ('a_1', 'b_2'):
        cv2.imwrite(str(tmp_path / f'photos/happy/{name}.png'), np.zeros((8, 8, 3), np.uint8))
    arguments = [f'expression_folders={tmp_path / "photos"}', '--config=originals']
    arguments.append(f'--data_dir={tmp_path / "data"}')
    assert build.main(arguments) == 0
    assert build.main([*arguments, r'--subject_pattern=._(?P<subject>\d)']) == 1
    assert 'another --data_dir' in capsys.readouterr().err
