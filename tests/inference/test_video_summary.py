"""The page and the table about the people of videos."""

import base64
import re

import numpy as np
import pandas as pd

from fer_keras.inference.expression_colours import colours_of
from fer_keras.inference.video_people import Timeline
from fer_keras.inference.video_summary import VideoSummary
from tests.fakes import face_at
from tests.inference.test_overlay_video import NAMES, answered
from tfds_builders.pictures import read_picture


def summarize(folder, frames, thumbnails=True):
    """The page and the table."""
    with VideoSummary(str(folder), NAMES, thumbnails=thumbnails) as summary:
        for frame in frames:
            summary.add(frame)
    return (folder / 'summary.html').read_text(), pd.read_csv(folder / 'people.csv')


def test_seconds_of_each_expression_are_counted_by_time(tmp_path):
    times = [0, 0.5, 1.0, 3.0, 3.5]
    tracks = [[0], [0, 1], [1], [0], [0]]
    frames = [answered(i, t, who) for i, (t, who) in enumerate(zip(times, tracks, strict=True))]
    _, table = summarize(tmp_path, frames)
    # A frame is shown until the next one; the last one as long as that before it.
    assert table['track'].tolist() == [0, 1]
    assert table['happy_s'].tolist() == [0.5 + 0.5 + 0.5 + 0.5, 0]
    assert table['sad_s'].tolist() == [0, 0.5 + 2.0]
    assert table['seen_s'].tolist() == [2.0, 2.5]
    assert table['first_s'].tolist() == [0, 0.5] and table['last_s'].tolist() == [3.5, 1.0]


def test_people_of_two_videos_are_told_apart(tmp_path):
    frames = [answered(i, i / 2, [0], source=name) for name in ('a.mp4', 'b.mp4') for i in range(3)]
    page, table = summarize(tmp_path, frames)
    assert table['file'].tolist() == ['a.mp4', 'b.mp4'] and set(table['seen_s']) == {1.5}
    assert page.count('<h3>Person 0</h3>') == 2


def test_the_page_asks_for_nothing_and_shows_what_it_says(tmp_path):
    frames = [answered(i, i / 5, [0, 1]) for i in range(20)]
    page, _ = summarize(tmp_path, frames)
    assert not re.search(r'(?:src|href)="(?!data:)|url\(|@import|<script', page)
    assert page.count('<img src="data:image/jpeg;base64,') == 2
    assert all(page.count(colour) >= 3 for colour in colours_of(NAMES))
    # Of the happier one: a quarter sad from the bottom up, the rest happy.
    sad, happy = re.findall(r'd="(M[^"]+)"', page)[:2]
    heights = [{float(y) for y in re.findall(r',([\d.]+)', path)} for path in (sad, happy)]
    assert heights == [{100, 75}, {75, 0}]


def test_a_thumbnail_shows_a_face_that_nobody_hides(tmp_path):
    shown = {}
    for share in (0.0, 0.5):
        # In the second frame, darker, the face is larger, and of two the other one is in its place.
        frames = [answered(0, 0.0, [0, 1]), answered(1, 1.0, [0, 1])]
        larger = face_at(40, 45, size=36)
        frames[1].frame.picture.image[:] = 20
        frames[1].frame.people.update({0: larger, 1: face_at(40 + 36 * (1 - share), 45, size=36)})
        page, _ = summarize(tmp_path, frames)
        jpeg = base64.b64decode(re.search(r'jpeg;base64,([^"]+)', page).group(1))
        shown[share] = read_picture(jpeg).mean()
    np.testing.assert_allclose([shown[0.0], shown[0.5]], [20, 90], atol=2)


def test_no_face_is_shown_where_that_is_not_wanted(tmp_path):
    page, table = summarize(tmp_path, [answered(i, i, [0]) for i in range(3)], thumbnails=False)
    assert '<img' not in page and len(table) == 1


def test_names_are_text_and_a_video_of_nobody_has_its_heading(tmp_path):
    page, table = summarize(tmp_path, [answered(0, 0.0, [], source='<b>.mp4')])
    assert '&lt;b&gt;.mp4' in page and '<b>' not in page.partition('<section>')[2]
    assert '0 people' in page and table.empty


def test_a_timeline_stays_short_and_keeps_its_mean():
    timeline = Timeline()
    for number in range(5_000):
        timeline.add(number / 25, np.array([number % 2, 1.0]))
    means = list(timeline.means())
    assert 150 <= len(means) <= 300 and timeline.step_s == 0.1 * 2**3
    np.testing.assert_allclose([mean for _, mean in means], [[0.5, 1]] * len(means), atol=0.02)
    assert len(list(timeline.runs())) == 1


def test_frames_further_apart_than_steps_leave_no_gap_in_a_timeline():
    timeline = Timeline()
    for start in (0.0, 0.25, 0.5, 3.0):
        timeline.add(start, np.array([start, 1.0]), lasts_s=0.25)
    there, back = timeline.runs()
    assert [round(start, 1) for start, _ in there] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert [mean[0] for _, mean in there] == [0, 0, 0.25, 0.25, 0.25, 0.5, 0.5]
    assert [round(start, 1) for start, _ in back] == [3.0, 3.1]
    timeline.add(3.25, np.array([3.25, 1.0]), lasts_s=7200)
    assert len(list(timeline.means())) <= 300
