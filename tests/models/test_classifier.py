import dataclasses

import keras
import numpy as np
import pytest

from fer_keras.errors import InvalidInputError
from fer_keras.models.classifier import (
    build_classifier,
    build_explainer,
    build_histogram_reader,
    freeze_for_stage,
    load_classifier,
)
from fer_keras.models.ensemble import GeometricMeanEnsemble
from fer_keras.models.histograms import HistogramOfOrientedGradients
from fer_keras.models.mirror_averaging import AppendMirrored, AverageMirrored
from tests.fakes import random_images, tiniest_model

IMAGES = random_images(3, 64).astype('float32')


def build(**choices):
    keras.utils.set_random_seed(0)
    config = dataclasses.replace(tiniest_model(), **choices)
    return build_classifier(config, num_classes=7, image_size_px=64)


@pytest.mark.parametrize('saliency', ['none', 'center', 'spectral_residual'])
def test_probabilities_sum_to_one(saliency):
    probabilities = build(saliency=saliency).predict(IMAGES, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize('fusion', ['multiply', 'blend', 'residual'])
def test_a_saved_classifier_gives_equal_output(fusion, tmp_path):
    model = build(saliency='spectral_residual', fusion=fusion)
    model.save(tmp_path / 'model.keras')
    again = keras.models.load_model(tmp_path / 'model.keras')
    np.testing.assert_array_equal(
        again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )


def test_the_product_is_taken_in_rgb_before_the_preprocessing():
    explained = build_explainer(build(saliency='center')).predict(IMAGES, verbose=0)
    product = IMAGES * explained['saliency_map']
    np.testing.assert_allclose(explained['attended_image'], product, rtol=1e-5)
    assert explained['saliency_map'].min() >= 0 and explained['saliency_map'].max() <= 1


def test_without_saliency_the_attended_image_is_the_image():
    explained = build_explainer(build()).predict(IMAGES, verbose=0)
    np.testing.assert_array_equal(explained['attended_image'], IMAGES)
    assert np.all(explained['saliency_map'] == 1)


def test_the_network_sees_the_crop_and_nothing_else():
    model = build(backbone='mobilenet_v2', crop=0.75, saliency='center')
    explained = build_explainer(model).predict(IMAGES, verbose=0)
    np.testing.assert_array_equal(explained['face'], IMAGES[:, 8:-8, 8:-8])
    assert explained['saliency_map'].shape == (3, 48, 48, 1)
    other = IMAGES.copy()
    other[:, :8], other[:, -8:], other[:, :, :8], other[:, :, -8:] = 0, 255, 255, 0
    np.testing.assert_array_equal(model.predict(other, verbose=0), explained['probabilities'])


def test_a_map_in_the_fourth_channel_is_multiplied_in(tmp_path):
    model = build(saliency='folder:/maps', crop=0.75)
    maps = np.random.default_rng(1).uniform(0, 255, (3, 64, 64, 1)).astype('float32')
    images = np.concatenate([IMAGES, maps], axis=-1)
    explained = build_explainer(model).predict(images, verbose=0)
    inner = slice(8, -8)
    np.testing.assert_array_equal(explained['face'], IMAGES[:, inner, inner])
    np.testing.assert_allclose(explained['saliency_map'], maps[:, inner, inner] / 255, rtol=1e-6)
    product = explained['face'] * explained['saliency_map']
    np.testing.assert_allclose(explained['attended_image'], product, rtol=1e-6)
    model.save(tmp_path / 'model.keras')
    again = load_classifier(str(tmp_path / 'model.keras'))
    np.testing.assert_array_equal(
        again.predict(images, verbose=0), model.predict(images, verbose=0)
    )


def test_grey_classifiers_cannot_tell_colours_of_one_luma_apart():
    model = build(color='grey')
    luma = IMAGES @ np.array([0.299, 0.587, 0.114], 'float32')
    grey = np.repeat(luma[..., None], 3, axis=-1)
    np.testing.assert_allclose(
        model.predict(IMAGES, verbose=0), model.predict(grey, verbose=0), atol=1e-4
    )


def test_a_classifier_of_gradients_is_saved_with_them(tmp_path):
    model = build(color='gradients', saliency='center')
    assert model.get_layer('gradients').output.shape == (None, 64, 64, 3)
    model.save(tmp_path / 'model.keras')
    again = load_classifier(str(tmp_path / 'model.keras'))
    np.testing.assert_array_equal(
        again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )


@pytest.mark.parametrize('color', ['rgb', 'gradients'])
def test_the_mirrored_face_is_averaged_as_the_geometric_mean_of_both_answers(tmp_path, color):
    one_sided, model = build(color=color), build(color=color, average_mirrored=True)
    features = keras.Model(one_sided.input, one_sided.get_layer('features').output)
    kernel = one_sided.get_layer('probabilities').kernel
    # Untrained answers hardly differ.
    kernel.assign(kernel / np.abs(features.predict(IMAGES, verbose=0) @ kernel.numpy()).max())
    model.set_weights(one_sided.get_weights())
    answers = model.predict(IMAGES, verbose=0)
    both = [one_sided.predict(images, verbose=0) for images in (IMAGES, IMAGES[:, :, ::-1])]
    expected = np.sqrt(both[0] * both[1])
    np.testing.assert_allclose(answers, expected / expected.sum(1, keepdims=True), atol=1e-4)
    assert np.abs(both[0] - both[1]).max() > 0.01  # Otherwise there is nothing to average.
    np.testing.assert_allclose(model.predict(IMAGES[:, :, ::-1], verbose=0), answers, atol=1e-4)
    model.save(tmp_path / 'model.keras')
    again = load_classifier(str(tmp_path / 'model.keras'))
    np.testing.assert_array_equal(again.predict(IMAGES, verbose=0), answers)


@pytest.mark.parametrize('saliency', ['none', 'center', 'folder:/maps'])
def test_the_hog_branch_sees_the_face_without_saliency_and_does_not_learn_by_steps(saliency):
    model = build(hog_branch=True, saliency=saliency, crop=0.75)
    images = np.random.default_rng(0).uniform(0, 255, (2, *model.input_shape[1:]))
    seen = keras.Model(model.input, model.get_layer('shallow').input)
    np.testing.assert_allclose(
        seen.predict(images, verbose=0),
        build_histogram_reader(model).predict(images[..., :3], verbose=0),
        atol=1e-6,
    )
    freeze_for_stage(model, train_backbone=True)
    assert not [weight for weight in model.trainable_weights if 'shallow' in weight.path]


def test_the_branches_decide_together_and_are_saved(tmp_path):
    model = build(hog_branch=True)
    kernel = model.get_layer('shallow').kernel
    kernel.assign(np.random.default_rng(0).normal(0, 0.1, kernel.shape))
    parts = [model.get_layer(name).output for name in ('deep', 'shallow', 'probabilities')]
    deep, shallow, together = keras.Model(model.input, parts).predict(IMAGES, verbose=0)
    expected = np.sqrt(deep * shallow)
    np.testing.assert_allclose(together, expected / expected.sum(1, keepdims=True), rtol=1e-4)
    model.save(tmp_path / 'model.keras')
    again = load_classifier(str(tmp_path / 'model.keras'))
    np.testing.assert_array_equal(again.predict(IMAGES, verbose=0), together)


def test_the_head_stage_trains_only_the_head():
    model = build(backbone='mobilenet_v2', saliency='center')
    freeze_for_stage(model, train_backbone=False)
    assert [weight.path for weight in model.trainable_weights] == [
        'probabilities/kernel',
        'probabilities/bias',
    ]
    freeze_for_stage(model, train_backbone=True)
    assert len(model.trainable_weights) > 50


@pytest.fixture(scope='module')
def learned():
    return build(saliency='attention')


@pytest.fixture(scope='module')
def frozen():
    return build(saliency='mlnet_light')


def test_attention_is_trained_with_the_backbone_and_other_saliency_never(learned, frozen):
    for model, is_learned in ((learned, True), (frozen, False)):
        freeze_for_stage(model, train_backbone=False)
        assert not model.get_layer('saliency_map').trainable_weights
        freeze_for_stage(model, train_backbone=True)
        assert (len(model.get_layer('saliency_map').trainable_weights) > 100) == is_learned


def test_training_moves_the_attention_from_one_everywhere(tmp_path):
    model = build(saliency='attention', fusion='multiply')
    before = build_explainer(model)(IMAGES)
    np.testing.assert_array_equal(before['saliency_map'], np.ones((3, 64, 64, 1)))
    np.testing.assert_array_equal(before['attended_image'], IMAGES)
    freeze_for_stage(model, train_backbone=True)
    model.compile(keras.optimizers.SGD(1.0), 'sparse_categorical_crossentropy', run_eagerly=True)
    model.train_on_batch(IMAGES, np.array([0, 1, 2]))
    model.save(tmp_path / 'model.keras')
    after = build_explainer(model)(IMAGES)
    saliency_map = keras.ops.convert_to_numpy(after['saliency_map'])
    assert np.isfinite(saliency_map).all() and saliency_map.min() < 0.99 and saliency_map.max() == 1
    again = load_classifier(str(tmp_path / 'model.keras'))
    np.testing.assert_array_equal(again(IMAGES), after['probabilities'])


def test_attention_costs_what_mlnet_light_costs(learned, frozen):
    assert learned.count_params() == frozen.count_params()
    encoders = [
        model.get_layer('saliency_map').get_layer(name)
        for model, name in ((learned, 'attention'), (frozen, 'mlnet_light'))
    ]
    assert [type(layer) for layer in encoders[0].layers] == [type(x) for x in encoders[1].layers]
    assert encoders[0].input_shape == encoders[1].input_shape


def test_attention_starts_where_a_backbone_of_its_kind_does(learned, tmp_path):
    pretrained = keras.applications.MobileNetV2(
        input_shape=(64, 64, 3), include_top=False, weights=None
    )
    path = str(tmp_path / 'mobilenet_v2.weights.h5')
    pretrained.save_weights(path)
    model = build(backbone='mobilenet_v2', saliency='attention', backbone_weights=path)
    encoder = model.get_layer('saliency_map').get_layer('attention')
    for name in ('Conv1', 'block_6_expand'):
        np.testing.assert_array_equal(
            encoder.get_layer(name).kernel, pretrained.get_layer(name).kernel
        )
    other = learned.get_layer('saliency_map').get_layer('attention')
    assert np.abs(other.get_layer('Conv1').kernel - encoder.get_layer('Conv1').kernel).max() > 0.01


@pytest.mark.parametrize('keep', [0, 0.5, 0.99])
def test_a_damaged_file_is_named(keep, tmp_path):
    path = tmp_path / 'best.keras'
    build().save(path)
    path.write_bytes(path.read_bytes()[: round(keep * path.stat().st_size)])
    with pytest.raises(InvalidInputError, match='best.keras must be a whole classifier'):
        load_classifier(str(path))


@pytest.mark.parametrize(
    'layer, name',
    [
        (AppendMirrored, 'BothSides'),
        (AverageMirrored, 'MeanOfSides'),
        (GeometricMeanEnsemble, 'DecideTogether'),
        (HistogramOfOrientedGradients, 'OrientationHistograms'),
    ],
)
def test_renamed_layers_are_found_by_the_names_that_files_have(layer, name):
    assert keras.saving.get_registered_object(f'fer_keras>{name}') is layer
    assert keras.saving.get_registered_name(layer) == f'fer_keras>{name}'


def test_one_class_is_refused():
    with pytest.raises(ValueError, match='at least two classes.*num_classes=1'):
        build_classifier(tiniest_model(), num_classes=1, image_size_px=64)


def test_images_are_not_rounded_before_the_backbone_in_low_precision():
    keras.config.set_dtype_policy('mixed_bfloat16')
    try:
        model = build(color='gradients', average_mirrored=True, hog_branch=True)
    finally:
        keras.config.set_dtype_policy('float32')
    for name in ('both_sides', 'gradients', 'mean_of_sides'):
        assert model.get_layer(name).output.dtype == 'float32'
    assert model.get_layer('shallow').input.dtype == 'float32'
