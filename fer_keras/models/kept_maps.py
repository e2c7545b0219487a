"""A classifier of which the saliency maps are made beforehand: the same layers in other graphs."""

from __future__ import annotations

import keras

from fer_keras.models.classifier import has_saliency, trains_saliency
from fer_keras.models.saliency_layers import MapChannel, MapOfAnother

# Made in no time, and the same for every image: it would otherwise move with its image.
_NOT_KEPT = ('CenterGaussian',)


def has_maps_to_keep(model: keras.Model) -> bool:
    """Whether a classifier makes saliency maps that are worth keeping."""
    if not has_saliency(model) or trains_saliency(model):
        return False  # There are none, or they change with every step.
    maker = model.get_layer('saliency_map')
    if not isinstance(maker, keras.Model):
        return False  # The maps are read from a folder.
    return not any(type(layer).__name__ in _NOT_KEPT for layer in maker.layers)


def build_map_maker(model: keras.Model) -> keras.Model:
    """From the classifier's `image` to the map that its frozen saliency model makes of it.

    Returns:
        A model from float32 `[batch, size, size, 3]`, RGB in [0, 255], to float32
        `[batch, face_size, face_size, 1]` in [0, 1]. The maps of `shuffled` are not yet exchanged.
    """
    face, saliency_map = model.get_layer('attended_image').input
    maker = model.get_layer('saliency_map')
    if _is_shuffled(maker):
        own = keras.Model(maker.input, maker.get_layer('map_of_another').input)
        saliency_map = own(face)
    return keras.Model(model.input, saliency_map, name='map_maker')


def build_map_reader(model: keras.Model) -> keras.Model:
    """The classifier, given each image's map: every layer but the saliency model is shared.

    What trains the one trains the other, while the classifier itself keeps the saliency model, is
    saved with it and is served with it.

    Returns:
        A model from float32 `[batch, size, size, 4]`, RGB and the map, all in [0, 255], to
        `probabilities`.
    """
    face, saliency_map = model.get_layer('attended_image').input
    after_saliency = keras.Model([face, saliency_map], model.output, name='after_saliency')
    size, face_size = model.input_shape[1], face.shape[1]
    pair = keras.Input((size, size, 4), name='image')
    seen = keras.layers.CenterCrop(face_size, face_size, dtype='float32', name='face')(pair)
    kept = MapChannel(name='kept_map')(seen)
    if _is_shuffled(model.get_layer('saliency_map')):
        kept = MapOfAnother(name='map_of_another')(kept)
    return keras.Model(pair, after_saliency([seen[..., :3], kept]), name='map_reader')


def _is_shuffled(maker: keras.Model) -> bool:
    return any(isinstance(layer, MapOfAnother) for layer in maker.layers)
