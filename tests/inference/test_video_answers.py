"""Videos as a user gives them: rows with tracks, the overlay and the summary."""

import tracemalloc

import cv2
import numpy as np
import pandas as pd
import pytest

from fer_keras.config.inference import PredictionConfig
from fer_keras.errors import InvalidInputError
from fer_keras.inference import answering, source_answers
from fer_keras.inference.answers import column_types
from fer_keras.inference.predictor import Predictor
from tests.fakes import face_at
from tests.inference.test_photos import write_video
from tfds_builders.single_shot import SingleShot

NAMES = ('sad', 'happy')
SMOOTHED = [f'smoothed_{name}' for name in NAMES]


@pytest.fixture
def predict(monkeypatch, tmp_path):
    """The command in this process: a light frame has a happy face, a dark one a sad face."""

    def probabilities(images):
        happy = images.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - happy, happy], axis=1)

    monkeypatch.setattr(answering, 'load', lambda path, **_: Predictor(probabilities, NAMES))
    monkeypatch.setattr(
        SingleShot,
        'find_all_faces',
        lambda _, images, **__: [[face_at(16, 16, 12)] for _ in images],
    )

    def call(*sources, **options):
        config = PredictionConfig(model='model', output=str(tmp_path / 'out.csv'), **options)
        outcome = answering.answer_files(config, [str(source) for source in sources])
        return outcome, pd.read_csv(tmp_path / 'out.csv')

    return call


@pytest.fixture
def is_missing(monkeypatch):
    """As where the extra `video` is not installed."""
    monkeypatch.setattr(source_answers, 'is_installed', lambda: False)


# Ten frames a second; the change of the light is too slow for a cut.
LIGHT = [80] * 5 + [80 + 4 * step for step in range(1, 16)]


def test_rows_of_a_video_have_a_track_and_smoothed_answers(predict, tmp_path):
    pytest.importorskip('trackers')
    outcome, table = predict(write_video(tmp_path / 'clip.avi', LIGHT))
    assert outcome.exit_status == 0 and list(table) == list(column_types(NAMES, of_video=True))
    assert set(table['track']) == {0} and set(table['face']) == {0}
    np.testing.assert_allclose(table['time_s'], np.arange(20) / 10, atol=1e-3)
    means = table['p_happy'].rolling(5, center=True, min_periods=1).mean()
    np.testing.assert_allclose(table['smoothed_happy'], means, atol=1e-6)
    np.testing.assert_allclose(table[SMOOTHED].sum(axis=1), 1, atol=1e-6)
    assert table['smoothed_label'].tolist() == ['sad' if p <= 0.5 else 'happy' for p in means]
    # Searched every 0.2 s.
    assert table['confidence'].notna().tolist() == [True, False] * 9 + [True, True]
    _, rough = predict(tmp_path / 'clip.avi', smoothing_s=0.0)
    np.testing.assert_allclose(rough['smoothed_happy'], rough['p_happy'])


def test_photos_beside_a_video_have_empty_columns(predict, tmp_path):
    pytest.importorskip('trackers')
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((32, 32, 3), 200, np.uint8))
    clip = write_video(tmp_path / 'clip.avi', [80] * 4)
    _, table = predict(tmp_path / 'a.png', clip, clip)
    assert table['photo'].tolist() == list(range(9))
    assert table['track'].isna().tolist() == [True] + [False] * 8
    # A track is of one video.
    assert set(table['track'][1:]) == {0}
    assert table.loc[0, ['time_s', 'smoothed_label', *SMOOTHED]].isna().all()
    _, photos = predict(tmp_path / 'a.png')
    assert list(photos) == list(column_types(NAMES))


def test_overlay_and_summary_are_written_beside_the_table(predict, tmp_path):
    pytest.importorskip('trackers')
    outcome, table = predict(
        write_video(tmp_path / 'clip.avi', LIGHT),
        overlay_video=str(tmp_path / 'out.mp4'),
        summary_dir=str(tmp_path / 'summary'),
        every=2,
    )
    assert outcome.exit_status == 0 and table['frame'].tolist() == list(range(0, 20, 2))
    assert answering.count_pictures([str(tmp_path / 'out.mp4')], every=1, max_frames=0) == 10
    people = pd.read_csv(tmp_path / 'summary' / 'people.csv')
    assert people['seen_s'].tolist() == [2.0]
    assert 'Person 0' in (tmp_path / 'summary' / 'summary.html').read_text()


def test_memory_stays_flat_over_a_long_video_that_is_followed(predict, tmp_path):
    pytest.importorskip('trackers')
    video = cv2.VideoWriter(
        str(tmp_path / 'long.avi'), cv2.VideoWriter.fourcc(*'MJPG'), 25, (320, 240)
    )
    for number in range(150):
        video.write(np.full((240, 320, 3), 80 + number // 10, np.uint8))
    video.release()
    predict(tmp_path / 'long.avi', max_frames=30)  # What is kept for good.
    tracemalloc.start()
    _, table = predict(tmp_path / 'long.avi', summary_dir=str(tmp_path / 'summary'))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # All frames together have 35 MB, the thirty that wait for others have 7.
    assert len(table) == 150 and peak < 14e6


def test_without_the_extra_a_video_has_the_rows_it_had_before(predict, is_missing, tmp_path):
    outcome, table = predict(write_video(tmp_path / 'clip.avi', LIGHT))
    assert list(table) == list(column_types(NAMES)) and table['track'].isna().all()
    assert len(table) == 20 and 'pip install "fer_keras[video]"' in outcome.notes[0]
    with pytest.raises(InvalidInputError, match=r'pip install "fer_keras\[video\]"'):
        predict(tmp_path / 'clip.avi', summary_dir=str(tmp_path / 'summary'))


def test_people_are_not_followed_where_that_is_not_wanted(predict, tmp_path):
    clip = write_video(tmp_path / 'clip.avi', [80] * 4)
    for options in ({'track': False}, {'crops': True}):
        outcome, table = predict(clip, **options)
        assert list(table) == list(column_types(NAMES)) and not outcome.notes


@pytest.mark.parametrize(
    'options, message',
    [
        ({'overlay_video': 'out.avi'}, 'must end in .mp4 or .mkv'),
        ({'overlay_video': 'out.mp4', 'track': False}, 'must follow. Received: track=False'),
        ({'summary_dir': 'folder', 'crops': True}, 'must follow. Received: crops=True'),
        ({'overlay_video': 'out.mp4'}, 'takes one video.*Received: 1 videos of 2 inputs'),
    ],
)
def test_what_cannot_be_is_refused(options, message, predict, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((32, 32, 3), 200, np.uint8))
    with pytest.raises(InvalidInputError, match=message):
        predict(tmp_path / 'a.png', write_video(tmp_path / 'clip.avi'), **options)
    with pytest.raises(InvalidInputError, match='about videos. Received: none'):
        predict(tmp_path / 'a.png', summary_dir='folder')
