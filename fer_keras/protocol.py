"""Runs a whole protocol, and goes on where it stopped.

`python -m fer_keras.protocol --flagfile=experiments/saliency_ablation.flags`

A protocol is every experiment with every variant of its flags, for every seed and fold, tested on
every target. Each training is a run folder of its own, by a process of its own; what is finished is
not run again, and what was cut off goes on. Nothing is chosen on a target.
"""

from __future__ import annotations

from fer_keras import flags
from fer_keras.config.protocol import ProtocolConfig


def main(config: ProtocolConfig) -> None:
    """Runs what is left of the protocol, and writes its tables and its report."""
    from fer_keras.protocols.runner import run_protocol

    run_protocol(config, flags.parse_run)


if __name__ == '__main__':
    flags.start(main, ProtocolConfig)
