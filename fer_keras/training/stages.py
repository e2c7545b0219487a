"""Two-stage fine-tuning that can be cut off anywhere: the head on a frozen backbone, then all."""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from fer_keras.config.run import TrainingConfig
from fer_keras.data.batches import TrainingBatches
from fer_keras.models.classifier import freeze_for_stage
from fer_keras.run_dir import RunDir
from fer_keras.training.callbacks import BestCheckpoint, forget_epochs_after, make_callbacks
from fer_keras.training.engine import Engine, Sums, add, means_of
from fer_keras.training.interruption import StopRequest
from fer_keras.training.recipe import (
    compile_classifier,
    freeze_batch_norm,
    group_rates,
    make_optimizer,
    stages,
)
from fer_keras.training.saved_states import (
    Checkpoints,
    TrainingState,
    assign,
    plain_values,
    values_of,
)
from fer_keras.training.strategy import is_chief
from fer_keras.training.tensorboard import Pictures

# What was best, and the step that TensorBoard counts, are the run's and not the stage's.
SPAN_THE_RUN = ('BestCheckpoint', 'TensorBoard')
# The one looks into its file, the other at its clock.
KNOW_BY_THEMSELVES = ('CSVLogger', 'ProgressLine')
_DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Loop:
    """The two stages over one model, with ordinary Keras callbacks around the steps.

    Args:
        config: The recipe.
        run_dir: Where the run is.
        model: The classifier, which is saved.
        strategy: The strategy that it was built in.
        class_weights: Factor of the training loss of each class, or nothing.
        forward: Another graph over the model's variables that takes what `batches` give, or None.
        pictures: Draws for TensorBoard, or None.
        prepare: Called before the first step of a run, and not where one goes on; or None.
        callbacks: Others than the run's own.
    """

    def __init__(
        self,
        config: TrainingConfig,
        run_dir: RunDir,
        model: keras.Model,
        strategy: tf.distribute.Strategy,
        *,
        class_weights: Sequence[float] = (),
        forward: keras.Model | None = None,
        pictures: Pictures | None = None,
        prepare: Callable[[], None] | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> None:
        self._config = config
        self._class_weights = class_weights
        self._run_dir = run_dir
        self._model = model
        self._forward = forward
        self._strategy = strategy
        self._pictures = pictures
        self._prepare = prepare
        self._others = callbacks
        self._is_chief = is_chief(strategy)
        self._checkpoints = Checkpoints(run_dir.state_dir)
        self._best_checkpoint = BestCheckpoint(run_dir.model_file, config.monitor)

    def run(self, batches: TrainingBatches, validation: tf.data.Dataset) -> None:
        """Trains from the newest state, or from the beginning, to the end.

        Raises:
            KeyboardInterrupt: Somebody asked the run to end; its state is saved.
            OSError: The disk is full, or another worker is lost.
            ValueError: The loss is no number.
        """
        state = self._checkpoints.latest() or TrainingState()
        if state.model:
            assign(self._model.variables, state.model, 'model')
        try:
            if self._prepare and not state.model:
                self._prepare()
            if self._is_chief:
                forget_epochs_after(self._run_dir.history_file, state.epoch)
            with StopRequest() as stop:
                for index, (first, last) in enumerate(stages(self._config)):
                    if not state.is_finished and state.epoch < last:
                        stage = _Stage(self, index, first, last, batches.steps_per_epoch)
                        state = stage.run(state, batches, validation, stop)
        except tf.errors.UnavailableError as error:
            raise ConnectionError(
                'Another worker is lost; its own output says why. Start the same command on all '
                f'hosts again: the run goes on from its last state in {self._run_dir.state_dir}.'
            ) from error
        except OSError as error:
            if error.errno not in _DISK_IS_FULL:
                raise
            raise OSError(
                f'The disk is full: {error}. Make room and give the same command again: the run '
                f'goes on from its last whole state in {self._run_dir.state_dir}.'
            ) from error


class _Stage:
    """Some epochs with one optimizer."""

    def __init__(self, loop: Loop, index: int, first: int, last: int, steps: int) -> None:
        config, model = loop._config, loop._model
        self._loop, self._index, self._last, self._steps = loop, index, last, steps
        is_head_stage = last <= config.head_epochs
        with loop._strategy.scope():
            freeze_for_stage(model, train_backbone=not is_head_stage)
            if config.freeze_batch_norm:
                freeze_batch_norm(model)
            has_groups = config.group_rates and not is_head_stage
            optimizer = make_optimizer(
                config,
                is_head_stage=is_head_stage,
                steps=steps * (last - first),
                rates=group_rates(model, config.rates) if has_groups else (),
            )
            compile_classifier(model, optimizer, config)
            self._engine = Engine(
                model,
                loop._strategy,
                parts=config.accumulate,
                clip_norm=config.clip_norm,
                class_weights=loop._class_weights,
                sam_radius=config.sam_radius,
                xla=config.xla,
                forward=loop._forward,
            )
        made = make_callbacks(
            config,
            loop._run_dir,
            loop._best_checkpoint,
            stops_early=not is_head_stage,
            writes=loop._is_chief,
        )
        self._callbacks = keras.callbacks.CallbackList(
            [*made, *loop._others], model=model, epochs=last, steps=steps
        )

    def run(
        self,
        state: TrainingState,
        batches: TrainingBatches,
        validation: tf.data.Dataset,
        stop: StopRequest,
    ) -> TrainingState:
        """Trains what is left of the stage; returns the new state."""
        loop, callbacks = self._loop, self._callbacks
        loop._model.stop_training = False
        callbacks.on_train_begin()
        self._restore(state)
        while state.epoch < self._last and not loop._model.stop_training:
            epoch = state.epoch
            callbacks.on_epoch_begin(epoch)
            sums = self._train(state, batches, stop)
            callbacks.on_test_begin()
            measured, confusion = self._engine.evaluate(validation)
            callbacks.on_test_end(measured)
            validated = {f'val_{name}': value for name, value in measured.items()}
            callbacks.on_epoch_end(epoch, means_of(sums) | validated)
            if loop._pictures:
                loop._pictures.write_confusion(confusion, epoch)
            state = self._save(epoch + 1, 0, {})
        callbacks.on_train_end()
        return state

    def _train(self, state: TrainingState, batches: TrainingBatches, stop: StopRequest) -> Sums:
        """Takes the steps that are left of an epoch; returns the sums of all of it."""
        config = self._loop._config
        epoch, step, sums = state.epoch, state.step, state.sums
        iterator = self._engine.distribute(functools.partial(batches.epoch, epoch, step))
        while step < self._steps:
            self._callbacks.on_train_batch_begin(step)
            count = min(config.steps_per_call, self._steps - step)
            more = self._engine.train(iterator, count)
            finite_steps = int(more.pop('finite_steps'))
            if finite_steps < count:
                raise not_finite(batches, epoch, step + finite_steps)
            sums = add(sums, more)
            step += count
            self._callbacks.on_train_batch_end(step - 1, means_of(sums))
            if stop.is_made or (config.checkpoint_steps and step % config.checkpoint_steps < count):
                self._save(epoch, step, sums)
            if stop.is_made:
                self._callbacks.on_train_end()
                raise KeyboardInterrupt(
                    f'Saved after step {step} of epoch {epoch + 1}. The same command goes on from '
                    'there.'
                )
        return sums

    def _save(self, epoch: int, step: int, sums: Sums) -> TrainingState:
        loop = self._loop
        state = TrainingState(
            epoch=epoch,
            step=step,
            stage=self._index,
            sums=sums,
            callbacks={type(one).__name__: plain_values(one) for one in self._callbacks.callbacks},
            is_finished=loop._model.stop_training or epoch >= loop._config.epochs,
            model=values_of(loop._model.variables),
            optimizer=values_of(loop._model.optimizer.variables),
        )
        if loop._is_chief:
            loop._checkpoints.save(state)
        return state

    def _restore(self, state: TrainingState) -> None:
        """Gives optimizer and callbacks what they knew; in a new stage only what spans the run."""
        is_same_stage = state.stage == self._index and state.optimizer
        if is_same_stage:
            assign(self._loop._model.optimizer.variables, state.optimizer, 'optimizer')
        for callback in self._callbacks.callbacks:
            name = type(callback).__name__
            if name in KNOW_BY_THEMSELVES:
                continue
            if is_same_stage or name in SPAN_THE_RUN:
                vars(callback).update(state.callbacks.get(name, {}))


def not_finite(batches: TrainingBatches, epoch: int, step: int) -> ValueError:
    """The error of a loss that is no number at a step, from 0."""
    return ValueError(
        f'The loss is no longer finite at step {step + 1} of epoch {epoch + 1}, whose batch is '
        f'{batches.file_names(epoch, step)}. Look at these files; if nothing is wrong with them, '
        'lower --learning_rate and --head_learning_rate. Start again in another --run_dir.'
    )
