"""Metrics of a saliency map against where people looked.

All follow `pysaliency` (Kuemmerer), and so the MIT/Tuebingen benchmark, to 1e-6. Maps are
`[height, width]`, any range; fixations are `[n, 2]`, (x, y) in pixels from 0, and repeat where
several people looked at one pixel. Where the benchmark's MATLAB code differs, the function says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fer_keras.errors import InvalidInputError

Array = npt.NDArray[np.floating[Any]]
# MATLAB's eps, which both implementations use.
EPSILON = 2.2204e-16


def nss(saliency_map: Array, fixations: Array) -> float:
    """Mean of the standardised map at the fixations (Peters et al. 2005); chance is 0.

    The deviation divides by N as in pysaliency; MATLAB's `std` divides by N - 1. A constant map
    scores 0.
    """
    return float(_standard(saliency_map)[_cells(saliency_map, fixations)].mean())


def cc(saliency_map: Array, target: Array) -> float:
    """Pearson correlation of two maps; 0 where one is constant (pysaliency: NaN for two)."""
    return float(np.mean(_standard(saliency_map) * _standard(target)))


def sim(saliency_map: Array, target: Array) -> float:
    """Sum of the minima of two maps that each sum to 1, in [0, 1].

    As pysaliency; the MATLAB code stretches both maps to [0, 1] first.
    """
    return float(np.minimum(density(saliency_map), density(target)).sum())


def kl_divergence(saliency_map: Array, target: Array) -> float:
    """Sum of q log(eps + q / (p + eps)), q the target; as pysaliency's `MIT_KLDiv` and MATLAB."""
    p, q = density(saliency_map), density(target)
    return float((q * np.log(EPSILON + q / (p + EPSILON))).sum())


def auc_judd(saliency_map: Array, fixations: Array) -> float:
    """Area under the ROC curve of fixations against the pixels nobody looked at (Judd 2009).

    Equal values count half, as in pysaliency (whose `uniform` negatives are all the pixels,
    fixated ones included); the MATLAB code adds a random jitter to break ties instead.
    """
    cells = _cells(saliency_map, fixations)
    fixated = np.zeros(saliency_map.shape, bool)
    fixated[cells] = True
    return area_under_curve(saliency_map[cells], saliency_map[~fixated])


def auc_shuffled(saliency_map: Array, fixations: Array, other_fixations: Array) -> float:
    """AUC whose negatives are the fixations of other images: a centre bias earns nothing.

    `other_fixations` are `[m, 2]` in the pixels of this image. All of them are used, as in
    pysaliency's `sAUC`; the MATLAB code draws as many as there are positives, 100 times.
    """
    negatives = saliency_map[_cells(saliency_map, other_fixations)]
    return area_under_curve(saliency_map[_cells(saliency_map, fixations)], negatives)


def information_gain(saliency_map: Array, fixations: Array, baseline: Array) -> float:
    """Mean of log2 p - log2 p_baseline at the fixations, bits (Kuemmerer et al. 2015).

    Both maps are made densities first; eps keeps a zero finite, as in the MATLAB code.
    """
    cells = _cells(saliency_map, fixations)
    gain = np.log2(density(saliency_map) + EPSILON) - np.log2(density(baseline) + EPSILON)
    return float(gain[cells].mean())


def area_under_curve(positives: Array, negatives: Array) -> float:
    """Probability that a positive exceeds a negative, ties counting half (Mann-Whitney).

    Raises:
        InvalidInputError: There are no negatives.
    """
    if not negatives.size:
        raise InvalidInputError('An AUC needs at least one negative. Received: none.')
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, side='left')
    not_above = np.searchsorted(ordered, positives, side='right')
    return float((below + not_above).mean() / 2 / ordered.size)


def density(saliency_map: Array) -> Array:
    """The map divided by its sum, shifted to 0 where it is negative; uniform where it is zero."""
    values = np.asarray(saliency_map, np.float64)
    values = values - min(values.min(), 0.0)
    total = values.sum()
    return values / total if total else np.full(values.shape, 1 / values.size)


def _standard(saliency_map: Array) -> Array:
    values: Array = np.asarray(saliency_map, np.float64)
    values = values - values.mean()
    deviation = values.std()
    standard: Array = values / deviation if deviation else values
    return standard


def _cells(
    saliency_map: Array, fixations: Array
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """(rows, columns) of the fixations.

    Raises:
        InvalidInputError: The map is not a plane, there are no fixations, or one lies outside.
    """
    if np.ndim(saliency_map) != 2:
        raise InvalidInputError(
            f'A map must be [height, width]. Received: {np.shape(saliency_map)}.'
        )
    xy = np.asarray(fixations).reshape(-1, 2).astype(int)
    if not len(xy):
        raise InvalidInputError('The metric needs at least one fixation. Received: none.')
    height, width = np.shape(saliency_map)
    if (xy < 0).any() or (xy >= (width, height)).any():
        raise InvalidInputError(
            f'Fixations must be (x, y) with 0 <= x < {width} and 0 <= y < {height}. '
            f'Received: {xy.min(axis=0)} to {xy.max(axis=0)}.'
        )
    return xy[:, 1], xy[:, 0]
