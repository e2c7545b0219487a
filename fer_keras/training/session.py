"""One run of a classifier: data, model, devices and files are brought together, and trained."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from fer_keras.config.run import RunConfig
from fer_keras.config.saliency import SaliencyTrainingConfig
from fer_keras.config.training import TrainingConfig
from fer_keras.data.batches import EvaluationBatches, TrainingBatches, evaluation_batches
from fer_keras.data.map_cache import keep_maps
from fer_keras.data.recording import People
from fer_keras.data.splits import Source
from fer_keras.models.classifier import build_classifier
from fer_keras.models.kept_maps import build_map_maker, build_map_reader, has_maps_to_keep
from fer_keras.run_dir import RunDir
from fer_keras.training.claiming import claim_run
from fer_keras.training.hog import fit_hog_branch
from fer_keras.training.holding import hold_run
from fer_keras.training.initial_weights import require_fitting, start_from
from fer_keras.training.loop import Loop
from fer_keras.training.recipe import balanced_weights
from fer_keras.training.strategy import is_chief, make_strategy
from fer_keras.training.tasks import ClassifierTask
from fer_keras.training.tensorboard import TensorBoardImages


def train(
    run: RunConfig,
    run_dir: RunDir,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    *,
    check_people: Callable[[People], None] | None = None,
) -> bool:
    """Trains the classifier; its best epoch on the source's validation split is kept.

    A run that was cut off goes on where it was, to the very weights that it would have had. Of
    several workers only the chief writes; all must see the folder, to go on from one state.

    Args:
        run: What is trained on what, and how.
        run_dir: Where it writes.
        callbacks: Any of Keras', called on each worker. Numbers that they remember are saved.
        check_people: Is given everyone named who will teach the model, before the first step; it
            raises where they must not. What is tested afterwards is nothing that training reads.

    Returns:
        Whether this process is the one that writes the files of the run.

    Raises:
        MissingFileError: A data set is not prepared, or a weights file is missing.
        ExistingFileError: The folder holds a finished run, or one of other flags, or another
            process trains in it.
        InvalidInputError: The configuration does not fit the data or the devices.
        UnwritableFileError: The disk is full; the run goes on when there is room.
        KeyboardInterrupt: Somebody asked the run to end; its state is saved.
    """
    make_repeatable(run.training)
    strategy = make_strategy(
        run.training.strategy, batch_size=run.data.batch_size, parts=run.training.accumulate
    )
    chief = is_chief(strategy)
    require_fitting(run.model)
    with hold_run(run_dir, is_chief=chief) as require_held:
        _train(run, run_dir, callbacks, check_people, strategy, require_held)
    return chief


def _train(
    run: RunConfig,
    run_dir: RunDir,
    callbacks: Sequence[keras.callbacks.Callback],
    check_people: Callable[[People], None] | None,
    strategy: tf.distribute.Strategy,
    require_held: Callable[[], None],
) -> None:
    """Trains in a folder that this process holds."""
    chief = is_chief(strategy)
    taught = claim_run(run, run_dir, check_people, is_chief=chief)
    names, training, validation = taught.names, taught.training, taught.validation
    keras.config.set_dtype_policy(run.training.precision)
    with strategy.scope():
        model = _build(run, names, is_told=chief)
        begin = functools.partial(_fit_hog_branch, run, model, strategy, [training, *taught.others])
        splits = (training, validation)
        forward, (training, validation) = _keep_maps(run, model, splits, is_told=chief)
    task = ClassifierTask(
        model,
        strategy,
        run.training,
        class_weights=balanced_weights(training.counts) if run.data.balance == 'loss' else (),
        forward=forward,
        images=_draw_beginning(run, run_dir, model, validation, names) if chief else None,
        begin=begin if run.model.hog_branch else None,
    )
    Loop(task, run_dir, callbacks, require_held).run(
        TrainingBatches(training, run.data, num_classes=len(names), seed=run.training.seed),
        EvaluationBatches(validation, run.data, num_classes=len(names)),
    )


def make_repeatable(config: TrainingConfig | SaliencyTrainingConfig) -> None:
    """Seeds Python, NumPy and TensorFlow; `deterministic` also makes every op repeatable."""
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()


def _build(run: RunConfig, names: Sequence[str], *, is_told: bool) -> keras.Model:
    """The classifier before its first step."""
    model = build_classifier(
        run.model, num_classes=len(names), image_size_px=run.data.image_size_px
    )
    if run.model.initial_weights:
        started = start_from(model, run.model, names)
        if is_told:
            print(started, flush=True)
    return model


def _keep_maps(
    run: RunConfig, model: keras.Model, splits: Sequence[Source], *, is_told: bool
) -> tuple[keras.Model | None, Sequence[Source]]:
    """Has a frozen saliency model make its maps once, where the run keeps them.

    Returns:
        What the steps call instead of the model, or None, and the splits with their maps.
    """
    kept_in = run.data.saliency_cache
    if kept_in == 'none' or not has_maps_to_keep(model):
        return None, splits
    begun, maker = time.monotonic(), build_map_maker(model)
    splits = [keep_maps(maker, split, '' if kept_in == 'memory' else kept_in) for split in splits]
    if is_told:
        images = sum(split.size for split in splits)
        print(f'saliency maps of {images} images: {time.monotonic() - begun:.1f} s', flush=True)
    return build_map_reader(model), splits


def _fit_hog_branch(
    run: RunConfig,
    model: keras.Model,
    strategy: tf.distribute.Strategy,
    sources: Sequence[Source],
) -> None:
    """Fits it, and tells how long it took."""
    begun = time.monotonic()
    is_balanced = run.data.balance != 'none'
    fit_hog_branch(model, strategy, sources, run.data, is_balanced=is_balanced)
    if is_chief(strategy):
        images, seconds = sum(source.size for source in sources), time.monotonic() - begun
        print(f'HOG branch, fitted to {images} images: {seconds:.1f} s', flush=True)


def _draw_beginning(
    run: RunConfig, run_dir: RunDir, model: keras.Model, validation: Source, names: Sequence[str]
) -> TensorBoardImages:
    """Writes to TensorBoard what is known before the first step."""
    images = TensorBoardImages(run_dir, names)
    parts = (run.data, run.model, run.training)
    flags: dict[str, Any] = {}
    for part in parts:
        flags |= dataclasses.asdict(part)
    images.write_flags(flags)
    batches = evaluation_batches(validation, run.data, num_classes=len(names))
    first = next(batches.take(1).as_numpy_iterator())[0]
    images.write_overlays(model, first[..., : model.input_shape[-1]])
    return images
