"""ML-Net as published: parameters, loss, prior, letterbox, and weights from Theano."""

import h5py
import keras
import numpy as np
import pytest
from scipy import signal

from fer_keras.models import mlnet, mlnet_weights
from fer_keras.models.mlnet import LearnedPrior, Letterbox, UndoLetterbox, build_mlnet
from fer_keras.models.mlnet_light import LogPrior


@pytest.fixture(scope='module')
def network():
    return build_mlnet((32, 48))


def test_parameters_are_those_of_the_published_model():
    assert build_mlnet().count_params() == 15_452_145


def test_everything_from_the_third_pooling_on_has_an_eighth_of_the_resolution():
    model = build_mlnet((96, 128))
    assert model.get_layer('block3_pool').output.shape[1:3] == (12, 16)
    assert model.get_layer('block4_pool').output.shape[1:3] == (12, 16)
    assert model.get_layer('multi_level_features').output.shape == (None, 12, 16, 1280)
    assert model.output_shape == (None, 12, 16, 1)


def test_the_loss_is_worked_by_hand():
    target = np.array([[[[1.0], [0.0]]]])
    predicted = np.array([[[[2.0], [1.0]]]])
    # (1 - 1)^2 / 0.1 and (0.5 - 0)^2 / 1.1, halved by the mean
    assert float(mlnet.mlnet_loss(target, predicted)) == pytest.approx(0.25 / 1.1 / 2)


def test_the_loss_weighs_an_error_where_people_look_eleven_times():
    at_fixation = mlnet.mlnet_loss(np.array([[[[1.0], [0.0]]]]), np.array([[[[0.0], [1e-20]]]]))
    assert float(at_fixation) == pytest.approx(1 / 0.1 / 2)


def test_the_loss_of_an_all_zero_map_is_finite():
    zeros = np.zeros((1, 2, 2, 1))
    assert np.isfinite(float(mlnet.mlnet_loss(zeros, zeros)))


def test_the_prior_starts_as_one_and_costs_nothing():
    prior = LearnedPrior()
    maps = np.random.default_rng(0).random((2, 60, 80, 1)).astype('float32')
    np.testing.assert_allclose(prior(maps), maps, rtol=1e-6)
    assert float(sum(prior.losses)) == 0


def test_the_prior_and_its_penalty_are_worked_by_hand():
    prior = LearnedPrior((1, 2))
    prior.build((None, 1, 4, 1))
    prior.grid.assign([[0.0, 2.0]])
    # ratio 2 puts the cells at points 0 and 2: 1 + W = 1, 2, 3, 3
    np.testing.assert_allclose(np.ravel(prior(np.ones((1, 1, 4, 1)))), [1, 2, 3, 3])
    assert float(sum(prior.losses)) == pytest.approx(4 / 2)


def test_interpolation_follows_theanos_transposed_convolution():
    ratio, cells = 10, np.random.default_rng(1).random(6)
    # Theano: one value repeated at either border, a triangle kernel, padding by its own rule
    spread = np.zeros((len(cells) + 2) * ratio)
    spread[::ratio] = np.concatenate([cells[:1], cells, cells[-1:]])
    triangle = np.concatenate([np.arange(1, ratio + 1), np.arange(ratio - 1, 0, -1)]) / ratio
    padding = 2 * ratio - (ratio - 1) // 2 - 1
    theanos = np.convolve(spread, triangle)[padding : padding + 60]
    np.testing.assert_allclose(mlnet.interpolation_matrix(6, 60) @ cells, theanos, rtol=1e-6)


@pytest.mark.parametrize('length', [7, 12, 28, 60])
def test_interpolation_of_a_constant_is_the_constant(length):
    np.testing.assert_allclose(mlnet.interpolation_matrix(6, length).sum(axis=1), 1, rtol=1e-6)


def test_a_letterbox_keeps_the_aspect_and_centres():
    boxed = np.asarray(Letterbox((4, 8))(np.full((1, 2, 2, 3), 9.0)))
    assert (boxed[0, :, 2:6] == 9).all()
    assert (boxed[0, :, :2] == 0).all()
    assert (boxed[0, :, 6:] == 0).all()


def test_undoing_the_letterbox_removes_exactly_the_bars():
    boxed = Letterbox((48, 64))(np.full((1, 20, 20, 1), 7.0))
    np.testing.assert_allclose(UndoLetterbox((48, 48))(boxed), 7)


def test_padding_becomes_minus_the_mean():
    boxed = Letterbox((4, 8))(np.zeros((1, 2, 2, 3)))
    np.testing.assert_allclose(
        mlnet.BgrMinusMean()(boxed)[0, 0, 0], [-103.939, -116.779, -123.68], rtol=1e-6
    )


@pytest.mark.parametrize(
    'layer',
    [
        LearnedPrior(),
        LogPrior(),
        Letterbox((16, 24)),
        UndoLetterbox((8, 8)),
        mlnet.BgrMinusMean(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_saved_and_loaded_layers_agree(layer, tmp_path):
    channels = 3 if isinstance(layer, mlnet.BgrMinusMean) else 1
    image = keras.Input((12, 16, channels))
    model = keras.Model(image, layer(image))
    model.save(tmp_path / 'layer.keras')
    loaded = keras.models.load_model(tmp_path / 'layer.keras')
    values = np.random.default_rng(0).random((1, 12, 16, channels)).astype('float32')
    np.testing.assert_array_equal(loaded(values), model(values))


def test_a_turned_kernel_gives_theanos_convolution():
    rng = np.random.default_rng(0)
    image, kernel = rng.random((3, 6, 7)), rng.random((2, 3, 3, 3))
    theanos = [
        sum(signal.convolve2d(image[c], kernel[o, c], 'same') for c in range(3)) for o in range(2)
    ]
    ours = keras.ops.conv(
        image.transpose(1, 2, 0)[None].astype('float32'),
        np.ascontiguousarray(mlnet_weights.from_theano(kernel)).astype('float32'),
        padding='same',
    )
    np.testing.assert_allclose(np.transpose(ours[0], (2, 0, 1)), theanos, rtol=1e-4)


def test_pooling_pads_at_the_top_and_left_as_theano(network):
    pool = keras.Sequential([network.get_layer('block4_pad'), network.get_layer('block4_pool')])
    values = np.arange(1.0, 5).reshape(1, 2, 2, 1)
    # a window ends at its own pixel: nothing comes from the right or from below
    np.testing.assert_array_equal(np.ravel(pool(values)), [1, 2, 3, 4])


def theano_arrays(network, seed=0):
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        if layer.weights:
            for weight in layer.get_weights():
                shape = weight.shape
                order = (3, 2, 0, 1) if len(shape) == 4 else range(len(shape))
                yield rng.normal(size=[shape[i] for i in order]).astype('float32')


def test_the_authors_file_is_imported(network, tmp_path):
    path = tmp_path / 'mlnet.pkl'
    arrays = list(theano_arrays(network))
    with h5py.File(path, 'w') as file:
        groups = [arrays[i : i + 2] for i in range(0, len(arrays), 2)]
        names = [f'layer_{number}' for number in range(len(groups))]
        file.attrs['layer_names'] = [name.encode() for name in names]
        for name, values in zip(names, groups, strict=True):
            group = file.create_group(name)
            group.attrs['weight_names'] = [f'p_{i}'.encode() for i in range(len(values))]
            for i, value in enumerate(values):
                group[f'p_{i}'] = value
    mlnet_weights.load_mlnet(network, str(path))
    first = network.get_layer('block1_conv1').get_weights()[0]
    assert first[0, 2, 1, 5] == arrays[0][5, 1, 2, 0]
    np.testing.assert_array_equal(network.get_layer('prior').get_weights()[0], arrays[-1])


def write_vgg16(path, network, *, skip=None):
    arrays = list(theano_arrays(network, seed=1))
    with h5py.File(path, 'w') as file:
        for index, number in enumerate(mlnet_weights.VGG16_GROUPS):
            if number != skip:
                group = file.create_group(f'layer_{number}')
                group.attrs['nb_params'] = 2
                group['param_0'], group['param_1'] = arrays[2 * index : 2 * index + 2]
    return arrays


def test_the_keras_1_file_of_vgg16_is_imported(network, tmp_path):
    arrays = write_vgg16(tmp_path / 'vgg16.h5', network)
    mlnet_weights.load_vgg16(network, str(tmp_path / 'vgg16.h5'))
    kernel, bias = network.get_layer('block5_conv3').get_weights()
    assert kernel[2, 0, 3, 4] == arrays[24][4, 3, 0, 2]
    np.testing.assert_array_equal(bias, arrays[25])


def test_a_missing_group_is_named(network, tmp_path):
    write_vgg16(tmp_path / 'vgg16.h5', network, skip=8)
    with pytest.raises(ValueError, match='layer_8'):
        mlnet_weights.load_vgg16(network, str(tmp_path / 'vgg16.h5'))


def test_a_missing_file_says_where_to_get_it_and_what_to_type(network):
    with pytest.raises(FileNotFoundError, match='github.com/marcellacornia/mlnet(.|\n)*python -m'):
        mlnet_weights.load_mlnet(network, '/nowhere.pkl')
