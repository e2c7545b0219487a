"""What happens around the steps: history, TensorBoard, early stopping, the best weights."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Mapping, Sequence

import keras

from fer_keras.files import remove_unfinished, whole_file, write_text
from fer_keras.provenance.storage import add_to_archive, find_record
from fer_keras.run_dir import RunDir
from fer_keras.training.callback_memory import Memory, RememberedCallback, memories_for
from fer_keras.training.progress import ProgressLine
from fer_keras.training.stages import Schedule, Stage


class BestCheckpoint(keras.callbacks.Callback):
    """Keeps the model of the best epoch, written whole or not at all.

    Args:
        path: The `.keras` file.
        monitor: The measure; the lowest is best where it ends in `loss`.
        record: Of who teaches it, as a file, which is kept in the `.keras` file; empty: none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = BestCheckpoint(os.path.join(folder, 'best.keras'), 'val_loss')
    ...     checkpoint.set_model(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    ...     for epoch, loss in enumerate([0.5, 0.25, 0.75]):
    ...         checkpoint.on_epoch_end(epoch, {'val_loss': loss})
    ...     os.listdir(folder), checkpoint.best
    (['best.keras'], 0.25)
    """

    def __init__(self, path: str, monitor: str, record: bytes = b'') -> None:
        super().__init__()
        self._record = record
        self.best: float | None = None
        self._path = path
        self._monitor = monitor

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        value = (logs or {})[self._monitor]
        if self.best is not None and not zipfile.is_zipfile(self._path):
            print(
                f'note: {self._path} is gone or damaged; this epoch replaces it.', file=sys.stderr
            )
        elif self.best is not None:
            is_better = value < self.best if _mode(self._monitor) == 'min' else value > self.best
            if not is_better:
                return
        self.best = float(value)
        remove_unfinished(self._path)
        with whole_file(self._path) as unfinished:
            self.model.save(unfinished)
            if self._record:
                add_to_archive(unfinished, self._record)


class StageCallbacks:
    """The callbacks of one stage: the run's own and the user's, and what they remember.

    The run's own are new in each stage, the user's are the same in all.

    Args:
        own: The run's.
        users: The user's, of which one keeps what it knows from stage to stage.
        model: What is trained.
        stage: Which epochs.
        steps: Of an epoch.

    Attributes:
        calls: Calls all of them.

    >>> stop = RememberedCallback(keras.callbacks.EarlyStopping(), 'callbacks/0/EarlyStopping')
    >>> stage = Stage(index=0, first=0, last=2, is_head_stage=False)
    >>> callbacks = StageCallbacks([], [stop], keras.Sequential(), stage, steps=5)
    >>> callbacks.begin({stop.key: {'wait': 4}}, is_same_stage=True)
    >>> callbacks.memory()['callbacks/0/EarlyStopping']['wait']
    4
    """

    def __init__(
        self,
        own: Sequence[keras.callbacks.Callback],
        users: Sequence[RememberedCallback],
        model: keras.Model,
        stage: Stage,
        steps: int,
    ) -> None:
        self._own = [RememberedCallback(one, f'run/{type(one).__name__}') for one in own]
        self._users = list(users)
        self.calls = keras.callbacks.CallbackList(
            [one.callback for one in self._all()], model=model, epochs=stage.last, steps=steps
        )

    def begin(self, saved: Mapping[str, Memory], *, is_same_stage: bool) -> None:
        """Begins the training of the stage, or goes on with it.

        Args:
            saved: `memory` of the state that the run goes on from.
            is_same_stage: Whether that is of this stage.
        """
        memories = memories_for(saved, self._all())
        if not is_same_stage:  # They begin it with what they know, as if nothing had been cut off.
            for one in self._users:
                one.restore(memories[one.key])
        self.calls.on_train_begin()
        for one in self._all():
            one.note_beginning()
            if is_same_stage or isinstance(one.callback, _OF_THE_RUN) and one in self._own:
                one.restore(memories[one.key])

    def memory(self) -> dict[str, Memory]:
        """What each remembers, by its key."""
        return {one.key: one.memory() for one in self._all()}

    def _all(self) -> list[RememberedCallback]:
        return [*self._own, *self._users]


def make_callbacks(
    schedule: Schedule, stage: Stage, run_dir: RunDir, batch_size: int, *, writes: bool = True
) -> list[keras.callbacks.Callback]:
    """The run's own callbacks of one stage, in the order in which they are called.

    Args:
        schedule: What is averaged, monitored and waited for.
        stage: The stage; the first of two does not end early.
        run_dir: Where the files go.
        batch_size: Images a step, for the progress line.
        writes: Whether this process writes the files; each decides alike about all else.
    """
    callbacks: list[keras.callbacks.Callback] = []
    if schedule.averages_weights:
        # Before the checkpoint, so that it saves the averaged weights that were validated.
        callbacks.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    if writes:
        callbacks += [
            BestCheckpoint(run_dir.model_file, schedule.monitor, _record_of(run_dir)),
            keras.callbacks.CSVLogger(run_dir.history_file, append=True),
            # It writes to the folders `train` and `validation` inside.
            keras.callbacks.TensorBoard(run_dir.path, write_graph=False),
        ]
    if schedule.patience is not None and not stage.is_head_stage:
        mode = _mode(schedule.monitor)
        callbacks.append(
            keras.callbacks.EarlyStopping(schedule.monitor, mode=mode, patience=schedule.patience)
        )
    return [*callbacks, *([ProgressLine(batch_size, schedule.epochs)] if writes else [])]


def _record_of(run_dir: RunDir) -> bytes:
    """Empty: a saliency model is taught by where people looked, and has none."""
    record = find_record(run_dir.path)
    return record.to_bytes() if record else b''


def forget_epochs_after(history_file: str, epoch: int) -> None:
    """Drops the lines of epochs from `epoch` on: the run was cut off and trains them again."""
    if not os.path.isfile(history_file):
        return
    with open(history_file, encoding='utf-8', errors='replace', newline='') as file:
        header, *lines = file.readlines() or ['']
    is_known = header.startswith('epoch,')
    epochs = [_epoch_of(line, header) if is_known else None for line in lines]
    # The last line may have been cut off; others only by a damaged disk, or somebody's hand.
    damaged = epochs[:-1].count(None)
    if damaged or (header and not is_known):
        what = f'{damaged} of its lines are left out' if is_known else 'it begins anew'
        print(
            f'note: {history_file} is damaged; {what}. The training itself does not read it.',
            file=sys.stderr,
        )
    known = zip(lines, epochs, strict=True)
    kept = [line for line, of in known if of is not None and of < epoch]
    write_text(history_file, ''.join([header, *kept] if kept else []))


def _epoch_of(line: str, header: str) -> int | None:
    """The epoch, from 0, of a line of the history; None where the line is damaged."""
    values = line.split(',')
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return None
    is_whole = len(values) == header.count(',') + 1 and numbers[0].is_integer()
    return int(numbers[0]) if is_whole else None


def _mode(monitor: str) -> str:
    return 'min' if monitor.endswith('loss') else 'max'


# What was best, and the step that TensorBoard counts, are the run's and not the stage's.
_OF_THE_RUN = (BestCheckpoint, keras.callbacks.TensorBoard)
