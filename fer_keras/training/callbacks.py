"""What happens around the steps: history, TensorBoard, early stopping, the best weights."""

from __future__ import annotations

import keras

from fer_keras.config import TrainingConfig
from fer_keras.run_dir import RunDir


class StopOnNaN(keras.callbacks.Callback):
    """Ends the run where the loss is no number, saying in which epoch and what to try."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        loss = (logs or {}).get('loss', 0.0)
        if loss != loss:
            raise ValueError(
                f'The loss became NaN in epoch {epoch + 1}. '
                'Lower --learning_rate and --head_learning_rate and start again.'
            )


def make_best_checkpoint(config: TrainingConfig, run_dir: RunDir) -> keras.callbacks.Callback:
    """Keeps the classifier of the best epoch. One for both stages, so that the best is overall."""
    return keras.callbacks.ModelCheckpoint(
        run_dir.model_file, monitor=config.monitor, save_best_only=True
    )


def make_callbacks(
    config: TrainingConfig,
    run_dir: RunDir,
    best_checkpoint: keras.callbacks.Callback,
    *,
    stops_early: bool,
) -> list[keras.callbacks.Callback]:
    """The callbacks of one stage, in the order in which they are called."""
    callbacks: list[keras.callbacks.Callback] = [StopOnNaN()]
    if config.ema_momentum:
        # Before the checkpoint, so that it saves the averaged weights that were validated.
        callbacks.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    callbacks += [
        best_checkpoint,
        keras.callbacks.CSVLogger(run_dir.history_file, append=True),
        keras.callbacks.TensorBoard(run_dir.tensorboard_dir, write_graph=False),
    ]
    if stops_early:
        callbacks.append(
            keras.callbacks.EarlyStopping(monitor=config.monitor, patience=config.patience)
        )
    return callbacks
