"""Writes saliency maps and overlays of pictures: look before you believe.

`python -m fer_keras.saliency_maps --input=PHOTOS --output=OUT`
"""

from __future__ import annotations

from fer_keras import flags
from fer_keras.config.saliency import SaliencyMapsConfig


def main(config: SaliencyMapsConfig) -> None:
    """Writes maps, overlays and their means, and prints how central they are."""
    from fer_keras.inference.saliency_maps import write_saliency_maps

    summary = write_saliency_maps(config)
    print(
        f'{summary.images} images, {summary.skipped} files skipped. Correlation with a centre '
        f'Gaussian: mean map {summary.mean_map_cc:.2f}, single maps {summary.mean_cc:.2f}. '
        f'Look at {summary.mean_overlay}'
    )


if __name__ == '__main__':
    flags.start(main, SaliencyMapsConfig)
