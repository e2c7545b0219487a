"""Trains a saliency model in two stages and keeps the epoch that validates best."""

import os
import pathlib
import tempfile
from typing import Any

import keras

from fer_keras.config.saliency import SaliencyTrainingConfig
from fer_keras.data.fixation_batches import (
    evaluation_batches,
    open_saliency_data,
    saliency_splits,
    training_batches,
)
from fer_keras.models.mlnet import build_mlnet, mlnet_loss
from fer_keras.models.mlnet_light import (
    TRAINING_INPUT,
    build_mlnet_light,
    is_encoder_layer,
    load_imagenet_encoder,
)
from fer_keras.models.mlnet_weights import load_vgg16
from fer_keras.models.saliency_layers import EPSILON, ResizeMap
from fer_keras.saliency.losses import cc, nss, saliency_loss


def train_saliency(config: SaliencyTrainingConfig) -> pathlib.Path:
    """Trains, and writes the best epoch's weights in float16.

    Returns:
        The file that was written.

    Raises:
        FileNotFoundError: the data set is not prepared, or the encoder's weights are missing.
    """
    keras.utils.set_random_seed(config.seed)
    builder = open_saliency_data(config.saliency_data, config.data_dir)
    network = build_network(config)
    model = at_input_resolution(network)
    size = network.input_shape[1:3]
    training_split, validation_split = saliency_splits(config)
    steps = max(1, builder.info.splits[training_split].num_examples // config.batch_size)
    batches = training_batches(builder, training_split, size, config)
    validation = evaluation_batches(builder, validation_split, size, config.batch_size)
    with tempfile.TemporaryDirectory() as folder:
        best = os.path.join(folder, 'best.weights.h5')
        keep_best = keras.callbacks.ModelCheckpoint(
            best, monitor='val_nss', mode='max', save_best_only=True, save_weights_only=True
        )
        for first, last in ((0, config.head_epochs), (config.head_epochs, config.epochs)):
            if first == last:
                continue
            frozen = last <= config.head_epochs
            freeze_encoder(network, frozen=frozen)
            compile_saliency(model, config, frozen=frozen, steps=steps * (last - first))
            model.fit(
                batches,
                initial_epoch=first,
                epochs=last,
                steps_per_epoch=steps,
                validation_data=validation,
                callbacks=[keep_best],
                verbose=2,
            )
        model.load_weights(best)
    return save_float16(network, config.output)


def build_network(config: SaliencyTrainingConfig) -> keras.Model:
    """The graph of `kind` at its training size, its encoder loaded."""
    path = os.path.expanduser(config.encoder_weights)
    if path not in ('', 'imagenet') and not os.path.isfile(path):
        raise FileNotFoundError(
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
    if network.name == 'mlnet':  # its output is a map already
        output = keras.ops.log(output + EPSILON)
    enlarged = ResizeMap(network.input_shape[1:3], name='logits')(output)
    return keras.Model(network.input, enlarged, name='saliency_training')


def freeze_encoder(network: keras.Model, *, frozen: bool) -> None:
    """Freezes or frees the encoder. Its normalisation keeps ImageNet's statistics throughout."""
    for layer in network.layers:
        if is_encoder_layer(layer):
            is_norm = isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = not frozen and not is_norm


def compile_saliency(
    model: keras.Model, config: SaliencyTrainingConfig, *, frozen: bool, steps: int
) -> None:
    """The first stage at a constant rate, the second warmed up and down a cosine to zero."""
    warmup = max(1, steps // 10)
    cosine = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), warmup_target=config.learning_rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(
        config.head_learning_rate if frozen else cosine, weight_decay=config.weight_decay
    )
    loss = mlnet_loss_of_target if config.kind == 'mlnet' else saliency_loss
    model.compile(optimizer, loss=loss, metrics=[nss, cc])


def mlnet_loss_of_target(target: Any, logits: Any) -> Any:
    """`mlnet_loss` of a target that carries the fixations too, at the image's resolution."""
    return mlnet_loss(target[..., :1], keras.ops.exp(logits))


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
    file.parent.mkdir(parents=True, exist_ok=True)
    half.save_weights(file)
    return file
