"""`python -m fer_keras.evaluate_saliency --saliency_data=salicon --split=val`."""

from fer_keras import flags, saliency_flags
from fer_keras.data.datasets import open_dataset
from fer_keras.evaluation.saliency_report import saliency_table, write_table


def main() -> None:
    """Prints and writes the table of saliency models."""
    options = saliency_flags.read_evaluation()
    builder = open_dataset(options.saliency_data, options.data_dir)
    table = saliency_table(builder, options.split, options.kinds, options.weights)
    print(table.round(3).to_string())
    print(write_table(table, options.output))


if __name__ == '__main__':
    saliency_flags.define_evaluation()
    flags.start(main)
