"""Flags of the saliency commands: defined here, read here."""

import dataclasses
from typing import Any

from fer_keras.config.run import STRATEGIES
from fer_keras.config.saliency import (
    TRAINABLE_KINDS,
    SaliencyEvaluationConfig,
    SaliencyMapsConfig,
    SaliencyTrainingConfig,
)
from fer_keras.flags import flags

Config = SaliencyTrainingConfig


def define() -> None:
    """Defines a flag for each field of `SaliencyTrainingConfig`."""
    flags.DEFINE_string(
        'saliency_data', Config.saliency_data, 'Data set: `salicon`, `mit1003`, `cat2000`.'
    )
    flags.DEFINE_string('data_dir', Config.data_dir, 'Folder of the prepared data sets.')
    flags.DEFINE_enum('kind', Config.kind, TRAINABLE_KINDS, 'What to train.')
    flags.DEFINE_string(
        'encoder_weights',
        Config.encoder_weights,
        '`imagenet` (downloaded), a file without the top, or nothing.',
    )
    flags.DEFINE_string('output', Config.output, 'Weights file to write, float16.')
    flags.DEFINE_integer('epochs', Config.epochs, 'Epochs of both stages together.', 1)
    flags.DEFINE_integer('head_epochs', Config.head_epochs, 'Epochs with a frozen encoder.', 0)
    flags.DEFINE_integer('batch_size', Config.batch_size, 'Images a step.', 1)
    flags.DEFINE_float(
        'head_learning_rate', Config.head_learning_rate, 'Rate of the first stage.', 0.0
    )
    flags.DEFINE_float(
        'learning_rate', Config.learning_rate, 'Peak rate of the second; a cosine to zero.', 0.0
    )
    flags.DEFINE_float('weight_decay', Config.weight_decay, 'Weight decay of AdamW.', 0.0)
    flags.DEFINE_float(
        'zoom_probability', Config.zoom_probability, 'Share of images that are cropped.', 0.0, 1.0
    )
    flags.DEFINE_float(
        'smallest_zoom', Config.smallest_zoom, 'Smallest side of a crop, as a share.', 0.1, 1.0
    )
    flags.DEFINE_float(
        'validation_share', Config.validation_share, 'Share of train that chooses the epoch.'
    )
    flags.DEFINE_integer('seed', Config.seed, 'Seed of everything drawn at random.', 0)
    flags.DEFINE_string('run_dir', Config.run_dir, 'Folder of the run; empty: beside the output.')
    flags.DEFINE_enum('strategy', Config.strategy, STRATEGIES, 'Which devices are used.')
    flags.DEFINE_bool('deterministic', Config.deterministic, 'Make every operation repeatable.')
    flags.DEFINE_integer(
        'checkpoint_steps', Config.checkpoint_steps, 'Save every so many steps; 0: each epoch.', 0
    )


def define_evaluation() -> None:
    """Defines a flag for each field of `SaliencyEvaluationConfig`."""
    default = SaliencyEvaluationConfig
    flags.DEFINE_string('saliency_data', default.saliency_data, 'Data set with fixations.')
    flags.DEFINE_string('data_dir', default.data_dir, 'Folder of the prepared data sets.')
    flags.DEFINE_string('split', default.split, 'Split to measure on.')
    flags.DEFINE_list('kinds', ','.join(default.kinds), 'Saliency models, one row each.')
    flags.DEFINE_string('weights', default.weights, 'Weights file; empty: the shipped ones.')
    flags.DEFINE_string('output', default.output, 'Folder of the table.')


def define_maps() -> None:
    """Defines a flag for each field of `SaliencyMapsConfig`."""
    default = SaliencyMapsConfig
    flags.DEFINE_string('input', default.input, 'An image, a folder, or a data set of `data_dir`.')
    flags.DEFINE_string('data_dir', default.data_dir, 'Folder of the prepared data sets.')
    flags.DEFINE_string('output', default.output, 'Folder to write to.')
    flags.DEFINE_string('saliency', default.saliency, 'Saliency model, or `folder:/maps`.')
    flags.DEFINE_string('weights', default.weights, 'Weights file; empty: the shipped ones.')
    flags.DEFINE_integer('batch_size', default.batch_size, 'Images at a time.', 1)
    flags.DEFINE_integer('longest_side_px', default.longest_side_px, 'Shrink larger images.', 32)


def read() -> SaliencyTrainingConfig:
    """Builds the training's configuration from the parsed flags."""
    return Config(**_values(Config))


def read_evaluation() -> SaliencyEvaluationConfig:
    """Builds the evaluation's configuration from the parsed flags."""
    values = _values(SaliencyEvaluationConfig)
    return SaliencyEvaluationConfig(**{**values, 'kinds': tuple(values['kinds'])})


def read_maps() -> SaliencyMapsConfig:
    """Builds the map command's configuration from the parsed flags."""
    return SaliencyMapsConfig(**_values(SaliencyMapsConfig))


def _values(part: Any) -> dict[str, Any]:
    return {field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(part)}
