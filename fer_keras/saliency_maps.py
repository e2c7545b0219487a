"""Draws saliency maps: `python -m fer_keras.saliency_maps --input=FOLDER --output=FOLDER`."""

from __future__ import annotations

from fer_keras import flags, saliency_flags
from tfds_builders.quiet import load_tensorflow


def main() -> None:
    """Writes maps, overlays and their means, and prints how central they are."""
    options = saliency_flags.read_maps()
    # Here, because wrong flags should not wait for TensorFlow.
    load_tensorflow()
    from fer_keras.inference.saliency_maps import write_saliency_maps

    summary = write_saliency_maps(options)
    print(
        f'{summary.images} images, {summary.skipped} files skipped. Correlation with a centre '
        f'Gaussian: mean map {summary.mean_map_cc:.2f}, single maps {summary.mean_cc:.2f}. '
        f'Look at {summary.mean_overlay}'
    )


if __name__ == '__main__':
    saliency_flags.define_maps()
    flags.start(main)
