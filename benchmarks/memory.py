"""Peak memory of reading and of training: `python benchmarks/memory.py --data_dir=DATA`.

Each row is a process of its own that reads a data set without a cache in memory, and one that reads
ten times as many images: the same records ten times over.
"""

import argparse
import multiprocessing
import resource

import pandas as pd

# More than the buffer in which encoded images are shuffled.
FEWEST_IMAGES = 5000


def main() -> None:
    """Prints the two rows and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data_dir', default='~/tensorflow_datasets')
    parser.add_argument('--source', default='cfee/basic_faces')
    parser.add_argument('--image_size_px', type=int, default=96)
    parser.add_argument('--batch_size', type=int, default=32)
    options = parser.parse_args()
    rows = {}
    for times in (1, 10):
        with multiprocessing.get_context('spawn').Pool(1) as pool:
            images, megabytes = pool.apply(peak_of_an_epoch, (options, times))
        rows[f'{images} images'] = [megabytes]
    print(pd.DataFrame.from_dict(rows, orient='index', columns=['peak, MiB']).to_string())
    one, ten = (row[0] for row in rows.values())
    print(f'ten times the images: {ten / one:.2f} times the memory')


def peak_of_an_epoch(options: argparse.Namespace, times: int) -> tuple[int, int]:
    """Images of one epoch, and the largest resident memory of a process that reads it."""
    import dataclasses

    from fer_keras.config.data import DataConfig
    from fer_keras.data.batches import TrainingBatches
    from fer_keras.data.datasets import label_names, open_dataset
    from fer_keras.data.splits import read_split

    builder = open_dataset(options.source, options.data_dir)
    names = label_names([builder])
    source = read_split([builder], 'train', names)
    times *= -(-FEWEST_IMAGES // source.size)
    source = dataclasses.replace(
        source,
        examples=source.examples.repeat(times),
        counts=tuple(times * count for count in source.counts),
    )
    data = DataConfig(
        image_size_px=options.image_size_px, batch_size=options.batch_size, cache=False
    )
    batches = TrainingBatches(source, data, num_classes=len(names), seed=0)
    for _ in batches.epoch(0):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux
    return batches.steps_per_epoch * data.batch_size, peak // 1024


if __name__ == '__main__':
    main()
