"""Trains a saliency model: `python -m fer_keras.train_saliency --flagfile=experiments/X.flags`.

It learns where people looked; what it learned is written in float16 to --output.
"""

from __future__ import annotations

from fer_keras import flags
from fer_keras.config.saliency import SaliencyTrainingConfig


def main(config: SaliencyTrainingConfig) -> None:
    """Trains a saliency model and says where its weights are."""
    from fer_keras.training.saliency_session import train_saliency

    written = train_saliency(config)
    if written:  # One of several workers writes them.
        print(f'Wrote {written}')


if __name__ == '__main__':
    flags.start(main, SaliencyTrainingConfig, trains=True)
