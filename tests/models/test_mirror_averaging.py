import numpy as np

from fer_keras.models.mirror_averaging import AppendMirrored, AverageMirrored


def test_a_network_that_mirrors_along_gives_what_it_gives_for_one_side():
    maps = np.random.default_rng(0).normal(size=(3, 4, 5, 2)).astype('float32')
    doubled = AppendMirrored()(maps)
    assert doubled.shape == (6, 4, 5, 2)
    np.testing.assert_allclose(AverageMirrored()(doubled), maps)


def test_the_average_is_that_of_one_image_and_its_mirror_image():
    maps = np.arange(2 * 1 * 3 * 1, dtype='float32').reshape(2, 1, 3, 1)
    # [0 1 2] of the image, [3 4 5] of the mirrored one, which is [5 4 3] the right way round.
    np.testing.assert_allclose(AverageMirrored()(maps)[0, 0, :, 0], [2.5, 2.5, 2.5])


def test_in_training_nothing_is_mirrored():
    maps = np.ones((3, 4, 5, 2), 'float32')
    for layer in (AppendMirrored(), AverageMirrored()):
        np.testing.assert_array_equal(layer(maps, training=True), maps)
