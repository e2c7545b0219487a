"""What saliency costs in training: `python benchmarks/training_step.py --data_dir=DATA`.

Steps of whole training, input pipeline and augmentation included, of the bare backbone, with the
saliency model in the graph, and with its maps kept; in one process and in turns, so that all see
the same machine. Given are medians over the turns, of the clock and of the processors' time; the
second is what a busy machine tells more truly, for it does not count others. The bare backbone is
also trained with the batch normalisation of Keras itself in place of TensorFlow's fused one. oneDNN
is of a whole process: give TF_ENABLE_ONEDNN_OPTS=0 and =1 in the environment.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import tensorflow as tf

from fer_keras.config.data import DataConfig
from fer_keras.config.model import ModelConfig
from fer_keras.config.training import TrainingConfig
from fer_keras.data.batches import TrainingBatches
from fer_keras.data.datasets import label_names, open_dataset
from fer_keras.data.map_cache import keep_maps
from fer_keras.data.splits import Source, read_split
from fer_keras.models.classifier import build_classifier, freeze_for_stage
from fer_keras.models.kept_maps import build_map_maker, build_map_reader
from fer_keras.training.engine import Engine
from fer_keras.training.fused_norm import fuse_batch_norm
from fer_keras.training.objectives import ClassificationObjective
from fer_keras.training.recipe import compile_classifier, make_optimizer


def main() -> None:
    """Prints a row a way to train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data_dir', default='~/tensorflow_datasets')
    parser.add_argument('--source', default='cfee/basic_faces')
    parser.add_argument('--backbone', default='mobilenet_v2')
    parser.add_argument('--saliency', default='mlnet_light')
    parser.add_argument('--image_size_px', type=int, default=128)
    parser.add_argument('--crop', type=float, default=0.75)
    parser.add_argument('--batch_size', type=int, default=16)
    parser.add_argument('--turns', type=int, default=7)
    parser.add_argument('--steps', type=int, default=5, help='of each in a turn')
    options = parser.parse_args()
    builder = open_dataset(options.source, options.data_dir)
    names = label_names([builder])
    source = read_split([builder], 'train', names)
    steps = {
        'bare backbone': make_step(source, names, options, 'none', kept=False),
        'bare backbone, not fused': make_step(
            source, names, options, 'none', kept=False, fused=False
        ),
        f'{options.saliency} in the graph': make_step(
            source, names, options, options.saliency, kept=False
        ),
        f'{options.saliency}, maps kept': make_step(
            source, names, options, options.saliency, kept=True
        ),
    }
    seconds = {name: [] for name in steps}
    for _ in range(options.turns):
        for name, (engine, iterator) in steps.items():
            begun = np.array([time.perf_counter(), time.process_time()])
            engine.train(iterator, options.steps)
            spent = np.array([time.perf_counter(), time.process_time()]) - begun
            seconds[name].append(spent / options.steps)
    medians = {name: np.median(values, axis=0) for name, values in seconds.items()}
    bare = medians['bare backbone']
    rows = {name: [*(1000 * value), *(value / bare)] for name, value in medians.items()}
    columns = ['ms', 'processor ms', 'times bare', 'processor times bare']
    print(pd.DataFrame.from_dict(rows, orient='index', columns=columns).round(2).to_string())


def make_step(
    source: Source,
    names: list[str],
    options: argparse.Namespace,
    saliency: str,
    *,
    kept: bool,
    fused: bool = True,
) -> tuple[Engine, Iterator]:
    """An engine that has taken two steps, and its batches without end."""
    config = ModelConfig(
        backbone=options.backbone, backbone_weights='none', saliency=saliency, crop=options.crop
    )
    size = options.image_size_px
    model = build_classifier(config, num_classes=len(names), image_size_px=size)
    forward = None
    if kept:
        source = keep_maps(build_map_maker(model), source)
        forward = build_map_reader(model)
    training = TrainingConfig()
    freeze_for_stage(model, train_backbone=True)
    if fused:
        fuse_batch_norm(model)
    compile_classifier(model, make_optimizer(training, is_head_stage=False, steps=99), training)
    data = DataConfig(image_size_px=size, batch_size=options.batch_size)
    batches = TrainingBatches(source, data, num_classes=len(names), seed=0)
    objective = ClassificationObjective(model.loss)
    engine = Engine(model, objective, tf.distribute.get_strategy(), forward=forward)
    iterator = engine.distribute(lambda context: batches.epoch(0, 0, context).repeat())
    engine.train(iterator, batches.steps_per_epoch // 8)  # the cache is filled on the way
    return engine, iterator


if __name__ == '__main__':
    main()
