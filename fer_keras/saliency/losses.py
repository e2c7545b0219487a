"""What a saliency model minimises: KL divergence, correlation and NSS, of logits.

Target: float32 `[batch, h, w, 2]`, the smoothed map in [0, 1] and the number of fixations in each
pixel. Logits: float32 `[batch, h, w, 1]` of a density over the pixels. One value an image.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from fer_keras.models.mlnet import mlnet_losses

EPSILON = 1e-7
CC_WEIGHT = 1.0
NSS_WEIGHT = 0.25


def saliency_loss(target: Any, logits: Any) -> Any:
    """KL + (1 - CC) - NSS / 4: all three improve what they name, as in EML-Net (Jia 2020)."""
    return (
        kl_divergence(target, logits)
        + CC_WEIGHT * (1 - cc(target, logits))
        - NSS_WEIGHT * nss(target, logits)
    )


def mlnet_loss_of_target(target: Any, logits: Any) -> Any:
    """`mlnet_losses` of a target that carries the fixations too, at the image's resolution."""
    return mlnet_losses(target[..., :1], ops.exp(logits))


def kl_divergence(target: Any, logits: Any) -> Any:
    """Sum of q log(q / p): q the map as a density, log p the log-softmax over all pixels."""
    density, _, log_p, _ = _flat(target, logits)
    density = density / ops.maximum(ops.sum(density, axis=1, keepdims=True), EPSILON)
    return ops.sum(density * (ops.log(density + EPSILON) - log_p), axis=1)


def cc(target: Any, logits: Any) -> Any:
    """Pearson correlation of the map with the predicted density."""
    density, _, _, p = _flat(target, logits)
    return ops.mean(_standard(density) * _standard(p), axis=1)


def nss(target: Any, logits: Any) -> Any:
    """Mean of the standardised density over the fixations; 0 where there are none."""
    _, counts, _, p = _flat(target, logits)
    total = ops.sum(counts * _standard(p), axis=1)
    return total / ops.maximum(ops.sum(counts, axis=1), 1.0)


def _flat(target: Any, logits: Any) -> tuple[Any, Any, Any, Any]:
    """Map, counts, log density and density / its maximum, each float32 `[batch, h * w]`."""
    target = ops.cast(target, 'float32')
    flat = ops.reshape(ops.cast(logits, 'float32'), (-1, logits.shape[1] * logits.shape[2]))
    density = ops.reshape(target[..., 0], ops.shape(flat))
    counts = ops.reshape(target[..., 1], ops.shape(flat))
    p = ops.exp(flat - ops.max(flat, axis=1, keepdims=True))
    return density, counts, keras.ops.log_softmax(flat, axis=1), p


def _standard(values: Any) -> Any:
    deviation = ops.std(values, axis=1, keepdims=True)
    return (values - ops.mean(values, axis=1, keepdims=True)) / ops.maximum(deviation, EPSILON)
