import dataclasses

import keras
import pytest

from fer_keras.models.backbones import BACKBONES, build_backbone, get_backbone


def test_an_unknown_backbone_lists_the_known_ones():
    with pytest.raises(ValueError, match="mobilenet_v2.*vgg16.*Received: 'vgg'"):
        get_backbone('vgg')


def test_an_image_too_small_for_the_network_is_refused():
    with pytest.raises(ValueError, match='at least 71 px.*image_size_px=64'):
        build_backbone('xception', image_size_px=64, weights='none')


def test_missing_weights_are_named():
    with pytest.raises(FileNotFoundError, match="'nowhere.h5'"):
        build_backbone('mobilenet_v2', image_size_px=64, weights='nowhere.h5')


def test_a_download_that_fails_says_what_to_give_instead(monkeypatch):
    def fail(**options):
        raise Exception('URL fetch failure on ...: Name or service not known')

    offline = dataclasses.replace(get_backbone('mobilenet_v2'), build=fail)
    monkeypatch.setitem(BACKBONES, 'mobilenet_v2', offline)
    with pytest.raises(FileNotFoundError, match='could not be downloaded.*backbone_weights=FILE'):
        build_backbone('mobilenet_v2', image_size_px=64, weights='imagenet')


@pytest.mark.parametrize('name', ['mobilenet_v2', 'mobilenet_v3_small', 'efficientnet_v2_b0'])
def test_features_keep_the_batch_and_have_four_axes(name):
    backbone = build_backbone(name, image_size_px=64, weights='none')
    assert backbone.name == 'backbone' and len(backbone.output_shape) == 4


def test_batch_norm_averages_follow_within_a_hundred_steps(tmp_path):
    backbone = build_backbone('mobilenet_v2', image_size_px=64, weights='none')
    backbone.save(tmp_path / 'backbone.keras')
    for model in (backbone, keras.models.load_model(tmp_path / 'backbone.keras')):
        norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
        assert norms and all(layer.momentum**100 < 0.01 for layer in norms)
