"""The choice of a detector: names, files that are none, YuNet's rules, and data sets of it."""

import concurrent.futures
import json

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from onnx import TensorProto, helper

from tests.tiny_yunet import LANDMARKS, write_network, write_tiny_yunet
from tfds_builders import build, detectors, faces, yunet
from tfds_builders.errors import InvalidArchiveError, InvalidDetectorError, MissingDetectorError
from tfds_builders.how import How

RED, YELLOW = (255, 0, 0), (255, 255, 0)


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    return write_tiny_yunet(tmp_path_factory.mktemp('yunet') / 'tiny.onnx')


@pytest.fixture(scope='module')
def tiny(file):
    return detectors.choose(file)


def photo_of(*squares, size=(320, 320), grey=90):
    """A photo with squares of 32 px, each at a column and row of cells, of a colour."""
    photo = np.full((*size, 3), grey, np.uint8)
    for column, row, colour in squares:
        photo[32 * row : 32 * row + 32, 32 * column : 32 * column + 32] = colour
    return photo


def test_a_face_lies_where_the_network_says_and_its_left_eye_at_the_left(tiny):
    photo = photo_of((3, 2, RED))
    ((face,),) = tiny.find_all_faces([photo])
    np.testing.assert_allclose(face.box, (96, 64, 128, 96), atol=0.1)
    expected = 32 * np.array(LANDMARKS) + (96, 64)
    np.testing.assert_allclose(face.landmarks, expected, atol=0.1)
    assert faces.LANDMARK_NAMES[0] == 'left_eye' and face.landmarks[0, 0] < face.landmarks[1, 0]
    assert face.confidence == pytest.approx(1, abs=0.01)
    assert faces.crop_face(photo, face).shape == (256, 256, 3)


def test_the_network_sees_blue_first_as_opencv_gives_it(tiny):
    assert tiny.find_all_faces([photo_of((3, 2, (0, 0, 255)))]) == [[]]


def test_the_largest_face_comes_first_and_boxes_stay_inside(tiny):
    photo = photo_of((3, 2, RED), (9, 9, YELLOW))
    large, small = tiny.find_all_faces([photo])[0]
    np.testing.assert_allclose(large.box, (272, 272, 320, 320), atol=0.5)  # Of 272 to 336.
    assert large.area > small.area and tiny.find_faces([photo])[0].box == large.box


def test_positions_are_those_of_the_photo_however_it_was_reduced(tiny):
    photo = cv2.resize(photo_of((4, 2, RED), size=(320, 640)), (1280, 640))
    ((face,),) = tiny.find_all_faces([photo])
    np.testing.assert_allclose(face.box, (256, 128, 320, 192), atol=3)
    assert face.landmarks[2] == pytest.approx((288, 160), abs=3)


def test_without_small_faces_a_photo_is_seen_at_half_the_side(tiny, monkeypatch):
    seen, resize = [], cv2.resize
    monkeypatch.setattr(
        cv2, 'resize', lambda image, size, **how: seen.append(size) or resize(image, size, **how)
    )
    photo = photo_of(*((x, y, RED) for x in (4, 5) for y in (2, 3)), size=(640, 640))
    assert len(tiny.find_all_faces([photo])[0]) == 4 and seen == [(640, 640)]
    assert len(tiny.find_all_faces([photo], small_faces=False)[0]) == 1
    assert seen[1:] == [(320, 320)]
    del seen[:]
    tiny.find_all_faces([photo_of(size=(500, 1000)), photo_of(size=(40, 80))])
    # Where nobody is found, faces that fill the picture are looked for.
    assert seen == [(640, 320), (320, 160), (160, 80), (160, 80)]


@pytest.mark.parametrize('size', [(1, 1), (1, 3000), (3000, 1), (33, 65)])
def test_photos_of_any_shape_are_searched(tiny, size):
    assert tiny.find_all_faces([np.full((*size, 3), 90, np.uint8)]) == [[]]


@pytest.mark.parametrize('text', ['', 'yunet', 'yunet:', 'mtcnn:a.onnx', 'own', 'retina:a.onnx'])
def test_an_unknown_detector_lists_those_that_there_are(text):
    with pytest.raises(
        InvalidDetectorError, match='must be `mtcnn`, `single_shot` or `yunet:FILE`'
    ) as raised:
        detectors.choose(text)
    assert repr(text) in str(raised.value)


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    with pytest.raises(MissingDetectorError, match=f'{tmp_path}/a.onnx does not exist'):
        detectors.choose('yunet:~/a.onnx')
    with pytest.raises(InvalidDetectorError, match='Is a directory'):
        detectors.choose(f'yunet:{tmp_path}')


@pytest.mark.parametrize('content', [b'', b'PNG' * 99])
def test_a_file_that_is_no_network_is_refused(content, tmp_path):
    (tmp_path / 'a.onnx').write_bytes(content)
    with pytest.raises(InvalidDetectorError, match='what OpenCV cannot read as one'):
        detectors.choose(f'yunet:{tmp_path}/a.onnx')


def test_another_network_is_refused_by_its_outputs(tmp_path):
    shape = [1, 3, 'height', 'width']
    output = helper.make_tensor_value_info('boxes', TensorProto.FLOAT, shape)
    nodes = [helper.make_node('Relu', ['input'], ['boxes'])]
    write_network(tmp_path / 'a.onnx', nodes, [output], [])
    with pytest.raises(InvalidDetectorError, match='a network with the outputs boxes'):
        detectors.choose(f'yunet:{tmp_path}/a.onnx')


def test_a_network_whose_outputs_have_other_sizes_is_refused(tmp_path):
    outputs, nodes = [], []
    for name in sorted(yunet.OUTPUTS):
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]))
        nodes.append(helper.make_node('Relu', ['input'], [name]))
    write_network(tmp_path / 'a.onnx', nodes, outputs, [])
    with pytest.raises(InvalidDetectorError, match='an output bbox_16 of 76800 numbers'):
        detectors.choose(f'yunet:{tmp_path}/a.onnx')


def test_a_process_that_sees_another_file_says_so(tmp_path):
    path = tmp_path / 'a.onnx'
    chosen = detectors.choose(write_tiny_yunet(path))
    write_tiny_yunet(path, red=0)
    detectors._free.clear()  # As in another process.
    with pytest.raises(InvalidDetectorError, match='must be the file that was chosen'):
        chosen.find_faces([photo_of()])


def test_threads_search_at_once(tiny):
    photos = [photo_of((3, 2, RED), size=(320, 64 + 64 * n)) for n in range(1, 9)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda photo: tiny.find_faces([photo])[0], photos * 4))
    assert all(face.box == pytest.approx((96, 64, 128, 96), abs=0.5) for face in found)


# --- Data sets ---


@pytest.fixture(scope='module')
def archive(tmp_path_factory):
    """Photos of thirty people with a red square for a face, and of some without."""
    folder = tmp_path_factory.mktemp('archive')
    for person in range(30):
        squares = [(1 + person % 5, 2, RED)] if person % 7 else []
        for shade, label in enumerate(('happy', 'sad')):
            path = folder / f'{label}/{person:03d}_1.png'
            path.parent.mkdir(exist_ok=True)
            photo = photo_of(*squares, size=(160, 224), grey=2 * person + shade)
            cv2.imwrite(str(path), photo[..., ::-1])
    return folder


def build_with(detector, archive, data_dir, config=None, **how):
    (chosen,) = build.configs_of('expression_folders', config and [config], detector)
    return build.prepare('expression_folders', chosen, archive, data_dir, how=How(**how))[0]


@pytest.fixture(scope='module')
def built(tiny, archive, tmp_path_factory):
    return build_with(tiny, archive, tmp_path_factory.mktemp('data'))


def read(builder):
    rows = {}
    for split in builder.info.splits:
        for row in tfds.as_numpy(builder.as_dataset(split=split)):
            rows[row['file_name'].decode()] = row
    return rows


def test_crops_of_another_detector_lie_in_a_folder_of_their_own_and_say_so(built, tiny):
    assert built.info.full_name == 'expression_folders/faces_yunet/1.1.0'
    metadata = json.loads((built.data_path / 'metadata.json').read_text())
    assert metadata['detector'] == {'name': 'yunet', 'sha256': tiny.sha256}
    assert detectors.of_metadata(built.info.metadata) == tiny.identity
    rows = read(built)
    assert [rows[f'happy/{n:03d}_1.png']['detected'] for n in (0, 1, 7, 8)] == [False, True] * 2
    box = rows['happy/008_1.png']['box'] * (160, 224, 160, 224)
    np.testing.assert_allclose(box, (64, 128, 96, 160), atol=0.5)
    # The face of `mtcnn` would be in the middle of the crop, too, but these have nobody in them.
    assert rows['happy/008_1.png']['image'][128, 128].tolist() == list(RED)


def test_the_same_people_are_in_the_same_splits_whatever_found_their_faces(
    built, archive, tmp_path, monkeypatch
):
    monkeypatch.setattr(faces, 'find_faces', lambda images: [None] * len(images))
    other = build_with(detectors.MTCNN, archive, tmp_path)
    assert other.info.metadata['detector'] == {'name': 'mtcnn'}
    assert other.info.metadata['split_hash'] == built.info.metadata['split_hash']
    assert other.info.metadata['content_hash'] != built.info.metadata['content_hash']


def test_processes_find_what_one_finds(built, tiny, archive, tmp_path):
    several = build_with(tiny, archive, tmp_path, workers=2)
    paths = [one.data_path / 'metadata.json' for one in (built, several)]
    assert paths[0].read_text() == paths[1].read_text()


@pytest.mark.slow
def test_beam_finds_what_one_process_finds(built, tiny, archive, tmp_path):
    on_beam = build_with(tiny, archive, tmp_path, beam='runner=DirectRunner')
    paths = [one.data_path / 'metadata.json' for one in (built, on_beam)]
    assert paths[0].read_text() == paths[1].read_text()


def test_a_file_that_is_lost_meanwhile_ends_the_build(archive, tmp_path):
    file = tmp_path / 'a.onnx'
    chosen = detectors.choose(write_tiny_yunet(file, red=0.999))
    file.unlink()
    detectors._free.clear()
    with pytest.raises(MissingDetectorError, match='does not exist'):
        build_with(chosen, archive, tmp_path / 'data')


def test_two_files_never_share_a_folder(built, archive, tmp_path):
    other = detectors.choose(write_tiny_yunet(tmp_path / 'other.onnx', red=0))
    data_dir = built.data_path.parents[2]
    with pytest.raises(InvalidArchiveError, match='has faces that yunet .* found. Received') as e:
        build_with(other, archive, data_dir)
    assert other.sha256[:12] in str(e.value)


def test_the_end_of_a_name_says_that_people_are_in_every_split(tiny):
    (config,) = build.configs_of('cfee', ['basic_faces_leaky_image_split'], tiny)
    assert config.name == 'basic_faces_yunet_leaky_image_split' and config.splits_images


def test_only_configs_of_crops_have_a_detector(tiny):
    assert [config.name for config in build.configs_of('cfee', ['all'], tiny)] == [
        *('basic_faces_yunet', 'all_faces_yunet', 'basic_faces_yunet_leaky_image_split'),
    ]
    for name, config in (('fer2013', None), ('salicon', None), ('cfee', ['basic_originals'])):
        with pytest.raises(InvalidArchiveError):
            build.configs_of(name, config, tiny)
    with pytest.raises(InvalidArchiveError, match='With the faces of yunet: --detector=yunet:FILE'):
        build.configs_of('cfee', ['basic_faces_yunet'])


def test_the_command_builds_with_a_detector(file, archive, tmp_path, capsys):
    arguments = ['expression_folders', f'--manual_dir={archive}', f'--data_dir={tmp_path}']
    assert build.main([*arguments, f'--detector={file}']) == 0
    printed = capsys.readouterr().out
    assert 'faces_yunet' in printed and 'faces found by: yunet (SHA-256' in printed
    assert build.main([*arguments, '--detector=own']) == 2
    assert 'must be `mtcnn`, `single_shot` or `yunet:FILE`' in capsys.readouterr().err
