"""The classifier: one functional graph from the face crop to the expression."""

from __future__ import annotations

import os
import zipfile
import zlib
from typing import Any

import keras
from keras import ops

from fer_keras.config.choices import SAVED_MODEL
from fer_keras.config.model import ModelConfig
from fer_keras.errors import InvalidInputError, MissingFileError, UserError
from fer_keras.models.backbones import build_backbone, get_backbone
from fer_keras.models.ensemble import GeometricMeanEnsemble
from fer_keras.models.fusion import build_fusion
from fer_keras.models.gradients import LUMA, NormalizedGradients
from fer_keras.models.histograms import HistogramOfOrientedGradients
from fer_keras.models.mirror_averaging import AppendMirrored, AverageMirrored
from fer_keras.models.newer_files import as_readable
from fer_keras.models.saliency import build_saliency_model, get_saliency_kind
from fer_keras.models.saliency_layers import MapChannel

# The layers that give probabilities: of one branch, or of two.
_ANSWERS = ('probabilities', 'deep', 'shallow')
# What Keras, h5py and zipfile raise for files that are damaged, cut off or of another program.
_UNREADABLE = (ValueError, OSError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


def build_classifier(config: ModelConfig, *, num_classes: int, image_size_px: int) -> keras.Model:
    """Builds the classifier.

    Args:
        config: Saliency, fusion, backbone and head.
        num_classes: Number of expressions, at least 2.
        image_size_px: Side of the square input, pixels.

    Returns:
        A model from `image`, float32 `[batch, size, size, 3]`, RGB in [0, 255], to `probabilities`,
        float32 `[batch, num_classes]`. Where the saliency maps are precomputed, `image` has them as
        a fourth channel in [0, 255]. `config.crop` of its side, about the centre, is all that the
        network sees: the layer `face`, float32 `[batch, face_size, face_size, 3]`. Its layers
        `saliency_map` and `attended_image` (where there is a saliency model), `backbone` and
        `features` are named for whoever looks inside. With `config.average_mirrored` the backbone
        also sees the mirror image, except in training. With `config.hog_branch` the answer is
        the geometric mean of two: that of the backbone, the layer `deep`, and that of a linear
        classifier of histograms of oriented gradients, `shallow`, which sees the face without
        saliency, does not learn by steps, and knows nothing until `training.hog` fits it.

    Raises:
        InvalidInputError: Fewer than two classes, or an unknown or impossible choice in `config`.
        MissingFileError: Weights are not there.
    """
    if num_classes < 2:
        raise InvalidInputError(
            f'A classifier needs at least two classes. Received: num_classes={num_classes}.'
        )
    channels = 4 if config.maps_folder else 3
    image = keras.Input((image_size_px, image_size_px, channels), name='image')
    face_size_px = round(image_size_px * config.crop)
    face = keras.layers.CenterCrop(face_size_px, face_size_px, dtype='float32', name='face')(image)
    attended = _attend(face, config, face_size_px)
    x = AppendMirrored(name='both_sides')(attended) if config.average_mirrored else attended
    x = get_backbone(config.backbone).preprocess(_as_color(x, config.color))
    # Whoever starts from a trained network needs no weights of a backbone alone.
    weights = 'none' if config.initial_weights else config.backbone_weights
    x = build_backbone(config.backbone, image_size_px=face_size_px, weights=weights)(x)
    if config.average_mirrored:
        x = AverageMirrored(name='mean_of_sides')(x)
    x = keras.layers.GlobalAveragePooling2D(name='features')(x)
    x = keras.layers.Dropout(config.dropout, name='dropout')(x)
    if config.hog_branch:
        deep = _classify(x, num_classes, name='deep')
        hog = _hog_branch(face if channels == 3 else face[..., :3], num_classes)
        probabilities = GeometricMeanEnsemble(name='probabilities')([deep, hog])
    else:
        probabilities = _classify(x, num_classes, name='probabilities')
    return keras.Model(image, probabilities, name='classifier')


def require_known(config: ModelConfig) -> None:
    """Raises `InvalidInputError` for an unknown backbone or saliency model; builds nothing."""
    get_backbone(config.backbone)
    is_ours = config.saliency != 'none' and not config.maps_folder
    if is_ours and not config.saliency.startswith(SAVED_MODEL):
        get_saliency_kind(config.saliency)


def load_classifier(path: str) -> keras.Model:
    """Loads a saved classifier; that this module is imported registers the layers that it needs.

    Raises:
        MissingFileError: There is no such file.
        InvalidInputError: It is damaged, holds code, or calls a SavedModel that nobody said to
            trust.
    """
    if not os.path.isfile(path):
        raise MissingFileError(
            f'There is no trained classifier: {path} is missing. '
            'Train one with: python -m fer_keras.train --run_dir=...'
        )
    try:
        with as_readable(path) as readable:
            return keras.models.load_model(readable, compile=False)
    except UserError:
        raise
    except _UNREADABLE as error:
        raise InvalidInputError(
            f'{path} must be a whole classifier that `python -m fer_keras.train` wrote. Received: '
            f'{type(error).__name__}: {str(error)[:500]} Copy it again from where it was whole, or '
            'train anew in another --run_dir.'
        ) from error


def freeze_for_stage(model: keras.Model, *, train_backbone: bool) -> None:
    """Freezes or frees the backbone, and with it a saliency model that is trained along.

    Any other saliency model stays frozen in both stages.
    """
    model.get_layer('backbone').trainable = train_backbone
    if has_saliency(model):
        saliency_model = model.get_layer('saliency_map')
        saliency_model.trainable = train_backbone and trains_saliency(model)


def trains_saliency(model: keras.Model) -> bool:
    """Whether the graph holds a saliency model that is trained along with the classifier."""
    if not has_saliency(model):
        return False
    parts = getattr(model.get_layer('saliency_map'), 'layers', ())
    return any(layer.name == 'attention' for layer in parts)


def has_saliency(model: keras.Model) -> bool:
    """Whether the graph holds a saliency model."""
    return any(layer.name == 'saliency_map' for layer in model.layers)


def copy_weights(model: keras.Model, initial: keras.Model, *, keeps_head: bool) -> None:
    """Gives a classifier the backbone and the saliency model of another of the same recipe.

    The linear classifier of histograms of oriented gradients is not copied: it is fitted.

    Args:
        model: Is changed.
        initial: The other one, of images of any size.
        keeps_head: Whether to copy the last layer of the backbone's branch, too.

    Raises:
        InvalidInputError: A part has other weights.
    """
    head = 'deep' if any(layer.name == 'deep' for layer in model.layers) else 'probabilities'
    parts = ['backbone', *(['saliency_map'] if has_saliency(model) else [])]
    known = {layer.name: layer for layer in initial.layers}
    for name in [*parts, *([head] if keeps_head else [])]:
        own, other = model.get_layer(name), known.get(name)
        values = other.get_weights() if other else []
        if [value.shape for value in values] != [value.shape for value in own.get_weights()]:
            raise InvalidInputError(
                f'The initial network must have the weights of the `{name}` that is trained. '
                f'Received: {len(values)} arrays of other shapes than its '
                f'{len(own.get_weights())}. Give the flags that it was trained with.'
            )
        own.set_weights(values)


def divide_scores(model: keras.Model, temperature: float) -> None:
    """Divides the scores behind the probabilities of each branch by a temperature.

    It is kept in the weights of the last layers, so that every form of the model has it: a
    temperature above 1 makes answers less certain, and the most probable class stays.
    """
    for layer in model.layers:
        if layer.name in _ANSWERS and isinstance(layer, keras.layers.Dense):
            layer.set_weights([weight / temperature for weight in layer.get_weights()])


def build_explainer(model: keras.Model) -> keras.Model:
    """The classifier with its inner pictures: also `face`, `saliency_map` and `attended_image`.

    Without a saliency model the map is one everywhere and the attended image is the face.
    """
    face = model.get_layer('face').output
    if has_saliency(model):
        face, saliency_map = model.get_layer('attended_image').input
        attended_image = model.get_layer('attended_image').output
    else:
        attended_image = face
        saliency_map = ops.ones_like(face[..., :1])
    return keras.Model(
        model.input,
        {
            'probabilities': model.output,
            'face': face,
            'saliency_map': saliency_map,
            'attended_image': attended_image,
        },
        name='explainer',
    )


def _attend(face: Any, config: ModelConfig, face_size_px: int) -> Any:
    if config.saliency == 'none':
        return face
    fusion = build_fusion(config.fusion, strength=config.fusion_strength, name='attended_image')
    if config.maps_folder:
        return fusion([face[..., :3], MapChannel(name='saliency_map')(face)])
    saliency_model = build_saliency_model(
        config.saliency,
        image_size_px=face_size_px,
        weights=_saliency_weights(config),
        name='saliency_map',
    )
    saliency_model.trainable = False
    return fusion([face, saliency_model(face)])


def _classify(features: Any, num_classes: int, *, name: str) -> Any:
    # float32 whatever the precision: softmax and the loss need its range.
    return keras.layers.Dense(num_classes, activation='softmax', dtype='float32', name=name)(
        features
    )


def _hog_branch(image: Any, num_classes: int) -> Any:
    """A linear classifier of where which edges are, which the backbone's average forgets."""
    x = HistogramOfOrientedGradients(name='histograms')(image)
    x = keras.layers.Flatten(dtype='float32')(x)
    return keras.layers.Dense(
        num_classes,
        activation='softmax',
        kernel_initializer='zeros',
        trainable=False,
        dtype='float32',
        name='shallow',
    )(x)


def build_histogram_reader(model: keras.Model) -> keras.Model:
    """What the linear classifier of histograms of oriented gradients decides on.

    Returns:
        A model from float32 `[batch, size, size, 3]`, RGB in [0, 255], to float32
        `[batch, values]`, in the order of the kernel of `shallow`.
    """
    image = keras.Input((*model.input_shape[1:3], 3), name='image')
    histograms = model.get_layer('histograms')(model.get_layer('face')(image))
    values = keras.layers.Flatten(dtype='float32')(histograms)
    return keras.Model(image, values, name='histogram_reader')


def decision_kernel(model: keras.Model) -> keras.Variable:
    """The kernel of the linear layer behind the backbone, `[channels, num_classes]`."""
    names = {layer.name for layer in model.layers}
    return model.get_layer('deep' if 'deep' in names else 'probabilities').kernel


def _saliency_weights(config: ModelConfig) -> str | None:
    """What `config` says; a trained map starts from the weights of a backbone of its kind."""
    starts_alike = config.saliency == 'attention' and config.backbone == 'mobilenet_v2'
    if config.saliency_weights or not starts_alike or config.backbone_weights == 'none':
        return config.saliency_weights or None
    return config.backbone_weights


def _as_color(image: Any, color: str) -> Any:
    """Leaves RGB as it is, repeats its luma in three channels, or takes the gradients."""
    if color == 'rgb':
        return image
    if color == 'gradients':
        return NormalizedGradients(name='gradients')(image)
    luma = ops.sum(image * ops.array(LUMA), axis=-1, keepdims=True)
    return ops.repeat(luma, 3, axis=-1)
