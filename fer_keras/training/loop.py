"""A training that can be cut off anywhere: its stages, their epochs, and the states between."""

from __future__ import annotations

import contextlib
import errno
import functools
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf

from fer_keras.data.batches import EvaluationBatches
from fer_keras.data.epochs import EpochBatches
from fer_keras.errors import InvalidInputError, LostWorkerError, UnwritableFileError
from fer_keras.files import WHAT_TO_DO
from fer_keras.run_dir import RunDir
from fer_keras.training.callback_memory import RememberedCallback
from fer_keras.training.callbacks import StageCallbacks, forget_epochs_after, make_callbacks
from fer_keras.training.interruption import StopRequest
from fer_keras.training.objectives import Sums, add
from fer_keras.training.saved_states import Checkpoints, TrainingState, assign, values_of
from fer_keras.training.stages import Stage
from fer_keras.training.strategy import is_chief
from fer_keras.training.tasks import Task

_DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Loop:
    """Takes a task from its newest saved state to its end, stage by stage.

    Args:
        task: What is trained.
        run_dir: Where the run is.
        callbacks: Others than the run's own.
        require_held: Called before anything of the run is written; raises where another process
            has taken its folder.

    >>> import tempfile
    >>> from fer_keras.config.run import TrainingConfig
    >>> from fer_keras.training.tasks import ClassifierTask
    >>> class Batches(EpochBatches):
    ...     def prepare(self, example):
    ...         return example
    ...
    ...     def finish(self, seed, example):
    ...         return example['image'], example['label']
    >>> examples = {'image': tf.eye(4), 'label': tf.one_hot([0, 1, 1, 0], 2)}
    >>> data = tf.data.Dataset.from_tensor_slices(examples)
    >>> batches = Batches([data], [4], batch_size=2, seed=0, cache=True)
    >>> backbone = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)], name='backbone')
    >>> model = keras.Sequential([backbone, keras.layers.Dense(2, 'softmax')])
    >>> config = TrainingConfig(epochs=1, head_epochs=0)
    >>> task = ClassifierTask(model, tf.distribute.get_strategy(), config)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Loop(task, RunDir(folder)).run(batches, batches.epoch(0))  # doctest: +ELLIPSIS
    epoch 1/1  loss ...  accuracy ...  val_loss ...  val_accuracy ...
    """

    def __init__(
        self,
        task: Task,
        run_dir: RunDir,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        require_held: Callable[[], None] = lambda: None,
    ) -> None:
        self._task = task
        self._require_held = require_held
        self._run_dir = run_dir
        self._users = [
            RememberedCallback(one, f'callbacks/{place}/{type(one).__name__}')
            for place, one in enumerate(callbacks)
        ]
        self._is_chief = is_chief(task.strategy)
        self._checkpoints = Checkpoints(run_dir.state_dir)

    def run(self, batches: EpochBatches, validation: tf.data.Dataset | EvaluationBatches) -> None:
        """Trains from the newest state, or from the beginning, to the end.

        Raises:
            KeyboardInterrupt: Somebody asked the run to end; its state is saved.
            UnwritableFileError: A file cannot be written: the disk is full.
            LostWorkerError: Another worker has ended.
            InvalidInputError: The loss is no number.
        """
        state = self._checkpoints.latest() or TrainingState()
        if state.model:
            assign(self._task.model.variables, state.model, 'model')
        with _advice(self._run_dir.state_dir):
            if not state.model:
                self._task.begin()
            if self._is_chief:
                forget_epochs_after(self._run_dir.history_file, state.epoch)
            with StopRequest() as stop:
                for stage in self._task.schedule.stages():
                    if not state.is_finished and state.epoch < stage.last:
                        trainer = self._trainer(stage, batches, validation, stop)
                        state = trainer.run(state)

    def _trainer(
        self,
        stage: Stage,
        batches: EpochBatches,
        validation: tf.data.Dataset | EvaluationBatches,
        stop: StopRequest,
    ) -> _StageTrainer:
        task, steps = self._task, batches.steps_per_epoch
        own = make_callbacks(
            task.schedule, stage, self._run_dir, batches.batch_size, writes=self._is_chief
        )
        return _StageTrainer(
            task,
            stage,
            batches,
            validation,
            StageCallbacks(own, self._users, task.model, stage, steps),
            save=self._save,
            require_held=self._require_held,
            stop=stop,
        )

    def _save(self, state: TrainingState) -> None:
        if self._is_chief:
            self._require_held()
            self._checkpoints.save(state)


class _StageTrainer:
    """Takes one stage from a state to its end: steps, validation and the callbacks around them.

    It knows of the run that it is a stage of what it is given here, and nothing else.

    Args:
        task: What is trained.
        stage: Which epochs.
        batches: What is trained on.
        validation: What each epoch is measured on.
        callbacks: Those of the stage.
        save: Is given each state that the run may go on from.
        require_held: As of `Loop`.
        stop: Whether somebody wants the run to end.
    """

    def __init__(
        self,
        task: Task,
        stage: Stage,
        batches: EpochBatches,
        validation: tf.data.Dataset | EvaluationBatches,
        callbacks: StageCallbacks,
        *,
        save: Callable[[TrainingState], None],
        require_held: Callable[[], None],
        stop: StopRequest,
    ) -> None:
        self._task, self._model, self._schedule = task, task.model, task.schedule
        self._stage = stage
        self._batches = batches
        self._steps = batches.steps_per_epoch
        self._validation = validation
        self._callbacks = callbacks
        self._save_state = save
        self._require_held = require_held
        self._stop = stop
        with task.strategy.scope():
            self._engine = task.begin_stage(stage, self._steps * stage.epochs)

    def run(self, state: TrainingState) -> TrainingState:
        """Trains what is left of the stage; returns the new state."""
        calls = self._callbacks.calls
        self._model.stop_training = False
        self._begin(state)
        while state.epoch < self._stage.last and not self._model.stop_training:
            epoch = state.epoch
            calls.on_epoch_begin(epoch)
            sums = self._train(state)
            calls.on_test_begin()
            measured, totals = self._engine.evaluate(self._validation)
            calls.on_test_end(measured)
            validated = {f'val_{name}': value for name, value in measured.items()}
            self._require_held()
            calls.on_epoch_end(epoch, self._engine.means(sums) | validated)
            self._task.show(totals, epoch)
            state = self._save(epoch + 1, 0, {})
        calls.on_train_end()
        return state

    def _begin(self, state: TrainingState) -> None:
        """Gives optimizer and callbacks what they knew; in a new stage only what spans the run."""
        is_same_stage = state.stage == self._stage.index and bool(state.optimizer)
        self._callbacks.begin(state.callbacks, is_same_stage=is_same_stage)
        if is_same_stage:
            assign(self._model.optimizer.variables, state.optimizer, 'optimizer')

    def _train(self, state: TrainingState) -> Sums:
        """Takes the steps that are left of an epoch; returns the sums of all of it."""
        calls, between = self._callbacks.calls, self._schedule.checkpoint_steps
        epoch, step, sums = state.epoch, state.step, state.sums
        iterator = self._engine.distribute(functools.partial(self._batches.epoch, epoch, step))
        while step < self._steps:
            calls.on_train_batch_begin(step)
            count = min(self._schedule.steps_per_call, self._steps - step)
            more = self._engine.train(iterator, count)
            finite_steps = int(more.pop('finite_steps'))
            if finite_steps < count:
                raise not_finite(self._batches, epoch, step + finite_steps)
            sums = add(sums, more)
            step += count
            calls.on_train_batch_end(step - 1, self._engine.means(sums))
            if self._stop.is_made or (between and step % between < count):
                self._save(epoch, step, sums)
            if self._stop.is_made:
                calls.on_train_end()
                raise KeyboardInterrupt(
                    f'Saved after step {step} of epoch {epoch + 1}. The same command goes on from '
                    'there.'
                )
        return sums

    def _save(self, epoch: int, step: int, sums: Sums) -> TrainingState:
        state = TrainingState(
            epoch=epoch,
            step=step,
            stage=self._stage.index,
            sums=sums,
            callbacks=self._callbacks.memory(),
            is_finished=self._model.stop_training or epoch >= self._schedule.epochs,
            model=values_of(self._model.variables),
            optimizer=values_of(self._model.optimizer.variables),
        )
        self._save_state(state)
        return state


def not_finite(batches: EpochBatches, epoch: int, step: int) -> InvalidInputError:
    """The error of a loss that is no number at a step, from 0."""
    return InvalidInputError(
        f'The loss is no longer finite at step {step + 1} of epoch {epoch + 1}, whose batch is '
        f'{batches.file_names(epoch, step)}. Look at these files; if nothing is wrong with them, '
        'lower --learning_rate and --head_learning_rate. Start again in another --run_dir.'
    )


@contextlib.contextmanager
def _advice(state_dir: str) -> Iterator[None]:
    """Says of what ends a run from outside how it goes on."""
    try:
        yield
    except tf.errors.UnavailableError as error:
        raise LostWorkerError(
            'Another worker is lost; its own output says why. Start the same command on all '
            f'hosts again: the run goes on from its last state in {state_dir}.'
        ) from error
    except OSError as error:
        causes = (error, error.__cause__)
        is_full = any(isinstance(e, OSError) and e.errno in _DISK_IS_FULL for e in causes)
        if not is_full and not isinstance(error, UnwritableFileError):
            raise
        what = f'{error}'.removesuffix(WHAT_TO_DO).rstrip('.') + '.'
        remedy = f'The disk is full: {what} Make room' if is_full else f'{what} Mend that'
        raise UnwritableFileError(
            f'{remedy} and give the same command again: the run goes on from its last whole state '
            f'in {state_dir}.'
        ) from error
