"""`python -m fer_keras.saliency_maps --input=FOLDER --output=FOLDER`: look before you believe."""

from fer_keras import flags, saliency_flags
from fer_keras.inference.saliency_maps import write_saliency_maps


def main() -> None:
    """Writes maps, overlays and their means, and prints how central they are."""
    options = saliency_flags.read_maps()
    summary = write_saliency_maps(options)
    print(
        f'{summary.images} images, {summary.skipped} files skipped. Correlation with a centre '
        f'Gaussian: mean map {summary.mean_map_cc:.2f}, single maps {summary.mean_cc:.2f}. '
        f'Look at {summary.mean_overlay}'
    )


if __name__ == '__main__':
    saliency_flags.define_maps()
    flags.start(main)
