"""What happens around the steps: history, TensorBoard, early stopping, the best weights."""

from __future__ import annotations

import os

import keras

from fer_keras.config.run import TrainingConfig
from fer_keras.run_dir import RunDir


class BestCheckpoint(keras.callbacks.ModelCheckpoint):
    """Keeps the classifier of the best epoch, written under a temporary name and renamed."""

    def __init__(self, path: str, monitor: str) -> None:
        self._path = path
        unfinished = path.removesuffix('.keras') + '.unfinished.keras'
        super().__init__(unfinished, monitor=monitor, mode=_mode(monitor), save_best_only=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if os.path.isfile(self.filepath):  # Of a run that was killed as it wrote.
            os.remove(self.filepath)
        super().on_epoch_end(epoch, logs)
        if os.path.isfile(self.filepath):
            os.replace(self.filepath, self._path)


def forget_epochs_after(history_file: str, epoch: int) -> None:
    """Drops the lines of epochs from `epoch` on: the run was cut off and trains them again."""
    if not os.path.isfile(history_file):
        return
    with open(history_file, encoding='utf-8', newline='') as file:
        lines = file.readlines()
    # The last line may have been cut off.
    whole = [line for line in lines if line.count(',') == lines[0].count(',')]
    kept = whole[:1] + [line for line in whole[1:] if int(line.split(',')[0]) < epoch]
    unfinished = f'{history_file}.unfinished'
    with open(unfinished, 'w', encoding='utf-8', newline='') as file:
        file.writelines(kept if len(kept) > 1 else [])
    os.replace(unfinished, history_file)


def make_callbacks(
    config: TrainingConfig,
    run_dir: RunDir,
    best_checkpoint: keras.callbacks.Callback,
    *,
    stops_early: bool,
    writes: bool = True,
) -> list[keras.callbacks.Callback]:
    """The callbacks of one stage, in the order in which they are called.

    Args:
        config: What is averaged, monitored and waited for.
        run_dir: Where the files go.
        best_checkpoint: The run's `BestCheckpoint`, one for both stages: the best is overall.
        stops_early: Whether the stage may end before its last epoch.
        writes: Whether this process writes the files; each decides alike about all else.
    """
    callbacks: list[keras.callbacks.Callback] = []
    if config.ema_momentum:
        # Before the checkpoint, so that it saves the averaged weights that were validated.
        callbacks.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    if writes:
        callbacks += [
            best_checkpoint,
            keras.callbacks.CSVLogger(run_dir.history_file, append=True),
            # It writes to the folders `train` and `validation` inside.
            keras.callbacks.TensorBoard(run_dir.path, write_graph=False),
        ]
    if stops_early:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                monitor=config.monitor, mode=_mode(config.monitor), patience=config.patience
            )
        )
    return callbacks


def _mode(monitor: str) -> str:
    return 'min' if monitor.endswith('loss') else 'max'
