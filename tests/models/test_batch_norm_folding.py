import keras
import numpy as np
import pytest
from keras import layers

from fer_keras.models.batch_norm_folding import fold_scales


def drawn(model, seed=0):
    """Weights as after a training: nothing is one or zero."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.2, 1.2, one.shape) for one in model.get_weights()])
    return model


def scales_of(model):
    return [
        layer.gamma.numpy() / np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
        for layer in model.layers
        if isinstance(layer, layers.BatchNormalization)
    ]


@pytest.mark.parametrize(
    'convolution',
    [
        layers.Conv2D(5, 3, use_bias=False),
        layers.Conv2D(5, 2, strides=2, padding='same'),
        layers.DepthwiseConv2D(3, use_bias=False),
        layers.DepthwiseConv2D(3, depth_multiplier=2),
    ],
)
@pytest.mark.parametrize('options', [{}, {'scale': False}, {'center': False}])
def test_a_convolution_takes_the_scale_and_the_answers_stay(convolution, options):
    convolution = type(convolution).from_config(convolution.get_config())
    norm = layers.BatchNormalization(epsilon=0.01, **options)
    inside = keras.Sequential([keras.Input((8, 8, 3)), convolution, norm, layers.ReLU()])
    image = keras.Input((8, 8, 3))
    model = drawn(keras.Model(image, layers.GlobalAveragePooling2D()(inside(image))))
    images = np.random.default_rng(1).normal(size=(4, 8, 8, 3))
    expected, kernel = model.predict_on_batch(images), convolution.kernel.numpy()
    fold_scales(model)
    np.testing.assert_allclose(model.predict_on_batch(images), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(norm.moving_variance.numpy() + norm.epsilon, 1, rtol=1e-6)
    assert not options.get('scale', True) or (norm.gamma.numpy() == 1).all()
    assert np.abs(convolution.kernel.numpy() - kernel).min() > 0
    fold_scales(model)  # Nothing is left to fold.
    np.testing.assert_allclose(model.predict_on_batch(images), expected, rtol=1e-4, atol=1e-4)


def bent(image):
    x = layers.Conv2D(3, 1, activation='relu')(image)
    return layers.BatchNormalization()(x)


def read_twice(image):
    x = layers.Conv2D(3, 1)(image)
    return layers.Add()([x, layers.BatchNormalization()(x)])


def applied_twice(image):
    convolution = layers.Conv2D(3, 1)
    return layers.BatchNormalization()(convolution(convolution(image)))


def without_convolution(image):
    return layers.BatchNormalization()(layers.Rescaling(2.0)(image))


@pytest.mark.parametrize('build', [bent, read_twice, applied_twice, without_convolution])
def test_what_cannot_be_folded_stays(build):
    image = keras.Input((4, 4, 3))
    model = drawn(keras.Model(image, build(image)))
    weights = model.get_weights()
    fold_scales(model)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_an_output_that_is_read_keeps_its_scale():
    image = keras.Input((4, 4, 3))
    x = layers.Conv2D(3, 1)(image)
    model = drawn(keras.Model(image, [x, layers.BatchNormalization()(x)]))
    before = scales_of(model)
    fold_scales(model)
    np.testing.assert_array_equal(scales_of(model), before)


@pytest.mark.parametrize('name', ['MobileNet', 'MobileNetV2', 'EfficientNetV2B0', 'ResNet50'])
@pytest.mark.slow
def test_backbones_answer_alike(name):
    keras.utils.set_random_seed(0)
    build = getattr(keras.applications, name)
    model = build(weights=None, include_top=False, input_shape=(64, 64, 3), pooling='avg')
    images = np.random.default_rng(0).uniform(-1, 1, (64, 64, 64, 3))
    # Statistics of its own.
    model.compile()
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    model(images[:16], training=True)
    expected = model.predict(images, verbose=0)
    fold_scales(model)
    assert expected.std(axis=0).mean() > 1e-4
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, rtol=1e-3, atol=1e-3)
    folded = sum(np.allclose(scale, 1) for scale in scales_of(model))
    assert folded == len(scales_of(model)), (folded, len(scales_of(model)))
