from fer_keras.config import choices
from fer_keras.models.backbones import BACKBONES
from fer_keras.models.saliency import SALIENCY_KINDS


def test_the_options_name_every_backbone():
    assert tuple(sorted(BACKBONES)) == tuple(sorted(choices.BACKBONES))


def test_the_options_name_every_saliency_model():
    assert tuple(sorted(SALIENCY_KINDS)) == tuple(sorted(choices.SALIENCY_KINDS))
