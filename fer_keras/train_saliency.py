"""`python -m fer_keras.train_saliency --flagfile=experiments/saliency_light.flags`."""

from fer_keras import flags, saliency_flags
from fer_keras.training.saliency_loop import train_saliency


def main() -> None:
    """Trains a saliency model and says where its weights are."""
    print(f'Wrote {train_saliency(saliency_flags.read())}')


if __name__ == '__main__':
    saliency_flags.define()
    flags.start(main)
