"""One run of a saliency model: two stages, of which the epoch of the highest NSS is kept."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Sequence

import keras

from fer_keras.config.fields import as_flags
from fer_keras.config.saliency import SaliencyTrainingConfig
from fer_keras.data.datasets import open_dataset
from fer_keras.data.fixation_batches import (
    FixationBatches,
    evaluation_batches,
    read_fixations,
    saliency_splits,
)
from fer_keras.errors import MissingFileError
from fer_keras.files import whole_file
from fer_keras.models.mlnet import build_mlnet
from fer_keras.models.mlnet_light import (
    TRAINING_INPUT,
    build_mlnet_light,
    load_imagenet_encoder,
)
from fer_keras.models.mlnet_weights import load_vgg16
from fer_keras.models.saliency_layers import EPSILON, ResizeMap
from fer_keras.run_dir import RunDir
from fer_keras.training.claiming import claim
from fer_keras.training.holding import hold_run
from fer_keras.training.loop import Loop
from fer_keras.training.session import make_repeatable
from fer_keras.training.strategy import is_chief, make_strategy
from fer_keras.training.tasks import SaliencyTask
from fer_keras.training.tensorboard import TensorBoardImages


def train_saliency(
    config: SaliencyTrainingConfig, callbacks: Sequence[keras.callbacks.Callback] = ()
) -> pathlib.Path | None:
    """Trains, and writes the best epoch's weights in float16.

    A run that was cut off goes on where it was, as that of a classifier does.

    Args:
        config: What is trained on what, and how.
        callbacks: Any of Keras', as for a classifier.

    Returns:
        The file that was written, or None where another of several workers writes it.

    Raises:
        MissingFileError: The data set is not prepared, or the encoder's weights are missing.
        ExistingFileError: The folder of the run holds one of other flags, or another process
            trains in it.
        InvalidInputError: The configuration does not fit the data or the devices.
        UnwritableFileError: The disk is full; the run goes on when there is room.
        KeyboardInterrupt: Somebody asked the run to end; its state is saved.
    """
    make_repeatable(config)
    strategy = make_strategy(config.strategy, batch_size=config.batch_size)
    chief = is_chief(strategy)
    builder = open_dataset(config.saliency_data, config.data_dir)
    training, validation = (read_fixations(builder, one) for one in saliency_splits(config))
    with strategy.scope():
        network = build_network(config)
        model = at_input_resolution(network)
    run_dir = RunDir(config.run_folder)
    with hold_run(run_dir, is_chief=chief) as require_held:
        claim(run_dir, as_flags(config), [builder], is_chief=chief)
        if chief:
            TensorBoardImages(run_dir).write_flags(dataclasses.asdict(config))
        size = network.input_shape[1:3]
        Loop(SaliencyTask(model, strategy, config), run_dir, callbacks, require_held).run(
            FixationBatches(*training, size, config),
            evaluation_batches(validation[0], size, config.batch_size),
        )
    if not chief:
        return None
    model.load_weights(run_dir.model_file)
    return save_float16(network, config.output)


def build_network(config: SaliencyTrainingConfig) -> keras.Model:
    """The graph of `kind` at its training size, its encoder loaded.

    Raises:
        MissingFileError: The encoder's weights are missing.
    """
    path = os.path.expanduser(config.encoder_weights)
    if path not in ('', 'imagenet') and not os.path.isfile(path):
        raise MissingFileError(
            f'No encoder weights at {path}. Give a file without the top, `imagenet` to download '
            'it, or nothing to start at random: `--encoder_weights=imagenet`.'
        )
    network = build_mlnet() if config.kind == 'mlnet' else build_mlnet_light(TRAINING_INPUT)
    if path:
        (load_vgg16 if config.kind == 'mlnet' else load_imagenet_encoder)(network, path)
    return network


def at_input_resolution(network: keras.Model) -> keras.Model:
    """The network with its output enlarged to its input's size, where the loss looks at it."""
    output = network.output
    if network.name == 'mlnet':  # Its output is a map already.
        output = keras.ops.log(output + EPSILON)
    enlarged = ResizeMap(network.input_shape[1:3], name='logits')(output)
    return keras.Model(network.input, enlarged, name='saliency_training')


def save_float16(network: keras.Model, path: str) -> pathlib.Path:
    """Writes the weights in half precision; they load into a float32 model as they are."""
    build = build_mlnet_light if network.name == 'mlnet_light' else build_mlnet
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy('float16')
    try:
        half = build(network.input_shape[1:3])
    finally:
        keras.config.set_dtype_policy(policy)
    half.set_weights(network.get_weights())
    file = pathlib.Path(path).expanduser()
    with whole_file(file) as unfinished:
        half.save_weights(unfinished)
    return file
