"""Every layer of a model, also those of the models inside it."""

from __future__ import annotations

from collections.abc import Iterator

import keras


def inner_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Each layer once, in the order of the model, and behind a model the layers of it.

    >>> inside = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name='one')])
    >>> model = keras.Sequential([keras.Input((2,)), inside, keras.layers.ReLU(name='two')])
    >>> [layer.name for layer in inner_layers(model) if not hasattr(layer, 'layers')]
    ['one', 'two']
    """
    seen = set()
    waiting = list(reversed(model.layers))
    while waiting:
        layer = waiting.pop()
        if id(layer) not in seen:
            seen.add(id(layer))
            yield layer
            waiting += reversed(getattr(layer, 'layers', []))
