"""Saliency models by name: shapes, ranges, saving, and what each of them must mark."""

import keras
import numpy as np
import pytest

from fer_keras.models import saliency
from fer_keras.models.mlnet_light import build_mlnet_light, light_input_size
from fer_keras.models.saliency import SALIENCY_KINDS, build_saliency_model
from fer_keras.models.saliency_layers import (
    CenterGaussian,
    DivideByMaximum,
    ExpOfLogits,
    ResizeMap,
)

CHEAP_KINDS = ('center', 'spectral_residual', 'mlnet_light', 'shuffled')


def random_images(count=2, size=(96, 96)):
    return np.random.default_rng(0).uniform(0, 255, (count, *size, 3)).astype('float32')


@pytest.mark.parametrize('kind', CHEAP_KINDS)
def test_a_map_has_the_size_of_its_image_and_a_maximum_of_one(kind):
    maps = build_saliency_model(kind, image_size_px=(64, 96)).predict(
        random_images(size=(64, 96)), verbose=0
    )
    assert maps.shape == (2, 64, 96, 1)
    assert maps.dtype == np.float32
    assert maps.min() >= 0
    np.testing.assert_allclose(maps.max(axis=(1, 2, 3)), 1, rtol=1e-5)


@pytest.mark.parametrize(
    'kind', [*CHEAP_KINDS[:-1], pytest.param('shuffled', marks=pytest.mark.slow)]
)
def test_saved_and_loaded_models_agree(kind, tmp_path):
    model = build_saliency_model(kind, image_size_px=64)
    model.save(tmp_path / 'model.keras')
    loaded = keras.models.load_model(tmp_path / 'model.keras')
    images = random_images(size=(64, 64))
    np.testing.assert_array_equal(
        loaded.predict(images, verbose=0), model.predict(images, verbose=0)
    )


def test_a_map_does_not_depend_on_the_rest_of_the_batch():
    model = build_saliency_model('mlnet_light', image_size_px=96)
    images = random_images(3)
    together = model.predict(images, verbose=0)
    np.testing.assert_allclose(model.predict(images[1:2], verbose=0), together[1:2], atol=1e-5)


@pytest.mark.slow
def test_shuffled_maps_are_those_of_other_images():
    images = random_images(3)
    own = build_saliency_model('mlnet_light', image_size_px=96).predict(images, verbose=0)
    shuffled = build_saliency_model('shuffled', image_size_px=96).predict(images, verbose=0)
    np.testing.assert_allclose(shuffled, own[[2, 0, 1]], atol=1e-5)
    assert np.abs(own[0] - own[1]).max() > 0.01


def test_half_precision_leaves_maps_in_float32():
    keras.config.set_dtype_policy('mixed_bfloat16')
    try:
        model = build_saliency_model('mlnet_light', image_size_px=64)
    finally:
        keras.config.set_dtype_policy('float32')
    maps = model.predict(random_images(size=(64, 64)), verbose=0)
    assert maps.dtype == np.float32
    assert np.isfinite(maps).all()


def test_the_centre_is_worked_by_hand():
    # pixel centres 1/6, 1/2, 5/6; sigma 1/3: one sigma from the centre on either side
    bump = CenterGaussian(sigma=1 / 3)(np.zeros((1, 3, 3, 3), 'float32'))[0, :, :, 0]
    edge = np.exp(-0.5)
    np.testing.assert_allclose(
        bump, [[edge**2, edge, edge**2], [edge, 1, edge], [edge**2, edge, edge**2]], rtol=1e-5
    )


def test_a_sigma_of_zero_is_refused():
    with pytest.raises(ValueError, match='must be positive'):
        CenterGaussian(sigma=0)


def test_spectral_residual_marks_the_odd_one_out():
    image = random_images(1, (64, 64)) / 5
    image[:, 38:44, 18:24] = 255
    saliency_map = build_saliency_model('spectral_residual', image_size_px=64)(image)[0, :, :, 0]
    row, column = np.unravel_index(np.argmax(saliency_map), (64, 64))
    assert 34 <= row <= 47
    assert 14 <= column <= 27


def test_spectral_residual_follows_numpy():
    image = random_images(1, (64, 64))
    grey = image[0] @ np.array([0.299, 0.587, 0.114]) / 255
    spectrum = np.fft.fft2(grey)
    log_amplitude = np.log(np.abs(spectrum) + 1e-7)
    padded = np.pad(log_amplitude, 1, mode='edge')
    mean = sum(padded[i : i + 64, j : j + 64] for i in range(3) for j in range(3)) / 9
    energy = np.abs(np.fft.ifft2(np.exp(log_amplitude - mean + 1j * np.angle(spectrum)))) ** 2
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 2.5) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        energy = np.apply_along_axis(np.convolve, axis, energy, taps, 'same')
    saliency_map = build_saliency_model('spectral_residual', image_size_px=64)(image)[0, :, :, 0]
    np.testing.assert_allclose(saliency_map, energy / energy.max(), atol=1e-4)


def test_an_all_zero_map_stays_zero():
    zeros = np.zeros((1, 2, 2, 1), 'float32')
    np.testing.assert_array_equal(DivideByMaximum()(zeros), zeros)


def test_equal_logits_are_equally_salient():
    np.testing.assert_array_equal(ExpOfLogits()(np.full((1, 2, 2, 1), -7.0)), 1)
    halved = ExpOfLogits()(np.log([[[[2.0], [1.0]]]]))
    np.testing.assert_allclose(np.ravel(halved), [1, 0.5], rtol=1e-6)


def test_the_light_model_is_small_enough_to_ship():
    path = saliency.WEIGHTS_FOLDER / SALIENCY_KINDS['mlnet_light'].shipped_weights
    assert path.stat().st_size <= 4 * 2**20


def test_the_shipped_weights_are_loaded_and_frozen(tmp_path):
    model = build_saliency_model('mlnet_light', image_size_px=64)
    untrained = str(tmp_path / 'untrained.weights.h5')
    build_mlnet_light((64, 64)).save_weights(untrained)
    other = build_saliency_model('mlnet_light', image_size_px=64, weights=untrained)
    assert not model.trainable_weights
    image = random_images(1, (64, 64))
    assert np.abs(model(image) - other(image)).max() > 0.1


@pytest.mark.parametrize(
    'size, read_at', [((224, 224), (160, 160)), ((480, 640), (288, 384)), ((40, 40), (64, 64))]
)
def test_the_light_model_reads_fewer_pixels_than_it_is_given(size, read_at):
    assert light_input_size(size) == read_at


def test_a_size_that_the_strides_do_not_divide_is_refused():
    with pytest.raises(ValueError, match='multiple of 32'):
        build_mlnet_light((100, 96))


def test_an_unknown_kind_lists_the_known_ones():
    with pytest.raises(ValueError, match='center.*spectral_residual'):
        build_saliency_model('deepgaze', image_size_px=64)


def test_weights_for_a_kind_without_weights_are_refused():
    with pytest.raises(ValueError, match='has no weights'):
        build_saliency_model('center', image_size_px=64, weights='x.weights.h5')


def test_missing_weights_say_what_to_type():
    with pytest.raises(FileNotFoundError, match='mlnet_weights'):
        build_saliency_model('mlnet', image_size_px=64)
    with pytest.raises(FileNotFoundError, match='train_saliency'):
        build_saliency_model('mlnet_light', image_size_px=64, weights='/none.weights.h5')


def test_an_image_without_pixels_is_refused():
    with pytest.raises(ValueError, match='must be positive'):
        build_saliency_model('center', image_size_px=0)


def test_any_saved_model_can_be_the_saliency(tmp_path):
    model = build_saliency_model('center', image_size_px=32)
    model.export(tmp_path / 'center', verbose=False)
    loaded = build_saliency_model(f'saved_model:{tmp_path / "center"}', image_size_px=32)
    images = random_images(size=(32, 32))
    np.testing.assert_allclose(loaded(images), model(images), rtol=1e-6)


def test_a_saved_model_out_of_range_is_refused(tmp_path):
    image = keras.Input((32, 32, 3), name='image')
    keras.Model(image, image[..., :1]).export(tmp_path / 'raw', verbose=False)
    with pytest.raises(ValueError, match='in \\[0, 1\\]'):
        build_saliency_model(f'saved_model:{tmp_path / "raw"}', image_size_px=32)


def test_a_missing_saved_model_is_named():
    with pytest.raises(FileNotFoundError, match='saved_model.pb'):
        build_saliency_model('saved_model:/nowhere', image_size_px=32)


@pytest.mark.parametrize('size', [(64, 64), (30, 20), (120, 48)])
def test_averaging_while_shrinking_is_that_of_the_library(size):
    images = np.random.default_rng(0).uniform(0, 255, (2, 96, 131, 3)).astype(np.float32)
    options = {'interpolation': 'bilinear', 'antialias': True, 'data_format': 'channels_last'}
    expected = keras.ops.image.resize(images, size, **options)
    np.testing.assert_allclose(ResizeMap(size, antialias=True)(images), expected, atol=0.01)
