"""Names to choose from; what they mean stands where it is built, and tests hold both together."""

from __future__ import annotations

# Of `models.backbones`. A list, so that a project may add a backbone of its own.
BACKBONES = [
    'convnext_tiny',
    'densenet121',
    'efficientnet_b0',
    'efficientnet_v2_b0',
    'inception_v3',
    'mobilenet',
    'mobilenet_v2',
    'mobilenet_v3_large',
    'mobilenet_v3_small',
    'resnet50',
    'resnet50_v2',
    'vgg16',
    'xception',
]
# Of `models.saliency`.
SALIENCY_KINDS = [
    'attention',
    'center',
    'mlnet',
    'mlnet_crop',
    'mlnet_light',
    'shuffled',
    'spectral_residual',
]
# Of these, what `fer_keras.train_saliency` trains.
TRAINABLE_SALIENCY_KINDS = ['mlnet_light', 'mlnet']
# `saliency=saved_model:/path`: anybody's model, exported by TensorFlow.
SAVED_MODEL = 'saved_model:'
# `saliency=folder:/maps`: maps that somebody computed beforehand, read by `data.map_folder`.
FOLDER = 'folder:'
AUGMENTATIONS = ['none', 'light', 'strong']
LABELS = ['majority', 'votes']
BALANCES = ['none', 'sampling', 'loss']
COLORS = ['rgb', 'grey', 'gradients']
FUSIONS = ['multiply', 'blend', 'residual']
STRATEGIES = ['default', 'one_device', 'mirrored', 'multi_worker']
TARGET_SPLITS = ['train', 'validation', 'test', 'all']
OPTIMIZERS = ['adamw', 'sgd']
PRECISIONS = ['float32', 'mixed_bfloat16', 'mixed_float16']
MONITORS = ['val_accuracy', 'val_loss']
# Of `tfds_builders.detectors`; what begins with the second goes on with a file of the user.
DETECTORS = ['mtcnn', 'single_shot']
DETECTORS_OF_FILES = ['yunet:']
EXPORT_FORMATS = ['saved_model', 'keras', 'tflite', 'onnx']
