"""Names that options take: of what is heavy to load, `--help` needs the names alone."""

from __future__ import annotations

# Of `models.backbones`.
BACKBONES = (
    'convnext_tiny',
    'densenet121',
    'efficientnet_b0',
    'efficientnet_v2_b0',
    'inception_v3',
    'mobilenet_v2',
    'mobilenet_v3_large',
    'mobilenet_v3_small',
    'resnet50',
    'resnet50_v2',
    'vgg16',
    'xception',
)
# Of `models.saliency`.
SALIENCY_KINDS = (
    'attention',
    'center',
    'mlnet',
    'mlnet_crop',
    'mlnet_light',
    'shuffled',
    'spectral_residual',
)
# `saliency=saved_model:/path`: any saliency model that was exported.
SAVED_MODEL = 'saved_model:'
# `saliency=folder:/maps`: maps that somebody computed beforehand, read by `data.map_folder`.
FOLDER = 'folder:'
