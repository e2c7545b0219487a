import keras
import numpy as np

from fer_keras.models.gradients import NormalizedGradients
from tests.fakes import random_images

IMAGES = random_images(2, 48).astype('float32')


def gradients(images):
    return keras.ops.convert_to_numpy(NormalizedGradients()(images))


def test_a_flat_image_has_no_gradients():
    flat = gradients(np.full((1, 48, 48, 3), 90, 'float32'))
    np.testing.assert_allclose(flat[..., :2], 127.5, atol=1e-3)
    assert flat[..., 2].max() < 1


def test_an_upright_edge_is_across_and_has_the_sign_of_its_brighter_side():
    image = np.zeros((1, 48, 48, 3), 'float32')
    image[:, :, 24:] = 200
    across, down, magnitude = np.moveaxis(gradients(image)[0], -1, 0)
    assert across[24, 24] > 200 and magnitude[24, 24] > 200
    np.testing.assert_allclose(down, 127.5, atol=1e-3)
    np.testing.assert_allclose(across[24, :20], 127.5, atol=1e-3)
    # A mirrored image has its gradients across mirrored about 127.5.
    mirrored = gradients(image[:, :, ::-1])[0, :, ::-1, 0]
    np.testing.assert_allclose(mirrored, 255 - across, atol=1e-2)


def test_one_step_by_hand():
    # sqrt(luma + 1) is 1 on the left and 3 on the right.
    image = np.zeros((1, 48, 48, 3), 'float32')
    image[:, :, 24:] = 8
    layer = NormalizedGradients()
    across = keras.ops.convert_to_numpy(layer(image))[0, 24, :, 0]
    sigma = 48 / 24
    taps = np.exp(-0.5 * (np.arange(-6, 7) / sigma) ** 2)
    taps /= taps.sum()
    # The difference over two pixels is 2 in the columns 23 and 24.
    around = 4 * (taps[6] + taps[7])
    np.testing.assert_allclose(across[23], 127.5 + 63.75 * 2 / np.sqrt(around + 0.05), rtol=1e-4)


def test_the_light_on_a_face_hardly_matters():
    face = np.broadcast_to(
        120 + 80 * np.sin(np.arange(48) / 3)[None, None, :, None], (1, 48, 48, 3)
    ).astype('float32')
    ramp = np.linspace(0.3, 1, 48, dtype='float32')[None, :, None, None]
    pixels = np.abs(face * ramp - face).mean() / 127.5
    edges = np.abs(gradients(face * ramp) - gradients(face)).mean() / 127.5
    assert edges < pixels / 3


def test_a_saved_layer_gives_equal_output(tmp_path):
    image = keras.Input((48, 48, 3))
    model = keras.Model(image, NormalizedGradients()(image))
    model.save(tmp_path / 'model.keras')
    again = keras.models.load_model(tmp_path / 'model.keras')
    np.testing.assert_array_equal(
        again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )
