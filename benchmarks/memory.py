"""Peak memory of reading and of testing: `python benchmarks/memory.py --data_dir=DATA`.

Each row is a process of its own. Two read a data set without a cache in memory: one epoch, and one
of ten times as many images, the same records ten times over. The last tests `--tested_images`
images, by default as many as FER2013 has for its test, drawn at 48 px and shown to a backbone at
224 px: needs no data, and `--only_testing` runs it alone.
"""

import argparse
import multiprocessing
import resource

import pandas as pd

# More than the buffer in which encoded images are shuffled.
FEWEST_IMAGES = 5000
FER2013_TESTED = 7178
TESTED_SIZE_PX = 48
LIMIT_MIB = 1500


def main() -> None:
    """Prints the rows, and the ratio of the first two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data_dir', default='~/tensorflow_datasets')
    parser.add_argument('--source', default='cfee/basic_faces')
    parser.add_argument('--image_size_px', type=int, default=96)
    parser.add_argument('--batch_size', type=int, default=32)
    parser.add_argument('--tested_images', type=int, default=FER2013_TESTED)
    parser.add_argument('--tested_at_px', type=int, default=224)
    parser.add_argument('--backbone', default='mobilenet_v2')
    parser.add_argument('--only_testing', action='store_true')
    options = parser.parse_args()
    rows = {}
    if not options.only_testing:
        read = [_in_a_process(peak_of_an_epoch, options, times) for times in (1, 10)]
        rows = {f'{images} images read': megabytes for images, megabytes in read}
    images, megabytes = _in_a_process(peak_of_a_test, options)
    rows[f'{images} images tested at {options.tested_at_px} px'] = megabytes
    print(pd.DataFrame.from_dict(rows, orient='index', columns=['peak, MiB']).to_string())
    if not options.only_testing:
        print(f'ten times the images: {read[1][1] / read[0][1]:.2f} times the memory')
    if megabytes > LIMIT_MIB:
        raise SystemExit(f'A test should take at most {LIMIT_MIB} MiB.')


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
    return batches.steps_per_epoch * data.batch_size, _peak()


def peak_of_a_test(options: argparse.Namespace) -> tuple[int, int]:
    """Tested images, and the largest resident memory of a process that tests them."""
    from fer_keras.config.data import DataConfig
    from fer_keras.config.model import ModelConfig
    from fer_keras.evaluation.intervals import resampled_measures
    from fer_keras.evaluation.predicting import predict_split
    from fer_keras.models.classifier import build_classifier
    from tfds_builders import expressions

    names, size = list(expressions.BASIC), options.tested_at_px
    model = build_classifier(
        ModelConfig(backbone=options.backbone, backbone_weights='none'),
        num_classes=len(names),
        image_size_px=size,
    )
    data = DataConfig(image_size_px=size, batch_size=options.batch_size)
    rows = predict_split(model, drawn_source(options.tested_images, len(names)), data, names)
    resampled_measures(rows, names)
    return len(rows), _peak()


def drawn_source(count: int, num_classes: int):
    """`count` grey pictures of noise, made as they are read, as a split that is tested."""
    import tensorflow as tf

    from fer_keras.data.splits import DESCRIPTIONS, Source

    def draw(position):
        shape = (TESTED_SIZE_PX, TESTED_SIZE_PX, 1)
        noise = tf.random.stateless_uniform(shape, [0, position], 0, 256, tf.int32)
        described = {key: tf.constant('') for key in DESCRIPTIONS}
        return {
            **described,
            'image': tf.io.encode_png(tf.cast(noise, tf.uint8)),
            'label': position % num_classes,
            'position': position,
            'set': tf.constant('drawn'),
            'file_name': tf.as_string(position),
        }

    counts = tuple(len(range(label, count, num_classes)) for label in range(num_classes))
    return Source(tf.data.Dataset.range(count).map(draw), counts)


def _in_a_process(measure, *arguments):
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        return pool.apply(measure, arguments)


def _peak() -> int:
    """MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # KiB on Linux


if __name__ == '__main__':
    main()
