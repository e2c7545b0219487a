import io

from fer_keras.training.progress import ProgressLine, describe_seconds


class Terminal(io.StringIO):
    def isatty(self):
        return True


def show(stream, seconds_a_step):
    """Two epochs of ten steps of 8 images; validation takes as long as one step."""
    now = [0.0]
    line = ProgressLine(8, 2, stream, clock=lambda: now[0])
    line.set_params({'steps': 10, 'epochs': 2})
    for epoch in range(2):
        line.on_epoch_begin(epoch)
        for step in range(10):
            now[0] += seconds_a_step
            line.on_train_batch_end(step, {'loss': 0.5, 'accuracy': 0.25})
        now[0] += seconds_a_step
        line.on_epoch_end(epoch, {'loss': 0.5, 'val_loss': 0.75})
    return stream.getvalue()


def test_a_terminal_shows_one_line_that_is_written_over():
    printed = show(Terminal(), seconds_a_step=2.0)
    assert printed.count('\n') == 2
    # Half of the first epoch at 4 images/s: 40 images of this one and 80 of the next.
    line = next(part for part in printed.split('\r') if 'step 5/10' in part).strip()
    assert line == ('epoch 1/2  step 5/10  loss 0.5000  accuracy 0.2500  4 images/s  30 s left')
    # The second epoch is expected to take as long as the whole first one, 22 s.
    assert 'epoch 1/2  loss 0.5000  val_loss 0.7500  4 images/s  22 s left' in printed
    assert printed.rstrip().endswith('val_loss 0.7500  4 images/s')


def test_a_file_gets_a_line_an_epoch_and_now_and_then_one_between():
    assert show(io.StringIO(), seconds_a_step=0.1).count('\n') == 2
    assert show(io.StringIO(), seconds_a_step=10.0).count('step 3/10') == 2


def test_what_building_the_graph_took_is_not_expected_again():
    now = [0.0]
    stream = io.StringIO()
    line = ProgressLine(8, 3, stream, clock=lambda: now[0])
    line.set_params({'steps': 10, 'epochs': 3})
    line.on_epoch_begin(0)
    for step, seconds in enumerate((60.0, *[2.0] * 9)):
        now[0] += seconds
        line.on_train_batch_end(step, {'loss': 0.5})
    line.on_epoch_end(0, {'loss': 0.5})
    # Two epochs of 20 s, not of 78 s.
    assert stream.getvalue().rstrip().endswith('40 s left')


def test_time_is_told_in_round_numbers():
    assert [describe_seconds(s) for s in (99, 150, 11100)] == ['99 s', '2 min', '3 h 5 min']
