import numpy as np

from fer_keras.models.mirror_averaging import BothSides, MeanOfSides


def test_a_network_that_mirrors_along_gives_what_it_gives_for_one_side():
    maps = np.random.default_rng(0).normal(size=(3, 4, 5, 2)).astype('float32')
    both = BothSides()(maps)
    assert both.shape == (6, 4, 5, 2)
    np.testing.assert_allclose(MeanOfSides()(both), maps)


def test_the_mean_of_sides_is_that_of_one_image_and_its_mirror_image():
    maps = np.arange(2 * 1 * 3 * 1, dtype='float32').reshape(2, 1, 3, 1)
    # [0 1 2] of the image, [3 4 5] of the mirrored one, which is [5 4 3] the right way round.
    np.testing.assert_allclose(MeanOfSides()(maps)[0, 0, :, 0], [2.5, 2.5, 2.5])


def test_in_training_there_is_one_side():
    maps = np.ones((3, 4, 5, 2), 'float32')
    for layer in (BothSides(), MeanOfSides()):
        np.testing.assert_array_equal(layer(maps, training=True), maps)
