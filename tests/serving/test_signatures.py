import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.input_pipeline import to_model_input
from fer_keras.models.classifier import build_classifier
from fer_keras.serving.signatures import export_classifier
from tests.fakes import BASIC, TINY_MODEL, png_bytes, random_images


@pytest.fixture(scope='module')
def model():
    keras.utils.set_random_seed(1)
    return build_classifier(TINY_MODEL, num_classes=7, image_size_px=64)


@pytest.fixture(scope='module')
def signatures(model, tmp_path_factory):
    path = export_classifier(model, BASIC, str(tmp_path_factory.mktemp('saved_model')))
    return tf.saved_model.load(path).signatures


def test_bytes_and_images_give_the_models_probabilities(model, signatures):
    images = random_images(3, 80)
    expected = model.predict(to_model_input(images, 64), verbose=0)
    encoded = tf.constant([png_bytes(image) for image in images])
    from_bytes = signatures['serving_default'](image_bytes=encoded)
    from_images = signatures['predict_images'](images=tf.constant(images))
    np.testing.assert_allclose(from_bytes['probabilities'], expected, atol=1e-5)
    np.testing.assert_allclose(from_images['probabilities'], expected, atol=1e-5)


def test_the_label_is_the_name_of_the_largest_probability(signatures):
    answer = signatures['predict_images'](images=tf.constant(random_images(5, 64)))
    best = np.argmax(answer['probabilities'], axis=1)
    assert [name.decode() for name in answer['label'].numpy()] == [BASIC[i] for i in best]
    np.testing.assert_array_equal(answer['score'], np.max(answer['probabilities'], axis=1))
    assert [name.decode() for name in answer['label_names'].numpy()[0]] == list(BASIC)


def test_jpeg_and_png_of_several_sizes_share_a_batch(signatures):
    small, large = random_images(1, 40)[0], random_images(1, 90)[0]
    jpeg = tf.io.encode_jpeg(large).numpy()
    answer = signatures['serving_default'](image_bytes=tf.constant([png_bytes(small), jpeg]))
    assert answer['probabilities'].shape == (2, 7)


def test_versions_count_up_and_leave_nothing_unfinished(model, tmp_path):
    paths = [export_classifier(model, BASIC, str(tmp_path)) for _ in range(2)]
    assert [path.rsplit('/', 1)[1] for path in paths] == ['1', '2']
    assert sorted(path.name for path in tmp_path.iterdir()) == ['1', '2']


@pytest.mark.parametrize(
    'saliency, match',
    [('folder:/maps', 'make its saliency maps itself'), ('shuffled', 'what else is in its batch')],
)
def test_a_classifier_that_a_new_photo_cannot_feed_is_not_served(saliency, match, tmp_path):
    config = dataclasses.replace(TINY_MODEL, saliency=saliency)
    with pytest.raises(ValueError, match=match):
        export_classifier(
            build_classifier(config, num_classes=7, image_size_px=32), BASIC, str(tmp_path)
        )


def test_names_must_match_the_outputs(model, tmp_path):
    with pytest.raises(ValueError, match='3 names for 7 outputs'):
        export_classifier(model, BASIC[:3], str(tmp_path))
