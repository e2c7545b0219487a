"""How the proposal network of `single_shot` is taught."""

import cv2
import numpy as np
import pytest

from experiments import single_shot as teaching
from experiments import single_shot_pictures as pictures
from tests.fakes import class_image, portraits
from tfds_builders import single_shot
from tfds_builders.onnx_runtime import open_session


def test_the_weights_that_are_written_are_the_network_that_was_trained():
    network = teaching.build_network(single_shot.CANVAS_PX)
    for layer in network.layers:  # As if it had seen something.
        if layer.name.endswith('_norm'):
            layer.moving_mean.assign(np.linspace(-0.1, 0.1, layer.moving_mean.shape[0]))
            layer.moving_variance.assign(np.linspace(0.5, 2, layer.moving_variance.shape[0]))
    weights = teaching.fold(network)
    assert weights.keys() == single_shot.read_weights().keys()
    exact = {name: value.astype(np.float32) for name, value in weights.items()}
    image = np.random.default_rng(0).integers(0, 256, (single_shot.CANVAS_PX,) * 2 + (3,))
    network_file = single_shot.write_network(exact)
    found = open_session(network_file).run(None, {'image': image.astype(np.uint8)})
    for own, expected in zip(found, network(image[None], training=False), strict=True):
        np.testing.assert_allclose(own, expected[0], atol=0.02)  # Of float16.


def test_the_cells_around_the_middle_of_a_face_propose_it():
    # By hand: 80 px around (100, 60) is for the cells of 16 px, whose middles are 8, 24, ..., 88,
    # 104, ...; nearer than 0.18 * 80 = 14.4 px are 88 and 104 across, and 56 and 72 down.
    boxes = np.array([[[60, 20, 140, 100], [-1e6] * 4]], np.float32)
    levels = zip(single_shot.STRIDES_PX, teaching.SIDES_PX, strict=True)
    fine, middle, coarse = (
        [np.asarray(one)[0] for one in teaching.targets_of(boxes, *level)] for level in levels
    )
    across = pictures.TAUGHT_PX // 16
    places = np.argwhere(middle[0].reshape(across, across) == 1)
    assert places.tolist() == [[3, 5], [3, 6], [4, 5], [4, 6]]
    assert not (fine[0] == 1).any() and not (coarse[0] == 1).any()
    assert (fine[0] == -1).any() and fine[0][0] == 0
    cell = 3 * across + 5
    right, down, size = middle[2][cell]
    assert middle[1][cell] == 1
    np.testing.assert_allclose((right, down), ((100 - 88) / 16, (60 - 56) / 16))
    np.testing.assert_allclose(np.exp(size) * single_shot.CELL_SIDES * 16, 80, rtol=1e-5)


def test_a_mirrored_picture_has_its_faces_on_the_other_side(tmp_path):
    # A white square on black, and where it is, in as many pictures as a batch has.
    image = np.zeros((pictures.TAUGHT_PX, pictures.TAUGHT_PX, 3), np.uint8)
    image[100:140, 20:60] = 255
    file = cv2.imencode('.jpg', image)[1].ravel()
    boxes = np.full((teaching.BATCH, 2, 4), pictures.NOWHERE, np.float32)
    boxes[:, 0] = 20, 100, 60, 140
    ends = len(file) * np.arange(1, teaching.BATCH + 1)
    images = np.tile(file, teaching.BATCH)
    np.savez(tmp_path / 'pictures-000.npz', images=images, ends=ends, boxes=boxes)
    (batch,) = teaching.Pictures(str(tmp_path), seed=0)
    sides = set()
    for picture, (left, top, right, bottom) in zip(
        batch[0], batch[1][:, 0].astype(int), strict=True
    ):
        assert picture[top + 4 : bottom - 4, left + 4 : right - 4].min() > 200
        sides.add(left)
    assert sides == {20, pictures.TAUGHT_PX - 60}
    assert (np.abs(batch[1][:, 1]) > 1e5).all()


@pytest.mark.slow
def test_it_learns_from_pictures_that_are_composed(tmp_path, monkeypatch):
    for name, photos in (
        ('osie', portraits(2)),
        ('fer2013', [class_image(3, i, 48) for i in range(3)]),
    ):
        (tmp_path / name).mkdir()
        for number, photo in enumerate(photos):
            cv2.imwrite(str(tmp_path / name / f'{number}.png'), photo[..., ::-1])
    given = {name: str(tmp_path / name) for name in ('osie', 'fer2013')}
    monkeypatch.setattr(pictures, 'DRAWN_PEOPLE', 2)
    for number in (0, 0, 1):  # The same number makes the same pictures.
        pictures.write_shard(number, **given, output=str(tmp_path), count=20)
    shards = sorted(tmp_path.glob('*.npz'))
    assert [shard.name for shard in shards] == ['pictures-000.npz', 'pictures-001.npz']
    for shard in shards:
        with np.load(shard) as file:
            assert len(file['ends']) == len(file['boxes']) == 20
            assert file['ends'][-1] == len(file['images'])
    teaching.train(str(tmp_path), epochs=1, seed=0, output=str(tmp_path / 'weights.npz'))
    with np.load(tmp_path / 'weights.npz') as file:
        assert set(file.files) == set(single_shot.read_weights())
        assert all(np.isfinite(file[name]).all() for name in file.files)
