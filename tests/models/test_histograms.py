import keras
import numpy as np

from fer_keras.models.histograms import HistogramOfOrientedGradients
from tests.fakes import random_images

IMAGES = random_images(2, 48).astype('float32')


def histograms(images):
    return keras.ops.convert_to_numpy(HistogramOfOrientedGradients()(images))


def test_an_upright_edge_votes_for_the_first_orientation_of_its_cells():
    image = np.zeros((1, 48, 48, 3), 'float32')
    image[:, :, 24:] = 8
    blocks = histograms(image)[0]
    assert blocks.shape == (11, 11, 36)
    # Columns 23 and 24 lie in the cells 5 and 6, four corners of nine bins make a block.
    assert np.all(blocks[:, 5, ::9] == HistogramOfOrientedGradients.CLIP)
    np.testing.assert_allclose(blocks[:, 5].reshape(11, 4, 9)[:, :, 1:], 0, atol=0.02)
    np.testing.assert_allclose(blocks[:, [0, 1, 2, 9]], 0, atol=0.02)


def test_an_edge_and_its_negative_vote_alike():
    image = np.zeros((1, 48, 48, 3), 'float32')
    image[:, 10:30, 10:30] = 255
    negative = 255 - image
    np.testing.assert_allclose(histograms(image), histograms(negative), atol=1e-4)


def test_a_turned_image_has_turned_votes():
    turned = histograms(np.rot90(IMAGES, axes=(1, 2)).copy()).sum(axis=-1)
    # A quarter turn is half of nine unsigned orientations, so that no bin meets another; all votes
    # of a block together stay about what they were.
    upright = histograms(IMAGES).sum(axis=-1)
    np.testing.assert_allclose(turned, np.rot90(upright, axes=(1, 2)), rtol=0.1)
