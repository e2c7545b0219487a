"""`python -m fer_keras.train_saliency --flagfile=experiments/saliency_light.flags`."""

from __future__ import annotations

from fer_keras import flags, saliency_flags
from fer_keras.training.saliency_session import train_saliency


def main() -> None:
    """Trains a saliency model and says where its weights are."""
    written = train_saliency(saliency_flags.read())
    if written:  # One of several workers writes them.
        print(f'Wrote {written}')


if __name__ == '__main__':
    saliency_flags.define()
    flags.start(main)
