"""Measures saliency models against where people looked.

`python -m fer_keras.evaluate_saliency --saliency_data=salicon --split=val`
"""

from __future__ import annotations

from fer_keras import flags
from fer_keras.config.saliency import SaliencyEvaluationConfig


def main(config: SaliencyEvaluationConfig) -> None:
    """Prints and writes the table of saliency models."""
    from fer_keras.data.datasets import open_dataset
    from fer_keras.evaluation.saliency_report import saliency_table, write_table

    builder = open_dataset(config.saliency_data, config.data_dir)
    table = saliency_table(builder, config.split, config.kinds, config.weights)
    print(table.round(3).to_string())
    print(write_table(table, config.output))


if __name__ == '__main__':
    flags.start(main, SaliencyEvaluationConfig)
