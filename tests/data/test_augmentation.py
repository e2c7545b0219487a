import numpy as np
import pytest
import tensorflow as tf

from fer_keras.data import augmentation
from tests.fakes import class_image

IMAGE = tf.cast(class_image(2, seed=0), tf.float32)
STEPS = {
    'flip': augmentation.flip,
    'warp': lambda image, seed: augmentation.warp(
        image, seed, rotation_deg=15, zoom=0.2, shift=0.1, shear=0.1
    ),
    'adjust_light': lambda image, seed: augmentation.adjust_light(
        image, seed, gain=0.5, contrast=0.5, gamma=0.5
    ),
    'adjust_color': lambda image, seed: augmentation.adjust_color(
        image, seed, saturation=0.5, cast=0.2
    ),
    'relight': lambda image, seed: augmentation.relight(image, seed, strength=0.5),
    'blur': lambda image, seed: augmentation.blur(image, seed, largest=4.0),
    'add_noise': lambda image, seed: augmentation.add_noise(image, seed, largest=10.0),
    'erase': lambda image, seed: augmentation.erase(image, seed, largest=0.5),
}


def seed(number: int) -> tf.Tensor:
    return tf.constant([number, 7], tf.int64)


@pytest.mark.parametrize('name', STEPS)
def test_the_same_seed_gives_the_same_image(name):
    np.testing.assert_array_equal(STEPS[name](IMAGE, seed(3)), STEPS[name](IMAGE, seed(3)))


@pytest.mark.parametrize('name', STEPS)
def test_every_step_changes_some_image_and_keeps_shape_and_range(name):
    results = [STEPS[name](IMAGE, seed(number)) for number in range(8)]
    assert any(np.any(result != IMAGE) for result in results)
    for result in results:
        assert result.shape == IMAGE.shape and result.dtype == tf.float32
        assert np.min(result) >= 0 and np.max(result) <= 255


def test_flip_mirrors_about_half_of_the_images():
    mirrored = [np.all(augmentation.flip(IMAGE, seed(n)) == IMAGE[:, ::-1]) for n in range(200)]
    assert 70 < sum(mirrored) < 130


def test_a_warp_of_nothing_is_the_image():
    still = augmentation.warp(IMAGE, seed(0), rotation_deg=0, zoom=0, shift=0)
    np.testing.assert_allclose(still, IMAGE, atol=1e-3)


def test_a_rotation_keeps_the_centre():
    image = tf.scatter_nd([[24, 24, 0]], [255.0], [49, 49, 3])
    turned = augmentation.warp(image, seed(1), rotation_deg=45, zoom=0, shift=0)
    assert float(turned[24, 24, 0]) == pytest.approx(255, abs=1)


def test_an_erased_rectangle_has_the_mean_of_the_image():
    erased = augmentation.erase(IMAGE, seed(5), largest=0.5).numpy()
    changed = np.any(erased != IMAGE, axis=-1)
    np.testing.assert_allclose(
        erased[changed],
        np.broadcast_to(np.mean(IMAGE, axis=(0, 1)), erased[changed].shape),
        rtol=1e-4,
    )


def test_strong_augmentation_runs_in_a_graph():
    augment = tf.function(augmentation.AUGMENTATIONS['strong'])
    assert augment(IMAGE, seed(0)).shape == IMAGE.shape


@pytest.mark.parametrize('name', ['light', 'strong'])
def test_a_map_in_the_fourth_channel_moves_with_its_image_and_keeps_its_values(name):
    mark = tf.scatter_nd([[12, 30]], [255.0], [48, 48])
    image = tf.stack([mark, mark, mark, mark], axis=-1)
    augmented = augmentation.AUGMENTATIONS[name](image, seed(2)).numpy()
    where = np.unravel_index(np.argmax(augmented[..., 3]), (48, 48))
    assert where != (12, 30) and augmented[..., 3].max() <= 255
    # Noise and light change the picture only: most of the map is still exactly zero.
    assert np.mean(augmented[..., 3] == 0) > 0.98
