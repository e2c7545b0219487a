import keras
import numpy as np
import pytest

from fer_keras.models.fusion import FUSIONS, build_fusion

IMAGE = np.random.default_rng(0).uniform(0, 255, (2, 4, 5, 3)).astype('float32')
ONES, ZEROS = np.ones((2, 4, 5, 1), 'float32'), np.zeros((2, 4, 5, 1), 'float32')


def fuse(kind, saliency_map, strength=1.0):
    layer = build_fusion(kind, strength=strength, name='attended_image')
    return keras.ops.convert_to_numpy(layer([IMAGE, saliency_map]))


@pytest.mark.parametrize('kind', FUSIONS)
def test_a_map_of_ones_changes_nothing(kind):
    np.testing.assert_allclose(fuse(kind, ONES), IMAGE, rtol=1e-6)


@pytest.mark.parametrize('kind', ['multiply', 'blend'])
def test_zero_saliency_hides_the_image(kind):
    np.testing.assert_array_equal(fuse(kind, ZEROS), 0 * IMAGE)


def test_a_blend_of_strength_a_third_keeps_two_thirds_of_the_unseen():
    np.testing.assert_allclose(fuse('blend', ZEROS, strength=1 / 3), IMAGE * 2 / 3, rtol=1e-5)


def test_residual_starts_with_the_image_itself():
    np.testing.assert_array_equal(fuse('residual', ZEROS), IMAGE)


def test_residual_learns_its_gain():
    layer = build_fusion('residual', name='attended_image')
    layer([IMAGE, ZEROS])
    layer.gain.assign(0.25)
    np.testing.assert_allclose(layer([IMAGE, ZEROS]), IMAGE * 0.75, rtol=1e-6)
    assert len(layer.trainable_weights) == 1


@pytest.mark.parametrize('kind', FUSIONS)
def test_a_saved_fusion_gives_equal_output(kind, tmp_path):
    image, saliency_map = keras.Input((4, 5, 3)), keras.Input((4, 5, 1))
    output = build_fusion(kind, strength=0.5, name='attended_image')([image, saliency_map])
    model = keras.Model([image, saliency_map], output)
    model.save(tmp_path / 'model.keras')
    inputs = [IMAGE, 0.3 * ONES]
    again = keras.models.load_model(tmp_path / 'model.keras')
    np.testing.assert_array_equal(again(inputs), model(inputs))


def test_bad_input_says_what_is_allowed():
    with pytest.raises(ValueError, match=r'in \[0, 1\].*strength=1.5'):
        build_fusion('blend', strength=1.5, name='x')
    with pytest.raises(ValueError, match="'blend', 'multiply', 'residual'.*Received: 'product'"):
        build_fusion('product', name='x')
