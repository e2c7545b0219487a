"""Pictures of more than eight bits, of floats and of signed numbers, brought to eight bits."""

from __future__ import annotations

import numpy as np


def to_8_bits(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Scales by the range that the values most likely use, and says by which.

    Floats in [0, 1] are multiplied by 255; values up to 255 stay; those up to 32,767 (of signed 16
    bits) or 65,535 are divided by 128 and 256; larger ones are divided so that the brightest is
    255; where some are negative, the least becomes 0 and the greatest 255.

    >>> image, note = to_8_bits(np.array([[0.0, 0.5, 1.0]], np.float32))
    >>> image[0, :, 0].tolist(), note
    ([0, 128, 255], 'float32 from 0 to 1 was multiplied by 255')

    Args:
        values: `[height, width]`, or `[height, width, 3 or 4]` in the order blue, green, red: any
            type of number. Not a number counts as 0.

    Returns:
        uint8 `[height, width, 3]`, RGB, and a phrase for the user.

    Raises:
        ValueError: Not one value is a finite number.
    """
    kind = values.dtype
    if kind.kind == 'f':
        is_finite = np.isfinite(values)
        if not is_finite.any():
            raise ValueError('no value is a finite number')
        if not is_finite.all():
            values = np.where(is_finite, values, values[is_finite].min())
    low, high = float(values.min()), float(values.max())
    zero, factor, how = _find_scale(kind, low, high)
    eight = ((values - zero) * factor if factor != 1 else values).astype(np.float32)
    # Whole numbers lose their lower bits, as those of 16-bit PNG do.
    eight = np.floor(eight) if factor in (1 / 256, 1 / 128) else np.rint(eight)
    image = eight.clip(0, 255).astype(np.uint8)
    image = image[..., 2::-1] if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)
    note = f'{kind} from {low:g} to {high:g} {how}'
    return np.ascontiguousarray(image), note


def _find_scale(kind: np.dtype[np.generic], low: float, high: float) -> tuple[float, float, str]:
    """What is subtracted, what is multiplied, and how that is said."""
    if low < 0:
        return low, 255 / max(high - low, 1e-30), 'was stretched from its least to its greatest'
    if kind.kind == 'f' and high <= 1:
        return 0, 255, 'was multiplied by 255'
    if high <= 255:
        return 0, 1, 'was taken as it is'
    if kind == np.int16:
        return 0, 1 / 128, 'was divided by 128'
    if high <= 65535:
        return 0, 1 / 256, 'was divided by 256'
    return 0, 255 / high, 'was divided so that the brightest is 255'


def note_empty_bits(image: np.ndarray) -> list[str]:
    """What is to be said of 16 bits of which a camera filled the lower ones only, if it did.

    >>> note_empty_bits(np.full((1, 1, 3), 15, np.uint8))
    ['dark: the upper 4 of its 16 bits are empty']
    """
    most = int(image.max())
    empty = 8 - most.bit_length()
    return [f'dark: the upper {empty} of its 16 bits are empty'] if 2 <= empty < 8 else []
