"""One run: data, model, devices and files are brought together, and the loop is started."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from fer_keras.config.run import RunConfig, TrainingConfig, as_flags
from fer_keras.data.batches import TrainingBatches, evaluation_batches
from fer_keras.data.datasets import open_shallow_sources, open_sources
from fer_keras.data.map_cache import keep_maps
from fer_keras.data.splits import Source, read_split, trained_label_names
from fer_keras.environment import describe_environment
from fer_keras.models.classifier import build_classifier
from fer_keras.models.kept_maps import build_map_maker, build_map_reader, has_maps_to_keep
from fer_keras.run_dir import RunDir
from fer_keras.training.precision import choose_precision
from fer_keras.training.progress import ProgressLine
from fer_keras.training.recipe import balanced_weights
from fer_keras.training.shallow import fit_shallow_branch
from fer_keras.training.stages import Loop
from fer_keras.training.strategy import is_chief, make_strategy
from fer_keras.training.tensorboard import Pictures


def train(
    run: RunConfig, run_dir: RunDir, callbacks: Sequence[keras.callbacks.Callback] = ()
) -> bool:
    """Trains the classifier; its best epoch on the source's validation split is kept.

    A run that was cut off goes on where it was, to the very weights that it would have had. Of
    several workers only the chief writes; all must see the folder, to go on from one state.

    Args:
        run: What is trained on what, and how.
        run_dir: Where it writes.
        callbacks: Any of Keras', called on each worker beside those of the run. What they remember
            in numbers is saved and restored with it.

    Returns:
        Whether this process is the one that writes the files of the run.

    Raises:
        FileNotFoundError: A data set is not prepared, or a weights file is missing.
        FileExistsError: The folder holds a finished run, or one of other flags.
        ValueError: The configuration does not fit the data or the devices.
        KeyboardInterrupt: Somebody asked the run to end; its state is saved.
    """
    make_repeatable(run.training)
    strategy = make_strategy(
        run.training.strategy, batch_size=run.data.batch_size, parts=run.training.accumulate
    )
    sources, shallow_sources = open_sources(run.data), open_shallow_sources(run.data)
    names = trained_label_names(sources, run.data.fold)
    chief = is_chief(strategy)
    if chief:
        run_dir.claim(as_flags(run))
        write_beginning(run_dir, [*sources, *shallow_sources], names)
    else:
        run_dir.refuse_others(as_flags(run))
    keras.config.set_dtype_policy(choose_precision(run, run_dir, num_classes=len(names)))
    maps_folder, fold = run.model.maps_folder, run.data.fold
    training = read_split(sources, 'train', names, maps_folder, fold)
    validation = read_split(sources, 'validation', names, maps_folder, fold)
    with strategy.scope():
        model = build_classifier(
            run.model, num_classes=len(names), image_size_px=run.data.image_size_px
        )
        prepare = None
        if run.model.shallow_branch:
            others = [read_split([source], 'all', names) for source in shallow_sources]
            prepare = functools.partial(
                _prepare_shallow_branch, run, model, strategy, [training, *others]
            )
        forward, (training, validation) = make_maps(
            model, (training, validation), run.data.saliency_cache, is_told=chief
        )
    progress = [ProgressLine(run.data.batch_size, run.training.epochs)] if chief else []
    loop = Loop(
        run.training,
        run_dir,
        model,
        strategy,
        class_weights=balanced_weights(training.counts) if run.training.balance_classes else (),
        forward=forward,
        pictures=_draw_beginning(run, run_dir, model, validation, names) if chief else None,
        prepare=prepare,
        callbacks=[*progress, *callbacks],
    )
    loop.run(
        TrainingBatches(training, run.data, num_classes=len(names), seed=run.training.seed),
        evaluation_batches(validation, run.data, num_classes=len(names)),
    )
    return chief


def make_maps(
    model: keras.Model, splits: Sequence[Source], kept_in: str, *, is_told: bool
) -> tuple[keras.Model | None, Sequence[Source]]:
    """Has a frozen saliency model make its maps once, where the run keeps them.

    Args:
        model: The classifier.
        splits: What gets maps.
        kept_in: `memory`, a folder, or `none`.
        is_told: Whether this process prints how long it took.

    Returns:
        What the steps call instead of the model, or None, and the splits with their maps.
    """
    if kept_in == 'none' or not has_maps_to_keep(model):
        return None, splits
    begun, maker = time.monotonic(), build_map_maker(model)
    folder = '' if kept_in == 'memory' else kept_in
    splits = [keep_maps(maker, split, folder) for split in splits]
    if is_told:
        images = sum(split.size for split in splits)
        print(f'saliency maps of {images} images: {time.monotonic() - begun:.1f} s', flush=True)
    return build_map_reader(model), splits


def _prepare_shallow_branch(
    run: RunConfig,
    model: keras.Model,
    strategy: tf.distribute.Strategy,
    sources: Sequence[Source],
) -> None:
    """Fits it, and tells how long it took."""
    begun = time.monotonic()
    is_balanced = run.training.balance_classes or run.data.balanced_sampling
    fit_shallow_branch(model, strategy, sources, run.data, is_balanced=is_balanced)
    if is_chief(strategy):
        images, seconds = sum(source.size for source in sources), time.monotonic() - begun
        print(f'shallow branch, fitted to {images} images: {seconds:.1f} s', flush=True)


def _draw_beginning(
    run: RunConfig, run_dir: RunDir, model: keras.Model, validation: Source, names: Sequence[str]
) -> Pictures:
    """Writes to TensorBoard what is known before the first step."""
    pictures = Pictures(run_dir, names)
    pictures.write_flags(run)
    batches = evaluation_batches(validation, run.data, num_classes=len(names))
    images = next(batches.take(1).as_numpy_iterator())[0]
    pictures.write_overlays(model, images[..., : model.input_shape[-1]])
    return pictures


def write_beginning(run_dir: RunDir, sources: Sequence[Any], names: Sequence[str]) -> None:
    """Writes what is known before the first step: labels and environment."""
    with open(run_dir.labels_file, 'w', encoding='utf-8') as file:
        file.write(''.join(f'{name}\n' for name in names))
    with open(run_dir.environment_file, 'w', encoding='utf-8') as file:
        json.dump(describe_environment(sources), file, indent=2)


def make_repeatable(config: TrainingConfig) -> None:
    """Seeds Python, NumPy and TensorFlow; `deterministic` also makes every op repeatable."""
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
