"""What callbacks remember is kept by whose they are, their place and their class."""

import keras

from fer_keras.run_dir import RunDir
from fer_keras.training.callback_memory import RememberedCallback, memories_for
from fer_keras.training.saved_states import Checkpoints
from tests.training.test_stages import small_run


def early_stopping(**options):
    return keras.callbacks.EarlyStopping(monitor='loss', mode='min', **options)


def newest(folder):
    return Checkpoints(RunDir(str(folder)).state_dir).latest()


def cut_off_and_go_on(folder, make_callbacks):
    """Trains two epochs, forgets the second, and trains it again with new callbacks."""
    small_run(folder, callbacks=make_callbacks(), epochs=4, patience=7, monitor='val_loss')
    states = folder / 'checkpoints/states'
    (states / 'state-000004-00000000.npz').unlink()
    callbacks = make_callbacks()
    small_run(folder, callbacks=callbacks, epochs=4, patience=7, monitor='val_loss')
    return callbacks


def test_a_second_early_stopping_leaves_that_of_the_run_alone(tmp_path):
    # Nothing is ever better by 100, so that it waits from the first epoch on.
    (one,) = cut_off_and_go_on(tmp_path, lambda: [early_stopping(patience=50, min_delta=100)])
    assert (one.patience, one.wait) == (50, 3)
    saved = newest(tmp_path).callbacks
    assert saved['callbacks/0/EarlyStopping']['wait'] == 3
    assert 'wait' not in saved['run/EarlyStopping']  # Each epoch was better than the last.
    assert saved['run/EarlyStopping']['best'] != saved['callbacks/0/EarlyStopping']['best']
    assert 'patience' not in saved['run/EarlyStopping']


def test_two_of_a_class_are_told_apart_by_their_place(tmp_path):
    first, second = cut_off_and_go_on(
        tmp_path,
        lambda: [early_stopping(patience=50, min_delta=100), early_stopping(patience=60)],
    )
    assert (first.patience, second.patience) == (50, 60)
    assert first.wait == 3 > second.wait


def test_settings_are_those_of_the_callbacks_that_go_on(tmp_path):
    small_run(tmp_path, callbacks=[early_stopping(patience=50, min_delta=0.25)], epochs=4)
    (tmp_path / 'checkpoints/states/state-000004-00000000.npz').unlink()
    other = early_stopping(patience=9, min_delta=0.5)
    small_run(tmp_path, callbacks=[other], epochs=4)
    # A minimum is improved by less than nothing: Keras turns the sign as it begins, and once only.
    assert (other.patience, abs(other.min_delta)) == (9, 0.5)
    assert other.min_delta == started(early_stopping(min_delta=0.5)).min_delta


def started(callback):
    callback.set_model(keras.Sequential())
    callback.on_train_begin()
    callback.on_epoch_end(0, {'loss': 1.0})
    return callback


class Counter(keras.callbacks.Callback):
    def __init__(self, count=0, step=2):
        super().__init__()
        self.count, self.step = count, step

    def on_epoch_end(self, epoch, logs=None):
        self.count += self.step


def test_what_a_constructor_begins_with_and_the_run_changes_is_kept(tmp_path):
    (one,) = cut_off_and_go_on(tmp_path, lambda: [Counter()])
    assert one.count == 8
    assert newest(tmp_path).callbacks['callbacks/0/Counter'] == {'count': 8}


def test_callbacks_of_the_user_know_in_the_second_stage_what_they_knew(tmp_path):
    options = {'epochs': 3, 'head_epochs': 2}
    peace, cut_off = Counter(), Counter()
    small_run(tmp_path / 'peace', callbacks=[peace], **options)
    small_run(tmp_path / 'cut_off', callbacks=[Counter()], **options)
    (tmp_path / 'cut_off/checkpoints/states/state-000003-00000000.npz').unlink()
    small_run(tmp_path / 'cut_off', callbacks=[cut_off], **options)
    assert peace.count == cut_off.count == 6


def test_states_that_know_callbacks_by_class_are_still_read():
    own = RememberedCallback(early_stopping(), 'run/EarlyStopping')
    users = RememberedCallback(early_stopping(), 'callbacks/0/EarlyStopping')
    saved = {'EarlyStopping': {'wait': 2, 'patience': 10}, 'CSVLogger': {}}
    assert memories_for(saved, [own])[own.key]['wait'] == 2
    # Of two of a class the last one was kept.
    assert memories_for(saved, [own, users]) == {
        own.key: {},
        users.key: {'wait': 2, 'patience': 10},
    }
    users.restore(saved['EarlyStopping'])
    assert (users.callback.wait, users.callback.patience) == (2, 0)
